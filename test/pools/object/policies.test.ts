import { ObjectPool, type PoolGrowth } from '../../../lib/pools';
import { checkBooks, codeOf, type Thing, things } from './support';

function sizes(growth: PoolGrowth | undefined, misses: number, more: object = {}): number[] {
  const pool = new ObjectPool(things().hooks, growth === undefined ? more : { growth, ...more });
  const seen: number[] = [];
  for (let i = 0; i < misses; i += 1) {
    do pool.acquire();
    while (pool.idle > 0);
    seen.push(pool.size);
  }
  checkBooks(pool);
  return seen;
}

describe('growth', () => {
  test.each<[PoolGrowth | undefined, number[]]>([
    [undefined, [1, 2, 3, 4, 5]],
    [{ fixed: 1 }, [1, 2, 3, 4, 5]],
    [{ fixed: 3 }, [3, 6, 9, 12, 15]],
    [{ percent: 50 }, [1, 2, 3, 5, 8]],
    [{ percent: 1 }, [1, 2, 3, 4, 5]],
    ['double', [1, 2, 4, 8, 16]],
  ])('%j makes that many at each miss', (growth, wanted) => {
    expect(sizes(growth, wanted.length)).toEqual(wanted);
  });

  test('within the bound and maxIdle', () => {
    expect(sizes('double', 5, { maxSize: 11 })).toEqual([1, 2, 4, 8, 11]);
    expect(sizes({ fixed: 9 }, 2, { maxIdle: 2 })).toEqual([3, 6]);
  });

  test('none: as many as there were in the beginning, and those anew that left', () => {
    const pool = new ObjectPool(things().hooks, { growth: 'none', initialSize: 2, maxSize: 10 });
    const thing = pool.acquire();
    pool.acquire();
    expect(pool.maxSize).toBe(2);
    expect(codeOf(() => pool.acquire())).toBe('ERR_MEMORY_POOL_EXHAUSTED');
    pool.detach(thing);
    expect(pool.acquire()).not.toBe(thing);
  });

  test('a factory that fails on the way leaves what it made, and serves the request', () => {
    const { made, hooks } = things();
    const told: unknown[] = [];
    const create = () => {
      if (made.length === 3) throw new Error('no fourth');
      return hooks.create();
    };
    const pool = new ObjectPool(
      { ...hooks, create },
      { growth: { fixed: 8 }, callbacks: { onHookError: (error, hook) => told.push(`${error} ${hook}`) } },
    );
    expect(pool.acquire().id).toBe(0);
    expect(told).toEqual(['Error: no fourth create']);
    expect(pool.stats()).toMatchObject({ idle: 2, borrowed: 1, size: 3, hookErrors: 1, refusals: 0 });
    pool.acquire();
    pool.acquire();
    expect(() => pool.acquire()).toThrow('no fourth');
    expect(pool.stats()).toMatchObject({ size: 3, refusals: 1, hookErrors: 2 });
    expect(() => pool.reserve(2)).toThrow('no fourth');
  });
});

describe('shrink', () => {
  function rounds(pool: ObjectPool<Thing>, times: number, at: number): void {
    for (let i = 0; i < times; i += 1) {
      const lent = Array.from({ length: at }, () => pool.acquire());
      for (const thing of lent) pool.release(thing);
    }
  }

  test('what was not needed goes gradually, and no further', () => {
    const { made, hooks } = things();
    const pool = new ObjectPool(hooks, { shrink: { keepIdle: 2, afterReleases: 10 }, initialSize: 20 });
    const seen: number[] = [];
    for (let i = 0; i < 9; i += 1) {
      rounds(pool, 10, 1);
      seen.push(pool.size);
    }
    // One is needed, two are kept; half of the others each time. The first look only begins to watch.
    expect(seen).toEqual([20, 11, 7, 5, 4, 3, 3, 3, 3]);
    expect(made.filter((thing) => thing.disposed > 0).map(({ id }) => id)).toEqual(
      Array.from({ length: 17 }, (_, i) => i),
    );
    checkBooks(pool);
  });

  test('what is needed stays', () => {
    const pool = new ObjectPool(things().hooks, { shrink: { afterReleases: 10 } });
    rounds(pool, 50, 8);
    expect(pool.size).toBe(8);
    rounds(pool, 50, 2);
    expect(pool.size).toBe(2);
  });

  test('minSize stays', () => {
    const pool = new ObjectPool(things().hooks, { minSize: 5, initialSize: 9, shrink: { afterReleases: 1 } });
    rounds(pool, 50, 1);
    expect(pool.size).toBe(5);
  });

  test('leases and use() count', () => {
    const pool = new ObjectPool(things().hooks, { initialSize: 9, shrink: { afterReleases: 2 } });
    for (let i = 0; i < 30; i += 1) {
      pool.lease().release();
      pool.use(() => {});
    }
    expect(pool.size).toBe(1);
  });

  test('through tests and tracing as well', () => {
    const pool = new ObjectPool(things().hooks, {
      initialSize: 9,
      validateOn: 'both',
      traceBorrowers: true,
      shrink: { afterReleases: 2 },
    });
    rounds(pool, 50, 1);
    expect(pool.size).toBe(1);
  });
});

