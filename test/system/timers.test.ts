import { codeOf, FakeTime, small, turns } from './support';

// Timers of the caller that throw.

class BadTime extends FakeTime {
  failsToStart = false;
  failsToStop = false;

  override start(work: () => void, delayMs: number): unknown {
    if (this.failsToStart) throw new RangeError('no timer');
    return super.start(work, delayMs);
  }

  override stop(timer: unknown): void {
    if (this.failsToStop) throw new RangeError('no stop');
    super.stop(timer);
  }
}

const metrics = { counter() {}, gauge() {} };

test('start() whose timer cannot begin leaves nothing behind, and can be called again', () => {
  const timers = new BadTime();
  const cache = { name: 'c', usedBytes: 0, trim: () => 0 };
  const monitor = {
    level: 'none',
    listeners: 0,
    on: () => (monitor.listeners += 1),
    off: () => (monitor.listeners -= 1),
  };
  using system = small({ timers, metrics, caches: [cache], monitor: monitor as never });
  timers.failsToStart = true;
  expect(() => system.start()).toThrow('no timer');
  expect([system.state, system.reclaimer.stats().targets, monitor.listeners]).toEqual(['created', 0, 0]);
  timers.failsToStart = false;
  system.start();
  expect([system.state, system.reclaimer.stats().targets, timers.pending]).toEqual(['running', 2, 1]);
});

test('an interval that cannot go on is told to the logger', () => {
  const timers = new BadTime();
  const warnings: string[] = [];
  using system = small({
    ...{ timers, metrics },
    logger: { info() {}, warn: (_, words) => void warnings.push(words), error() {} },
  }).start();
  timers.failsToStart = true;
  timers.advance(10_000);
  expect([warnings, system.state]).toEqual([['metrics are published no more at their interval'], 'running']);
});

test('timers that cannot be stopped hold up no end', async () => {
  const timers = new BadTime();
  const system = small({ timers, metrics }).start();
  timers.failsToStop = true;
  system.dispose();
  expect([system.state, codeOf(() => system.allocate(1))]).toEqual(['stopped', 'ERR_MEMORY_CLOSED']);

  const warnings: string[] = [];
  const logger = { info() {}, warn: (_: object, words: string) => void warnings.push(words), error() {} };
  const other = small({ timers, metrics, logger }).start();
  const handle = other.allocate(100);
  const ended = other.shutdown({ deadlineMs: '1s' });
  await turns();
  other.free(handle, 100);
  await ended;
  expect([other.state, timers.pending]).toEqual(['stopped', 4]);
  timers.advance(60_000);
  expect([warnings, timers.pending]).toEqual([[], 0]); // the timers come to nothing
});

test('a deadline that cannot begin fails the shutdown, which can be called again', async () => {
  const timers = new BadTime();
  const system = small({ timers }).start();
  const handle = system.allocate(100);
  timers.failsToStart = true;
  await expect(system.shutdown({ deadlineMs: '1s' })).rejects.toThrow('no timer');
  system.free(handle, 100);
  await system.shutdown(); // nothing is held: plugins have no deadline then
  expect(system.state).toBe('stopped');
});
