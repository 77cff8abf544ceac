import { AsyncBatchAllocator, AsyncPool, BatchAllocator, ObjectPool, type Pool } from '../../../lib/pools';
import { codeOf } from '../../platform/region/support';

// What a review found: each of these failed once.
describe('batches under hostile use', () => {
  it('keep all objects of a large batch that the pool refuses to let go', () => {
    const many = 200_000; // as arguments of a call, so many overflow the stack
    const pool = new ObjectPool<object>(() => ({}));
    const batch = new BatchAllocator(pool).acquireExact(many);
    const first = batch.at(0);
    pool.release(first); // behind the back of the batch
    expect(codeOf(() => batch.detach())).toBe('ERR_MEMORY_DOUBLE_FREE');
    expect(batch.length).toBe(many);
    expect(batch.take(1)).toEqual([first]);
    expect(batch.detach()).toHaveLength(many - 1);
    expect(pool.borrowed).toBe(0);
  });

  it.each([null, 5, {}, 'x', Object.freeze([])])('let nothing go into what takes nothing: %p', async (into) => {
    const pool = new ObjectPool<object>(() => ({}));
    const batch = new BatchAllocator(pool).acquireExact(2);
    expect(codeOf(() => batch.detach(into as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect([batch.length, pool.borrowed, pool.stats().detached]).toEqual([2, 2, 0]);
    batch.release();
    const other = new AsyncPool({ create: () => ({}), max: 2 });
    const second = await new AsyncBatchAllocator(other).acquireExact(2);
    await expect(second.detach(into as never)).rejects.toMatchObject({ code: 'ERR_MEMORY_INVALID_ARGUMENT' });
    expect([second.length, other.borrowed, other.stats().detached]).toEqual([2, 2, 0]);
    await second.release();
    expect([pool.borrowed, other.borrowed]).toEqual([0, 0]);
  });

  it('give back what was taken when the pool cannot count it', () => {
    const inner = new ObjectPool<object>(() => ({}), { maxSize: 4 });
    let asked = 0;
    const stats = (): unknown => {
      asked += 1;
      if (asked === 2) throw new Error('no statistics');
      return inner.stats();
    };
    const pool = new Proxy(inner, {
      get: (target, key) => {
        const value: unknown = key === 'stats' ? stats : Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    }) as Pool<object>;
    const batches = new BatchAllocator(pool);
    expect(() => batches.acquireExact(3)).toThrow('no statistics');
    expect([inner.borrowed, inner.idle, batches.stats().refusals]).toEqual([0, 3, 1]);
  });

  it('count the hits of what was lent, and not of what was made ready or given up', () => {
    const pool = new ObjectPool<object>(() => ({}), { maxSize: 10 });
    const batches = new BatchAllocator(pool);
    expect(batches.reserve(6)).toBe(6);
    expect(batches.stats().hitRate).toBeNull();
    const six = batches.acquireExact(6);
    expect(batches.stats().hitRate).toBe(1);
    six.release();
    const unbounded = Object.create(pool, { maxSize: { value: null } }) as ObjectPool<object>;
    const others = new BatchAllocator(unbounded);
    expect(others.tryAcquireExact(11)).toBeUndefined();
    expect(others.stats()).toMatchObject({ refusals: 1, hitRate: null });
  });

  it('want timers that are some', () => {
    const pool = new AsyncPool({ create: () => ({}), max: 2 });
    for (const timers of [null, {}, { start: () => 1 }]) {
      expect(codeOf(() => new AsyncBatchAllocator(pool, { timers: timers as never }))).toBe(
        'ERR_MEMORY_INVALID_ARGUMENT',
      );
    }
  });
});
