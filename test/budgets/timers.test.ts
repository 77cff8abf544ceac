import { MemoryBudget, SharedBudget } from '../../lib/budgets';
import { HEAD } from '../../lib/budgets/shared/layout';
import { Region } from '../../lib/platform';
import { refusal } from '../tracking/support/refusals';
import { checkTree, FakeTime } from './support';

/** Timers that can be made to fail. */
class Failing extends FakeTime {
  failing: 'start' | 'stop' | null = null;

  override start(work: () => void, delayMs: number): unknown {
    if (this.failing === 'start') throw new Error('start');
    return super.start(work, delayMs);
  }

  override stop(timer: unknown): void {
    if (this.failing === 'stop') throw new Error('stop');
    super.stop(timer);
  }
}

describe('timers that throw', () => {
  test('a reservation whose expiry cannot be watched for takes nothing', () => {
    const timers = new Failing();
    const budget = new MemoryBudget('b', { limitBytes: 100, timers });
    timers.failing = 'start';
    expect(() => budget.reservation(60, { expiresMs: 10 })).toThrow('start');
    expect(budget.usedBytes).toBe(0);
    checkTree(budget);
  });

  test.each(['cancel', 'claim'] as const)(
    'a reservation whose timer cannot be stopped ends all the same: %s',
    (end) => {
      const timers = new Failing();
      const budget = new MemoryBudget('b', { limitBytes: 100, timers });
      const held = budget.reservation(60, { expiresMs: 10 });
      timers.failing = 'stop';
      expect(held[end]()).toBe(end === 'claim' ? 60 : undefined);
      timers.advance(10); // finds nothing to do
      expect([budget.usedBytes, held.state]).toEqual(end === 'claim' ? [60, 'claimed'] : [0, 'canceled']);
    },
  );

  test.each(['MemoryBudget', 'SharedBudget'] as const)('a %s grants all the same', async (kind) => {
    const timers = new Failing();
    const options = { limitBytes: 100, quantumBytes: 1, timers };
    const budget =
      kind === 'MemoryBudget'
        ? new MemoryBudget('b', options)
        : SharedBudget.create('b', { ...options, clock: timers });
    const held = await budget.acquire(100);
    const wait = budget.acquire(50, { deadlineMs: 10 });
    timers.failing = 'stop';
    held.cancel();
    const got = await wait;
    expect([got.bytes, budget.usedBytes]).toEqual([50, 50]);
    timers.advance(10);
    got.cancel();
    expect(budget.tryReserve(100)).toBe(true);
    budget.release(100);
    budget.close();
  });

  test('a SharedBudget that cannot look refuses those for whom nobody would look', async () => {
    const timers = new Failing();
    const shared = SharedBudget.create('b', { limitBytes: 100, quantumBytes: 1, timers, clock: timers });
    shared.reserve(100);
    const waits = [shared.acquire(50), shared.acquire(10)].map((wait) => wait.catch((error: Error) => error.message));
    await Promise.resolve();
    timers.failing = 'start';
    timers.advance(20); // the look cannot plan another one
    expect(await Promise.all(waits)).toEqual(['start', 'start']);
    expect(shared.stats().waiting).toBe(0);
    shared.release(100); // cannot watch for idleness, and gives all back at once from here on
    shared.close();
  });
});

describe('nothing is thrown in a timer', () => {
  test('where bytes of a reservation that expires were given back by hand', () => {
    const timers = new FakeTime();
    const budget = new MemoryBudget('b', { limitBytes: 100, timers });
    const held = budget.reservation(10, { expiresMs: 5 });
    budget.release(10);
    expect(() => timers.advance(5)).not.toThrow();
    expect([held.state, budget.usedBytes]).toEqual(['expired', 0]);
  });

  const broken = () => {
    const timers = new FakeTime();
    const shared = SharedBudget.create('b', { limitBytes: 1000, quantumBytes: 1, timers, clock: timers });
    const region = Region.attach(shared.handle.region);
    const words = new Int32Array(region.buffer, 0, region.byteLength >> 2);
    const end = (kept: Int32Array): void => {
      words.set(kept);
      region.free();
      if (shared.stats().ownBytes > 0) shared.release(shared.stats().ownBytes);
      shared.close();
    };
    return { timers, shared, words, end };
  };

  test('where what is idle cannot be given back, for the memory is broken', () => {
    const { timers, shared, words, end } = broken();
    shared.reserve(100);
    shared.release(2);
    const kept = words.slice();
    words[HEAD.granted] = 0;
    expect(() => timers.advance(300)).not.toThrow();
    refusal('ERR_MEMORY_CORRUPTION', () => shared.release(10)); // the next call meets it
    end(kept);
  });

  test('where a deadline comes while the memory is broken: the wait ends', async () => {
    const { timers, shared, words, end } = broken();
    shared.reserve(1000);
    const wait = shared.acquire(500, { deadlineMs: 5 }).catch(({ code }: { code: string }) => code);
    timers.advance(4); // it looks after 1, 3 and 7 ms
    const kept = words.slice();
    words.fill(-1);
    expect(() => timers.advance(1)).not.toThrow();
    words.set(kept);
    expect(await wait).toMatch(/^ERR_MEMORY_(TIMEOUT|CORRUPTION)$/);
    end(kept);
  });
});

describe('timers and clocks that are none', () => {
  test.each([{}, null, 5, { start: () => 0 }, { start: 1, stop: 2 }])('timers %p are refused', (timers) => {
    const options = { limitBytes: 1000, timers: timers as never };
    const name = `nebula-test-timers-${process.pid}`;
    refusal('ERR_MEMORY_INVALID_ARGUMENT', () => new MemoryBudget('b', options));
    refusal('ERR_MEMORY_INVALID_ARGUMENT', () => SharedBudget.create('b', options));
    refusal('ERR_MEMORY_INVALID_ARGUMENT', () => SharedBudget.open(name, options));
    refusal('ERR_MEMORY_SYSCALL', () => SharedBudget.unlink(name)); // nothing was made
  });

  test.each([{}, null, 5, { nowMs: 5 }])('the clock %p is refused', (clock) => {
    refusal('ERR_MEMORY_INVALID_ARGUMENT', () => SharedBudget.create('b', { limitBytes: 1, clock: clock as never }));
  });
});
