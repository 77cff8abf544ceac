import { isMemoryError } from '../../../lib/core';
import { BatchAllocator, HierarchicalPool, ObjectPool, type Pool } from '../../../lib/pools';
import { expectBooks } from '../../conformance/pool-books';
import { codeOf } from '../../platform/region/support';

interface Thing {
  readonly id: number;
}

function numbered(): () => Thing {
  let id = 0;
  return () => ({ id: (id += 1) });
}

const make = (maxSize: number | null = 8) => {
  const pool = new ObjectPool<Thing>(numbered(), { name: 'things', maxSize });
  return { pool, batches: new BatchAllocator(pool) };
};

const idsOf = (things: Iterable<Thing>): number[] => [...things].map(({ id }) => id);

describe('BatchAllocator', () => {
  it('takes as many as there are', () => {
    const { pool, batches } = make(8);
    const first = batches.acquireBatch(5);
    const second = batches.acquireBatch(5);
    const none = batches.acquireBatch(5);
    expect([first.length, second.length, none.length, pool.borrowed]).toEqual([5, 3, 0, 8]);
    for (const batch of [first, second, none]) batch.release();
    expect([pool.borrowed, pool.idle]).toEqual([0, 8]);
    expect(batches.stats()).toEqual({
      ...{ name: 'batches of things', batches: 3, live: 0, objects: 8, meanSize: 8 / 3, largest: 5, partial: 2 },
      ...{ refusals: 0, hitRate: 0, releaseFailures: 0 },
    });
    batches.acquireBatch(8).release();
    expect(batches.stats()).toMatchObject({ hitRate: 0.5, largest: 8 });
  });

  it('takes all or nothing', () => {
    const { pool, batches } = make(8);
    const kept = batches.acquireExact(5);
    const before = pool.stats();
    expect(batches.tryAcquireExact(4)).toBeUndefined();
    expect(pool.stats()).toEqual(before); // no object was touched
    expect(batches.tryAcquireExact(3)?.length).toBe(3);
    expect(batches.stats()).toMatchObject({ refusals: 1, live: 2 });
    kept.release();
    expectBooks(pool.stats());
  });

  it('says how many there were, and whether there ever can be so many', () => {
    const { batches } = make(8);
    batches.acquireExact(6);
    const told = (count: number): unknown => {
      try {
        return batches.acquireExact(count);
      } catch (error) {
        return isMemoryError(error, 'ERR_MEMORY_POOL_EXHAUSTED') && [error.message, error.retryable];
      }
    };
    expect(told(3)).toEqual([
      'batches of things.acquireExact: 3 objects asked, 2 free in a pool of at most 8; none was taken',
      true,
    ]);
    expect(told(9)).toEqual([
      'batches of things.acquireExact: 9 objects asked, more than a pool of at most 8; none was taken',
      false,
    ]);
  });

  it('gives everything back when the factory throws in the middle', () => {
    let left = 3;
    const pool = new ObjectPool<Thing>(
      () => {
        left -= 1;
        if (left < 0) throw new Error('no more');
        return { id: left };
      },
      { maxSize: 8 },
    );
    const batches = new BatchAllocator(pool);
    for (const call of [batches.tryAcquireExact, batches.acquireExact, batches.acquireBatch]) {
      expect(() => call.call(batches, 5)).toThrow('no more');
      expect([pool.borrowed, pool.idle, pool.size]).toEqual([0, 3, 3]);
    }
    expect(batches.stats()).toMatchObject({ batches: 0, live: 0, refusals: 3 });
    expectBooks(pool.stats());
  });

  it('gives everything back when less can be had than it seemed', () => {
    const root = new HierarchicalPool<Thing>(numbered(), { maxSize: 3 });
    const child = root.child('child', { maxSize: 3 });
    root.acquire(); // the child’s own numbers say that three are free
    const batches = new BatchAllocator(child);
    expect(batches.tryAcquireExact(3)).toBeUndefined();
    expect([child.borrowed, root.borrowed]).toEqual([0, 1]);
    expect(() => batches.acquireExact(3)).toThrow('3 objects asked, 2 free');
    expect(batches.tryAcquireExact(2)?.length).toBe(2);
  });

  it('goes on with the others when a release fails, and throws once', () => {
    const failing = new Set<number>();
    const pool = new ObjectPool<Thing>({
      create: numbered(),
      reset: ({ id }) => {
        if (failing.has(id)) throw new Error(`reset ${id}`);
      },
    });
    const batches = new BatchAllocator(pool);
    const batch = batches.acquireExact(4);
    failing.add(2);
    expect(() => batch.release()).toThrow('reset 2');
    expect([pool.borrowed, pool.idle]).toEqual([0, 3]);
    const more = batches.acquireExact(5);
    for (const id of [1, 3]) failing.add(id);
    let error: unknown;
    try {
      more.release();
    } catch (caught) {
      error = caught;
    }
    if (!isMemoryError(error, 'ERR_MEMORY_INVALID_STATE')) throw error;
    expect(error.message).toBe('Batch.release: 2 of 5 objects failed');
    expect((error.cause as AggregateError).errors.map(({ message }) => message).sort()).toEqual(['reset 1', 'reset 3']);
    expect([pool.borrowed, batches.stats().live, batches.stats().releaseFailures]).toEqual([0, 0, 3]);
    expectBooks(pool.stats());
  });

  it('releases once', () => {
    const { pool, batches } = make();
    const batch = batches.acquireExact(2);
    batch.release();
    expect(codeOf(() => batch.release())).toBe('ERR_MEMORY_DOUBLE_FREE');
    expect(codeOf(() => batches.releaseBatch(batch))).toBe('ERR_MEMORY_DOUBLE_FREE');
    batch[Symbol.dispose](); // does nothing
    for (const call of [
      () => batch.at(0),
      () => [...batch],
      () => batch.slice(),
      () => batch.take(),
      () => batch.splitAt(0),
      () => batch.detach(),
    ]) {
      expect(codeOf(call)).toBe('ERR_MEMORY_STALE_HANDLE');
    }
    expect([batch.length, batch.released, pool.borrowed]).toEqual([0, true, 0]);
    {
      using used = batches.acquireExact(3);
      expect([used.length, pool.borrowed]).toEqual([3, 3]);
    }
    expect([pool.borrowed, batches.stats().live]).toEqual([0, 0]);
  });

  it('releases once, whatever a hook does meanwhile', () => {
    const codes: string[] = [];
    const pool: Pool<Thing> = new ObjectPool<Thing>({
      create: numbered(),
      reset: () => void codes.push(codeOf(() => batch.release())),
    });
    const batch = new BatchAllocator(pool).acquireExact(2);
    batch.release();
    expect([codes, pool.borrowed]).toEqual([['ERR_MEMORY_DOUBLE_FREE', 'ERR_MEMORY_DOUBLE_FREE'], 0]);
  });

  it('shows its objects', () => {
    const { batches } = make();
    const batch = batches.acquireExact(5);
    expect([idsOf(batch), batch.at(4).id]).toEqual([[1, 2, 3, 4, 5], 5]);
    for (const index of [-1, 5, 0.5, Number.NaN, '0', null]) {
      expect(['ERR_MEMORY_OUT_OF_RANGE', 'ERR_MEMORY_INVALID_ARGUMENT']).toContain(
        codeOf(() => batch.at(index as number)),
      );
    }
    const window = batch.slice(1, 4);
    expect([window.length, idsOf(window), window.at(2).id]).toEqual([3, [2, 3, 4], 4]);
    expect(codeOf(() => window.at(3))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect(batch.slice(2, 2)).toHaveLength(0);
    for (const [from, to] of [
      [3, 2],
      [-1, 2],
      [0, 6],
      [0.5, 1],
    ])
      expect(codeOf(() => batch.slice(from, to))).toMatch(/^ERR/);
    batch.take(1);
    expect(codeOf(() => window.at(0))).toBe('ERR_MEMORY_STALE_HANDLE'); // it would be another one
    expect(
      codeOf(() => {
        for (const _ of batch) batch.release();
      }),
    ).toBe('ERR_MEMORY_STALE_HANDLE');
  });

  it('splits into two batches', () => {
    const { pool, batches } = make();
    const batch = batches.acquireExact(5);
    const rest = batch.splitAt(2);
    expect([idsOf(batch), idsOf(rest), batches.stats().live]).toEqual([[1, 2], [3, 4, 5], 2]);
    rest.release();
    expect([pool.borrowed, batch.length]).toEqual([2, 2]);
    expect(codeOf(() => batch.splitAt(3))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect(batch.splitAt(2).length).toBe(0);
    batches.releaseBatch(batch);
    expect(pool.borrowed).toBe(0);
  });

  it('gives objects out singly without losing their places', () => {
    const { pool, batches } = make(4);
    const batch = batches.acquireExact(4);
    const [first, second] = batch.take(2) as [Thing, Thing];
    expect([batch.length, pool.borrowed]).toEqual([2, 4]); // still lent
    batch.release();
    pool.release(first);
    batches.releaseBatch([second]);
    expect([pool.borrowed, pool.idle]).toEqual([0, 4]);
    expect(batches.acquireExact(4).length).toBe(4);
    expect(codeOf(() => batches.releaseBatch([second, second]))).toMatch(/^ERR/);
  });

  it('lets objects leave the pool, and their places are free', () => {
    const { pool, batches } = make(4);
    const batch = batches.acquireExact(4);
    expect(idsOf(batch.detach())).toEqual([1, 2, 3, 4]);
    expect([pool.size, pool.stats().detached, batch.length]).toEqual([0, 4, 0]);
    batch.release(); // empty
    expect(batches.acquireExact(4).length).toBe(4);
    expectBooks(pool.stats());
  });

  it('keeps the rest when one cannot leave', () => {
    const { pool, batches } = make(4);
    const batch = batches.acquireExact(4);
    pool.release(batch.at(2)); // behind the batch’s back
    const out: Thing[] = [];
    expect(codeOf(() => batch.detach(out))).toBe('ERR_MEMORY_DOUBLE_FREE');
    expect([idsOf(out), idsOf(batch)]).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(codeOf(() => batch.release())).toBe('ERR_MEMORY_DOUBLE_FREE'); // of object 3; 4 is back
    expect([pool.borrowed, pool.size]).toEqual([0, 2]);
  });

  it('makes ready for the next batch', () => {
    const { pool, batches } = make(8);
    expect([batches.reserve(3), pool.idle, batches.reserve(100), pool.idle]).toEqual([3, 3, 8, 8]);
    expect(batches.acquireBatch(8).length).toBe(8);
  });

  it('takes a tenth of the pool where no number is named', () => {
    expect([make(50).batches.batchSize, make(3).batches.batchSize, make(null).batches.batchSize]).toEqual([5, 1, 16]);
    const batches = new BatchAllocator(make(50).pool, { batchSize: 7, name: 'sevens' });
    expect([batches.acquireBatch().length, batches.name]).toEqual([7, 'sevens']);
  });

  it('refuses what is not its own, and bad arguments', () => {
    const { pool, batches } = make();
    const foreign = new BatchAllocator(pool).acquireExact(1);
    for (const wrong of [foreign, {}, null, undefined, 3]) {
      expect(codeOf(() => batches.releaseBatch(wrong as never))).toBe('ERR_MEMORY_FOREIGN_FREE');
    }
    for (const count of [0, -1, 1.5, Number.NaN, 2 ** 40, '2', null]) {
      expect(codeOf(() => batches.acquireBatch(count as number))).toMatch(
        /^ERR_MEMORY_(OUT_OF_RANGE|INVALID_ARGUMENT)$/,
      );
      expect(codeOf(() => batches.tryAcquireExact(count as number))).toMatch(/^ERR_MEMORY/);
    }
    for (const wrong of [null, undefined, 1, {}, { acquire() {} }]) {
      expect(codeOf(() => new BatchAllocator(wrong as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    }
    expect(codeOf(() => new BatchAllocator(pool, { size: 3 } as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    pool.close();
    expect(codeOf(() => batches.acquireBatch(1))).toBe('ERR_MEMORY_CLOSED');
    expect(codeOf(() => batches.tryAcquireExact(8))).toBe('ERR_MEMORY_CLOSED');
    foreign.release();
    expect(pool.size).toBe(0);
  });
});
