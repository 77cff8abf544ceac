import { ObjectPool, PoolLease } from '../../../lib/pools';
import { checkBooks, codeOf, Thing, things } from './support';

describe('leases', () => {
  test('give back at the end of their scope', () => {
    const pool = new ObjectPool(things().hooks);
    let thing: Thing;
    {
      using lease = pool.lease();
      thing = lease.value;
      expect([lease.held, pool.borrowed]).toEqual([true, 1]);
    }
    expect([pool.borrowed, pool.idle, thing.resets]).toEqual([0, 1, 1]);
  });

  test('once', () => {
    const pool = new ObjectPool(things().hooks);
    const lease = pool.lease();
    lease.release();
    expect(codeOf(() => lease.release())).toBe('ERR_MEMORY_DOUBLE_FREE');
    expect(codeOf(() => lease.value)).toBe('ERR_MEMORY_STALE_HANDLE');
    expect(codeOf(() => lease.detach())).toBe('ERR_MEMORY_STALE_HANDLE');
    expect(codeOf(() => lease.destroy())).toBe('ERR_MEMORY_STALE_HANDLE');
    lease[Symbol.dispose]();
    expect(pool.stats()).toMatchObject({ releases: 1, idle: 1 });
  });

  test('one that is refused in the depth of hooks can be given back later', () => {
    const codes: string[] = [];
    let nested = true;
    const pool = new ObjectPool<Thing>({
      create: () => new Thing(0),
      reset: () => {
        if (!nested) return;
        try {
          pool.lease().release();
        } catch {
          codes.push(codeOf(() => outer.release())); // at the bottom
        }
      },
    });
    const outer = pool.lease();
    pool.lease().release();
    nested = false;
    expect(codes).toEqual(['ERR_MEMORY_INVALID_STATE']);
    expect(outer.held).toBe(true);
    outer.release();
    expect(pool.borrowed).toBe(0);
    expect(codeOf(() => outer.release())).toBe('ERR_MEMORY_DOUBLE_FREE');
  });

  test('one whose object went another way never touches the next loan', () => {
    const pool = new ObjectPool(things().hooks);
    const lease = pool.lease();
    const { value } = lease;
    pool.release(value);
    const next = pool.lease();
    expect(next.value).toBe(value);
    expect(lease.held).toBe(false);
    for (let i = 0; i < 2; i += 1) expect(codeOf(() => lease.release())).toBe('ERR_MEMORY_STALE_HANDLE');
    expect(codeOf(() => lease.value)).toBe('ERR_MEMORY_STALE_HANDLE');
    lease[Symbol.dispose]();
    expect(next.held).toBe(true);
    const { entry } = next as unknown as { entry: never };
    expect(codeOf(() => pool.endLease(lease, entry, 'release'))).toBe('ERR_MEMORY_STALE_HANDLE');
    expect(codeOf(() => new ObjectPool(() => new Thing(0)).endLease(next, entry, 'release'))).toBe(
      'ERR_MEMORY_STALE_HANDLE',
    );
    next.release();
    const plain = pool.acquire();
    next[Symbol.dispose]();
    expect(pool.borrowed).toBe(1);
    pool.release(plain);
    checkBooks(pool);
  });

  test('let objects leave', () => {
    const pool = new ObjectPool(things().hooks);
    const first = pool.lease();
    const object = first.detach();
    expect(codeOf(() => first.release())).toBe('ERR_MEMORY_STALE_HANDLE');
    expect(codeOf(() => pool.release(object))).toBe('ERR_MEMORY_FOREIGN_FREE');
    const second = pool.lease();
    const { value } = second;
    second.destroy();
    expect([object.disposed, value.disposed, pool.size]).toEqual([0, 1, 0]);
  });

  test('survive the end of their pool', () => {
    const pool = new ObjectPool(things().hooks);
    const lease = pool.lease();
    pool.close();
    expect(lease.value.disposed).toBe(0);
    const { value } = lease;
    lease.release();
    expect([value.disposed, pool.size]).toEqual([1, 0]);
  });

  test('are made by pools', () => {
    const Lease = PoolLease as unknown as new (...args: unknown[]) => unknown;
    expect(codeOf(() => new Lease())).toBe('ERR_MEMORY_INVALID_STATE');
    expect(codeOf(() => new Lease({}, {}))).toBe('ERR_MEMORY_INVALID_STATE');
  });
});

describe('use', () => {
  test('returns what the work returns, and gives back', () => {
    const pool = new ObjectPool(things().hooks);
    expect(pool.use((thing) => thing.id + 7)).toBe(7);
    expect(pool.stats()).toMatchObject({ borrowed: 0, idle: 1, releases: 1 });
  });

  test('gives back what work throws over', () => {
    const pool = new ObjectPool(things().hooks);
    const work = () => {
      throw new Error('broken');
    };
    expect(() => pool.use(work)).toThrow('broken');
    expect(pool.stats()).toMatchObject({ borrowed: 0, idle: 1 });
  });

  test('waits for a promise', async () => {
    const pool = new ObjectPool(things().hooks);
    let go: (value: number) => void = () => {};
    const answer = pool.use(() => new Promise<number>((resolve) => (go = resolve)));
    expect(pool.borrowed).toBe(1);
    go(5);
    expect(await answer).toBe(5);
    expect(pool.borrowed).toBe(0);
    await expect(pool.use(() => Promise.reject(new Error('late')))).rejects.toThrow('late');
    expect(pool.stats()).toMatchObject({ borrowed: 0, idle: 1, releases: 2 });
  });

  test('what work throws goes before what reset throws', async () => {
    const told: unknown[] = [];
    const pool = new ObjectPool(
      {
        create: () => ({}),
        reset: () => {
          throw new Error('dirty');
        },
      },
      { callbacks: { onHookError: (error, hook) => told.push(`${hook} ${error}`) } },
    );
    const broken = () => {
      throw new Error('broken');
    };
    expect(() => pool.use(broken)).toThrow('broken');
    await expect(pool.use(async () => broken())).rejects.toThrow('broken');
    expect(told).toEqual(['release Error: dirty', 'release Error: dirty']);
    expect(() => pool.use(() => 1)).toThrow('dirty');
    await expect(pool.use(async () => 1)).rejects.toThrow('dirty');
    expect(pool.stats()).toMatchObject({ size: 0, hookErrors: 4 });
  });

  test('lets the work end or keep the object', async () => {
    const pool = new ObjectPool(things().hooks);
    pool.use((thing) => pool.destroy(thing));
    expect(pool.size).toBe(0);
    const kept = pool.use((thing) => pool.detach(thing));
    expect([kept.disposed, pool.size]).toEqual([0, 0]);
    const again = await pool.use(async (thing) => {
      pool.release(thing);
      return pool.acquire(); // the same one, on a loan of its own now
    });
    expect(pool.borrowed).toBe(1);
    pool.release(again);
    checkBooks(pool);
  });

  test('answers whose then cannot be read', () => {
    const pool = new ObjectPool(things().hooks);
    const hostile = {
      // biome-ignore lint/suspicious/noThenProperty: what this is about
      get then(): never {
        throw new Error('then');
      },
    };
    expect(() => pool.use(() => hostile)).toThrow('then');
    expect(pool.borrowed).toBe(0);
  });
});
