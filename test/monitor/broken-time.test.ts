import { ManualSource, MemoryMonitor } from '../../lib/monitor';
import { FakeTime } from './support';

// A clock or timers of the caller that throw.

class BadTime extends FakeTime {
  clockFails = false;
  startFails = false;
  stopFails = false;

  override nowMs(): number {
    if (this.clockFails) throw new RangeError('no clock');
    return super.nowMs();
  }

  override start(work: () => void, delayMs: number): unknown {
    if (this.startFails) throw new RangeError('no timer');
    return super.start(work, delayMs);
  }

  override stop(timer: unknown): void {
    if (this.stopFails) throw new RangeError('no stop');
    super.stop(timer);
  }
}

function broken() {
  const time = new BadTime();
  const source = new ManualSource();
  const monitor = new MemoryMonitor({ sources: [source], clock: time, timers: time, dwellMs: 0 });
  const failures: string[] = [];
  monitor.on('failure', ({ where, error }) => failures.push(`${where}: ${(error as Error).message}`));
  return { time, source, monitor, failures };
}

test('a clock that throws stands still, is told of once, and the monitor goes on', () => {
  const { time, source, monitor, failures } = broken();
  monitor.start();
  time.clockFails = true;
  time.advance(10_000);
  expect([failures, time.pending, monitor.state]).toEqual([['clock: no clock'], 1, 'monitoring']);
  source.set('high'); // wakes it
  time.advance(1000);
  monitor.configure({ intervalMs: 500 });
  expect([monitor.level, monitor.state, time.pending, failures.length]).toEqual(['high', 'pressure', 1, 1]);
  time.clockFails = false;
  time.advance(1000);
  time.clockFails = true;
  time.advance(1000);
  expect(failures).toHaveLength(2); // it worked meanwhile
  monitor.stop();
  expect([monitor.state, time.pending]).toEqual(['idle', 0]);
});

test('a clock that throws from the beginning', () => {
  const { time, source, monitor, failures } = broken();
  time.clockFails = true;
  source.set('critical');
  monitor.start();
  expect([monitor.level, time.pending, failures]).toEqual(['critical', 1, ['clock: no clock']]);
  monitor.stop();
});

test.each(['clock', 'timer'])('who stops and starts it when told of the %s leaves one timer', (what) => {
  const { time, monitor } = broken();
  monitor.start();
  let told = 0;
  monitor.on('failure', () => {
    told += 1;
    time.stopFails = false;
    monitor.stop();
    if (told === 1) monitor.start();
  });
  const fail = (): void => {
    if (what === 'clock') time.clockFails = true;
    else time.stopFails = true;
    monitor.configure({ intervalMs: '5s' });
    time.clockFails = false;
  };
  fail();
  const unstopped = what === 'timer' ? 1 : 0;
  expect([told, monitor.state, time.pending]).toEqual([1, 'monitoring', 1 + unstopped]);
  time.advance(20_000);
  expect(time.pending).toBe(1);
  time.advance(5000);
  fail();
  expect([told, monitor.state, time.pending]).toEqual([2, 'idle', unstopped]);
  time.advance(20_000);
  expect(time.pending).toBe(0);
});

test('start() without a timer throws, and can be called again', () => {
  const { time, monitor } = broken();
  time.startFails = true;
  expect(() => monitor.start()).toThrow('no timer');
  expect([monitor.state, monitor.level, monitor.stats().sources[0]?.state]).toEqual(['idle', 'none', 'unknown']);
  time.startFails = false;
  monitor.start();
  expect([monitor.state, time.pending]).toEqual(['monitoring', 1]);
  monitor.stop();
});

test('timers that fail later are a failure, and poll() gets it going again', () => {
  const { time, monitor, failures } = broken();
  monitor.start();
  time.startFails = true;
  time.advance(10_000);
  expect([failures, monitor.state, time.pending]).toEqual([['timer: no timer'], 'monitoring', 0]);
  time.startFails = false;
  monitor.poll();
  expect(time.pending).toBe(1);
  monitor.stop();
});

test('a timer that cannot be stopped is a failure, and does nothing when it comes', () => {
  const { time, source, monitor, failures } = broken();
  monitor.start();
  time.stopFails = true;
  monitor.stop();
  expect([monitor.state, monitor.stats().sources[0]?.state, failures]).toEqual(['idle', 'unknown', ['timer: no stop']]);
  monitor.start();
  const { ticks } = monitor.stats();
  source.set('high');
  time.advance(60);
  expect([monitor.stats().ticks - ticks, monitor.level]).toEqual([1, 'high']);
  monitor.stop();
  time.advance(60_000);
  expect([monitor.stats().ticks - ticks, time.pending]).toEqual([1, 0]);
});