describe('validateOn', () => {
  test('acquire: the next one is taken, or made', () => {
    const pool = new ObjectPool(things().hooks, { maxSize: 2 });
    const [a, b] = [pool.acquire(), pool.acquire()];
    pool.release(a);
    pool.release(b);
    b.fit = false;
    expect(pool.acquire()).toBe(a);
    expect([b.disposed, pool.size, pool.stats().invalid]).toEqual([1, 1, 1]);
    pool.release(a);
    a.fit = false;
    expect(pool.acquire()).not.toBe(a);
    expect(pool.stats()).toMatchObject({ invalid: 2, disposals: 2, size: 1, misses: 3, hits: 1 });
  });

  test('release: what is not fit is ended as it comes back', () => {
    const pool = new ObjectPool(things().hooks, { validateOn: 'release' });
    const [a, b] = [pool.acquire(), pool.acquire()];
    a.fit = false;
    pool.release(a);
    pool.release(b);
    b.fit = false;
    expect([a.disposed, pool.idle, pool.stats().invalid, pool.stats().releases]).toEqual([1, 1, 1, 2]);
    expect(pool.acquire()).toBe(b);
  });

  test('none and both', () => {
    const asked: number[] = [];
    const { hooks } = things();
    const validate = (thing: Thing) => {
      asked.push(thing.id);
      return true;
    };
    for (const validateOn of ['none', 'both'] as const) {
      const pool = new ObjectPool({ ...hooks, validate }, { validateOn });
      pool.release(pool.acquire());
      pool.acquire();
    }
    expect(asked).toEqual([1, 1]);
  });
});

describe('options are checked', () => {
  test.each<[object, string]>([
    [{ maxSize: 0 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ maxSize: 1.5 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ maxSize: '3' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ maxIdle: -1 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ minSize: 3, maxSize: 2 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ minSize: 3, initialSize: 2 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ initialSize: 3, maxIdle: 2 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ initialSize: 2 ** 40 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ initialSize: null }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ growth: 'triple' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ growth: null }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ growth: {} }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ growth: { fixed: 1, percent: 1 } }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ growth: { fixed: 0 } }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ growth: { percent: 5000 } }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ growth: 'none' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ shrink: { keepIdle: -1 } }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ shrink: { afterReleases: 0 } }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ shrink: null }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ validateOn: 'always' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ callbacks: { onAcquire: 1 } }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ callbacks: { onAquire: () => {} } }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ callbacks: null }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ traceBorrowers: 1 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ name: '' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ maxsize: 3 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ])('%j', (options, code) => {
    expect(codeOf(() => new ObjectPool(things().hooks, options))).toBe(code);
  });

  test.each<[unknown]>([
    [undefined],
    [null],
    [7],
    [{}],
    [{ create: 1 }],
    [{ create: () => ({}), reset: 1 }],
    [{ create: () => ({}), destroy: () => {} }],
    [new (class Hooks {})()],
  ])('hooks %p', (hooks) => {
    expect(codeOf(() => new ObjectPool(hooks as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  test('what cannot be asked for', () => {
    const pool = new ObjectPool(() => ({}));
    expect(codeOf(() => new ObjectPool(() => ({}), { validateOn: 'both' }))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => new ObjectPool(() => ({}), null as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    for (const call of [() => pool.reserve(-1), () => pool.shrinkTo(-1), () => pool.trim(-1)]) {
      expect(codeOf(call)).toBe('ERR_MEMORY_OUT_OF_RANGE');
    }
    for (const bad of [Number.NaN, '1', null, {}]) {
      expect(codeOf(() => pool.reserve(bad as number))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
      expect(codeOf(() => pool.shrinkTo(bad as number))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
      expect(codeOf(() => pool.trim(bad as number))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    }
    expect(codeOf(() => pool.use(7 as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(pool.stats()).toMatchObject({ acquires: 0, size: 0 });
  });
});
