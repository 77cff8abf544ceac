import { AsyncBatchAllocator, type AsyncPoolLike } from '../../../lib/pools';
import { AsyncPool } from '../../../lib/pools/async';
import { FakeTime } from '../../support/fake-time';

interface Thing {
  readonly id: number;
}

const make = (max: number) => {
  const time = new FakeTime();
  let id = 0;
  const pool = new AsyncPool<Thing>({ create: async () => ({ id: (id += 1) }), max, timers: time, clock: time });
  return { time, pool, batches: new AsyncBatchAllocator(pool, { timers: time }) };
};
const turns = async (count = 5): Promise<void> => {
  for (let at = 0; at < count; at += 1) await new Promise((resolve) => setImmediate(resolve));
};
const codeOf = async (work: Promise<unknown>): Promise<unknown> => {
  try {
    await work;
    return 'none';
  } catch (error) {
    return (error as { code?: string }).code ?? (error as Error).message;
  }
};

describe('AsyncBatchAllocator', () => {
  it('takes exactly as many as asked, and gives them back', async () => {
    const { pool, batches } = make(8);
    const batch = await batches.acquireExact(5);
    expect([[...batch].map(({ id }) => id), pool.borrowed]).toEqual([[1, 2, 3, 4, 5], 5]);
    const rest = batch.splitAt(2);
    await rest.release();
    expect([pool.borrowed, batch.length]).toEqual([2, 2]);
    expect(await codeOf(rest.release())).toBe('ERR_MEMORY_DOUBLE_FREE');
    expect(await batch.detach()).toHaveLength(2);
    expect([pool.borrowed, pool.size, batches.stats()]).toMatchObject([0, 3, { batches: 1, live: 1, largest: 5 }]);
    await batch[Symbol.asyncDispose]();
    await batch[Symbol.asyncDispose]();
    expect(batches.stats().live).toBe(0);
  });

  it('does not let two batches block each other', async () => {
    const { pool } = make(4);
    // Two allocators over one pool share the order.
    const [a, b] = [new AsyncBatchAllocator(pool), new AsyncBatchAllocator(pool)];
    const single = await pool.acquire();
    const done: string[] = [];
    const work = async (name: string, from: typeof a): Promise<void> => {
      const batch = await from.acquireExact(3);
      done.push(name);
      await turns(1);
      await batch.release();
    };
    const all = [work('a', a), work('b', b), work('a2', a), work('b2', b)];
    await turns();
    pool.release(single);
    await Promise.all(all);
    expect(done).toEqual(['a', 'b', 'a2', 'b2']);
    expect([pool.borrowed, a.waiting, b.waiting]).toEqual([0, 0, 0]);
  });

  it('holds nothing while it waits for its turn, and serves higher priorities first', async () => {
    const { pool, batches } = make(4);
    const first = await batches.acquireExact(4);
    const served: string[] = [];
    const wait = async (name: string, priority: number): Promise<void> => {
      const batch = await batches.acquireExact(2, { priority });
      served.push(name);
      await batch.release();
    };
    const all = [wait('collecting', 10), wait('low', 10), wait('high', 90)];
    await turns();
    expect([batches.waiting, pool.stats().waiting]).toEqual([2, 2]); // of the one whose turn it is
    await first.release();
    await Promise.all(all);
    expect(served).toEqual(['collecting', 'high', 'low']);
  });

  it('keeps nothing when its time is over', async () => {
    const { time, pool, batches } = make(4);
    const held = await pool.acquire();
    const late = batches.acquireExact(4, { deadlineMs: 100 });
    const queued = batches.acquireExact(1, { deadlineMs: 50 });
    const told = [codeOf(late), codeOf(queued)];
    await turns();
    expect([pool.borrowed, batches.waiting]).toEqual([4, 1]);
    time.advance(50);
    expect(await told[1]).toBe('ERR_MEMORY_TIMEOUT');
    await turns(1);
    expect(batches.waiting).toBe(0);
    time.advance(50);
    expect(await told[0]).toBe('ERR_MEMORY_TIMEOUT');
    await turns();
    expect([pool.borrowed, pool.stats().waiting, time.pending]).toEqual([1, 0, 0]);
    pool.release(held);
    await (await batches.acquireExact(4)).release();
    expect(batches.stats()).toMatchObject({ refusals: 2, batches: 1, live: 0 });
  });

  it('asks the pool for nothing any more when its time is over, and leaves no timer', async () => {
    const { time, pool, batches } = make(2);
    const held = await batches.acquireExact(2, { deadlineMs: 100 });
    expect(time.pending).toBe(0);
    const told = codeOf(batches.acquireExact(2, { deadlineMs: 100 }));
    await turns();
    expect(pool.stats().waiting).toBe(2);
    time.advance(100);
    expect(await told).toBe('ERR_MEMORY_TIMEOUT');
    expect(pool.stats().waiting).toBe(0);
    await held.release();
  });

  it('keeps nothing when it is aborted', async () => {
    const { pool, batches } = make(4);
    const held = await pool.acquire();
    const stop = new AbortController();
    const told = codeOf(batches.acquireExact(4, { signal: stop.signal }));
    await turns();
    stop.abort();
    expect(await told).toBe('ERR_MEMORY_ABORTED');
    await turns();
    expect([pool.borrowed, pool.stats().waiting]).toEqual([1, 0]);
    expect(await codeOf(batches.acquireExact(1, { signal: stop.signal }))).toBe('ERR_MEMORY_ABORTED');
    pool.release(held);
    expect((await batches.acquireExact(4)).length).toBe(4);
  });

  it('keeps nothing when the pool fails, and goes on with the next', async () => {
    let fails = false;
    let id = 0;
    const pool = new AsyncPool<Thing>({
      create: async () => {
        if (fails && id >= 2) throw new Error('no more');
        return { id: (id += 1) };
      },
      max: 4,
    });
    const batches = new AsyncBatchAllocator(pool);
    fails = true;
    const told = codeOf(batches.acquireExact(4));
    const next = batches.acquireExact(2);
    expect(await told).toBe('no more');
    expect((await next).length).toBe(2);
    await (await next).release();
    await turns();
    expect([pool.borrowed, pool.stats().waiting]).toEqual([0, 0]);
    await pool.close();
    expect(await codeOf(batches.acquireExact(1))).toBe('ERR_MEMORY_CLOSED');
  });

  it('gives back what comes too late, from a pool that does not look at the signal', async () => {
    const grants: ((thing: Thing) => void)[] = [];
    const back: Thing[] = [];
    const pool: AsyncPoolLike<Thing> = {
      name: 'slow',
      acquire: () => new Promise((resolve) => grants.push(resolve)),
      release: (thing) => void back.push(thing),
    };
    const time = new FakeTime();
    const batches = new AsyncBatchAllocator(pool, { timers: time });
    const told = codeOf(batches.acquireExact(2, { deadlineMs: 10 }));
    grants[0]?.({ id: 1 });
    await turns(1);
    time.advance(10);
    expect(await told).toBe('ERR_MEMORY_TIMEOUT');
    grants[1]?.({ id: 2 });
    await turns(1);
    expect(back.map(({ id }) => id)).toEqual([1, 2]);
    expect(await codeOf((await served(batches, grants)).detach())).toBe('ERR_MEMORY_UNSUPPORTED');
  });

  it('goes on with the others when a release fails', async () => {
    const back: number[] = [];
    let id = 0;
    const pool: AsyncPoolLike<Thing> = {
      name: 'odd',
      acquire: async () => ({ id: (id += 1) }),
      release: async (thing) => {
        if (thing.id % 2 === 1) throw new Error(`release ${thing.id}`);
        back.push(thing.id);
      },
    };
    const batches = new AsyncBatchAllocator(pool);
    const batch = await batches.acquireExact(4);
    expect(await codeOf(batches.releaseBatch(batch))).toBe('ERR_MEMORY_INVALID_STATE');
    expect([back, batches.stats()]).toMatchObject([[2, 4], { releaseFailures: 2, live: 0 }]);
    expect(await codeOf(batches.releaseBatch({} as never))).toBe('ERR_MEMORY_FOREIGN_FREE');
  });

  it('refuses at once what can never be', async () => {
    const { batches } = make(4);
    expect(await codeOf(batches.acquireExact(5))).toBe('ERR_MEMORY_POOL_EXHAUSTED');
    expect(await codeOf(batches.acquireExact(0))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect(await codeOf(batches.acquireExact(1, { priority: 101 }))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect(await codeOf(batches.acquireExact(1, { deadline: 1 } as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(() => new AsyncBatchAllocator({} as never)).toThrow('a method acquire()');
  });
});

async function served(
  batches: AsyncBatchAllocator<Thing>,
  grants: ((thing: Thing) => void)[],
): ReturnType<typeof batches.acquireExact> {
  const batch = batches.acquireExact(1);
  await turns(1);
  grants.at(-1)?.({ id: 3 });
  return batch;
}
