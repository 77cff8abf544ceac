import { getEventListeners } from 'node:events';
import { StreamingArena } from '../../lib/arenas';
import { MemoryBudget, SharedBudget } from '../../lib/budgets';
import { AsyncPool, Channel, ThreadSafePool } from '../../lib/pools';
import { FakeTime } from '../support/fake-time';

interface Wait {
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

/** Something whose all is taken, so that whoever asks must wait. */
interface Taken {
  wait(options: Wait): Promise<unknown>;
  /** Gives back what was taken. */
  give(): void;
  waiting(): number;
  /** Whether all of it can be had again. */
  isFree(): boolean;
  end(): void;
}

/** Timers of which chosen ones cannot be started. */
class Failing extends FakeTime {
  failing: readonly number[] = [];
  private started = 0;

  failAt(...failing: number[]): void {
    this.failing = failing;
    this.started = 0;
  }

  override start(work: () => void, delayMs: number): unknown {
    this.started += 1;
    if (this.failing.includes(this.started)) throw new RangeError('no stack left');
    return super.start(work, delayMs);
  }
}

const KINDS: Record<string, (time: Failing) => Taken | Promise<Taken>> = {
  MemoryBudget: (time) => {
    const budget = new MemoryBudget('x', { limitBytes: 10, timers: time });
    budget.reserve(10);
    return {
      wait: (options) => budget.acquire(10, options),
      give: () => budget.release(10),
      waiting: () => budget.stats().waiting,
      isFree: () => budget.tryReserve(10),
      end: () => {
        budget.release(10);
        budget[Symbol.dispose]();
      },
    };
  },
  SharedBudget: (time) => {
    const budget = SharedBudget.create('x', { limitBytes: 4096, timers: time, clock: time });
    budget.reserve(4096);
    return {
      wait: (options) => budget.acquire(4096, options),
      give: () => budget.release(4096),
      waiting: () => budget.stats().waiting,
      isFree: () => budget.tryReserve(4096),
      end: () => {
        budget.release(4096);
        budget[Symbol.dispose]();
      },
    };
  },
  ThreadSafePool: (time) => {
    const pool = ThreadSafePool.create({ slots: 1, slotBytes: 64, timers: time, clock: time });
    const lease = pool.tryAcquire();
    return {
      wait: (options) => pool.acquire(options),
      give: () => lease?.release(),
      waiting: () => pool.stats().waiting,
      isFree: () => pool.tryAcquire() !== undefined,
      end: () => pool.close(),
    };
  },
  'Channel: receiving': (time) => {
    const channel = Channel.create({ timers: time });
    return {
      wait: (options) => channel.receiver().receive(options),
      give: () => void channel.sender().trySend(new Uint8Array(1)),
      waiting: () => channel.stats().receiving,
      isFree: () => channel.receiver().tryReceive() !== undefined,
      end: () => channel.close(),
    };
  },
  'Channel: sending': (time) => {
    const channel = Channel.create({ capacity: 1, timers: time });
    channel.sender().trySend(new Uint8Array(1));
    return {
      wait: (options) => channel.sender().send(new Uint8Array(1), options),
      give: () => channel.receiver().tryReceive()?.release(),
      waiting: () => channel.stats().sending,
      isFree: () => channel.sender().trySend(new Uint8Array(1)),
      end: () => channel.close(),
    };
  },
  AsyncPool: async (time) => {
    const pool = new AsyncPool({ create: () => ({}), max: 1, timers: time, clock: time });
    const object = await pool.acquire();
    return {
      wait: (options) => pool.acquire(options),
      give: () => void pool.release(object),
      waiting: () => pool.stats().waiting,
      isFree: () => pool.stats().borrowed === 0,
      end: () => void pool[Symbol.asyncDispose](),
    };
  },
};

/** Which timer fails: the first is the deadline's, where there is one; the next ones are for looking. */
const FAILURES: [string, readonly number[], Wait][] = [
  ['its deadline', [1], { deadlineMs: 50 }],
  ['its first look', [1], {}],
  ['its first look and the next', [1, 2], {}],
  ['its first look, after the deadline', [2], { deadlineMs: 50 }],
];

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe.each(Object.entries(KINDS))('%s', (_name, make) => {
  test.each(FAILURES)('a wait for which a timer cannot be started (%s) takes nothing', async (_what, failing, wait) => {
    const time = new Failing();
    const taken = await make(time);
    const { signal } = new AbortController();
    time.failAt(...failing);
    let settled = 'waits';
    const promise = taken.wait({ ...wait, signal }).then(
      () => {
        settled = 'granted';
      },
      (error: unknown) => {
        settled = (error as Error).message;
      },
    );
    await turn();
    time.failAt();
    if (settled === 'waits') {
      // This kind starts no such timer: then the wait is one like any other.
      expect(taken.waiting()).toBe(1);
      taken.give();
      time.advance(100);
      await promise;
      expect(settled).toBe('granted');
    } else {
      expect([settled, taken.waiting()]).toEqual(['no stack left', 0]);
      taken.give();
      time.advance(100);
      await turn();
      expect(taken.isFree()).toBe(true);
    }
    expect([getEventListeners(signal, 'abort').length, taken.waiting()]).toEqual([0, 0]);
    taken.end();
  });
});

test('the wait of a StreamingArena that cannot be watched for takes nothing', async () => {
  using arena = new StreamingArena(4096, { buffers: 1 });
  const lease = arena.tryAcquire();
  const { signal } = new AbortController();
  jest.spyOn(signal, 'addEventListener').mockImplementation(() => {
    throw new RangeError('no stack left');
  });
  await expect(arena.acquire({ signal })).rejects.toThrow('no stack left');
  lease?.release();
  expect(arena.stats()).toMatchObject({ waiting: 0, leasedBuffers: 0 });
});
