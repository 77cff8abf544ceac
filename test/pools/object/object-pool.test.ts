import { ObjectPool } from '../../../lib/pools';
import { checkBooks, codeOf, Thing, things } from './support';

describe('objects are used again', () => {
  test('the one that came back last comes first, reset', () => {
    const { made, hooks } = things();
    const pool = new ObjectPool(hooks);
    const [a, b] = [pool.acquire(), pool.acquire()];
    pool.release(a);
    pool.release(b);
    expect(pool.acquire()).toBe(b);
    expect(pool.tryAcquire()).toBe(a);
    expect([a.resets, b.resets, made.length]).toEqual([1, 1, 2]);
    expect(pool.stats()).toEqual({
      name: 'object-pool',
      idle: 0,
      borrowed: 2,
      size: 2,
      maxSize: null,
      waiting: 0,
      acquires: 4,
      releases: 2,
      hits: 2,
      misses: 2,
      refusals: 0,
      creates: 2,
      disposals: 0,
      detached: 0,
      invalid: 0,
      expired: 0,
      peakBorrowed: 2,
      peakSize: 2,
      hookErrors: 0,
      callbackErrors: 0,
    });
  });

  test('a function is enough, and objects of any kind will do', () => {
    const kinds: (() => object)[] = [
      () => new Map(),
      () => [1, 2],
      () => () => 1,
      () => Object.freeze({ a: 1 }),
      () => new Proxy({}, {}),
      () => new Proxy(() => {}, { get: () => 7 }),
      () => Buffer.alloc(1),
      () => Object.create(null),
      () => /x/,
    ];
    for (const make of kinds) {
      const pool = new ObjectPool(make);
      const object = pool.acquire();
      pool.release(object);
      expect(pool.acquire()).toBe(object);
      expect(Reflect.ownKeys(object)).toEqual(Reflect.ownKeys(make()));
      pool.destroy(object);
      expect(codeOf(() => pool.release(object))).toBe('ERR_MEMORY_DOUBLE_FREE');
    }
  });

  test('at the bound acquire() throws and tryAcquire() answers undefined', () => {
    const pool = new ObjectPool(things().hooks, { maxSize: 2, name: 'parsers' });
    const a = pool.acquire();
    pool.acquire();
    expect(() => pool.acquire()).toThrow('parsers.acquire: all 2 are in use; 2 of them are lent out');
    expect(codeOf(() => pool.acquire())).toBe('ERR_MEMORY_POOL_EXHAUSTED');
    expect(codeOf(() => pool.lease())).toBe('ERR_MEMORY_POOL_EXHAUSTED');
    expect(codeOf(() => pool.use(() => 1))).toBe('ERR_MEMORY_POOL_EXHAUSTED');
    expect(pool.tryAcquire()).toBeUndefined();
    expect(pool.stats()).toMatchObject({ refusals: 5, acquires: 2, size: 2, maxSize: 2 });
    pool.release(a);
    expect(pool.acquire()).toBe(a);
  });

  test.each([
    ['detach', (pool: ObjectPool<Thing>, thing: Thing) => void pool.detach(thing), { detached: 1, disposals: 0 }],
    ['destroy', (pool: ObjectPool<Thing>, thing: Thing) => pool.destroy(thing), { detached: 0, disposals: 1 }],
  ])('%s makes room', (_name, leave, counted) => {
    const pool = new ObjectPool(things().hooks, { maxSize: 1 });
    const thing = pool.acquire();
    leave(pool, thing);
    expect(pool.stats()).toMatchObject({ ...counted, size: 0, borrowed: 0 });
    expect(thing.disposed).toBe(counted.disposals);
    expect(pool.acquire()).not.toBe(thing);
    checkBooks(pool);
  });

  test('clear, trim and shrinkTo end idle ones, the longest idle first, and make room', () => {
    const { made, hooks } = things();
    const pool = new ObjectPool(hooks, { maxSize: 6, minSize: 2 });
    const all = Array.from({ length: 6 }, () => pool.acquire());
    for (const thing of all.slice(0, 5)) pool.release(thing);
    expect(pool.shrinkTo(5)).toBe(1);
    expect(all.map((thing) => thing.disposed)).toEqual([1, 0, 0, 0, 0, 0]);
    expect(pool.trim(3)).toBe(1);
    expect(pool.trim()).toBe(2); // two stay: minSize
    expect(pool.stats()).toMatchObject({ idle: 1, borrowed: 1, size: 2 });
    expect(pool.clear()).toBe(1);
    expect([pool.clear(), pool.trim(), pool.shrinkTo(0)]).toEqual([0, 0, 0]);
    expect(Array.from({ length: 5 }, () => pool.tryAcquire()).every((thing) => thing !== undefined)).toBe(true);
    expect(made.length).toBe(6 + 5);
    checkBooks(pool);
  });

  test('maxIdle ends what comes back on top', () => {
    const pool = new ObjectPool(things().hooks, { maxIdle: 1 });
    const [a, b] = [pool.acquire(), pool.acquire()];
    pool.release(a);
    pool.release(b);
    expect([a.disposed, b.disposed]).toEqual([0, 1]);
    const none = new ObjectPool(things().hooks, { maxIdle: 0 });
    const c = none.acquire();
    none.release(c);
    expect([c.disposed, none.size]).toEqual([1, 0]);
  });

  test('reserve makes idle ones within the bound and maxIdle', () => {
    const pool = new ObjectPool(things().hooks, { maxSize: 5, maxIdle: 4 });
    pool.acquire();
    expect(pool.reserve(2)).toBe(2);
    expect(pool.reserve(2)).toBe(0);
    expect(pool.reserve(100)).toBe(2);
    expect(pool.stats()).toMatchObject({ idle: 4, size: 5, creates: 5, misses: 1 });
    expect(codeOf(() => pool.reserve(2 ** 24 + 1))).toBe('ERR_MEMORY_OUT_OF_RANGE');
  });

  test('the first ones count, and callbacks see them', () => {
    const seen: number[] = [];
    const pool = new ObjectPool(things().hooks, {
      maxSize: 3,
      initialSize: 3,
      callbacks: { onCreate: (thing) => seen.push(thing.id) },
    });
    expect(seen).toEqual([0, 1, 2]);
    expect(pool.stats()).toMatchObject({ idle: 3, size: 3, creates: 3, misses: 0 });
    for (let i = 0; i < 3; i += 1) pool.acquire();
    expect(pool.tryAcquire()).toBeUndefined();
    expect(new ObjectPool(things().hooks, { minSize: 2 }).idle).toBe(2);
  });

  test('a first one that cannot be made ends the others', () => {
    const { made, hooks } = things();
    const create = () => {
      if (made.length === 2) throw new Error('no third');
      return hooks.create();
    };
    expect(() => new ObjectPool({ ...hooks, create }, { initialSize: 3 })).toThrow('no third');
    expect(made.map((thing) => thing.disposed)).toEqual([1, 1]);
  });
});

describe('who may give back', () => {
  test('twice is an error in every mode', () => {
    for (const make of [ObjectPool.production, ObjectPool.debug, ObjectPool.performance]) {
      const pool = make(things().hooks);
      const thing = pool.acquire();
      pool.release(thing);
      expect(codeOf(() => pool.release(thing))).toBe('ERR_MEMORY_DOUBLE_FREE');
      expect(codeOf(() => pool.detach(thing))).toBe('ERR_MEMORY_DOUBLE_FREE');
      expect(codeOf(() => pool.destroy(thing))).toBe('ERR_MEMORY_DOUBLE_FREE');
      expect(pool.acquire()).toBe(thing);
      pool.destroy(thing);
      expect(codeOf(() => pool.release(thing))).toBe('ERR_MEMORY_DOUBLE_FREE');
      expect(pool.stats()).toMatchObject({ releases: 1, borrowed: 0, size: 0 });
    }
  });

  test('what is not of the pool is refused', () => {
    const pool = new ObjectPool(things().hooks);
    const other = new ObjectPool(things().hooks);
    const thing = pool.acquire();
    const strangers: unknown[] = [
      new Thing(0),
      { ...thing },
      Object.create(thing),
      new Proxy(thing, {}),
      structuredClone(thing),
      Object.defineProperties({}, Object.getOwnPropertyDescriptors(thing)),
      other.acquire(),
      pool.detach(pool.acquire()),
      null,
      undefined,
      7,
      'x',
      Symbol('x'),
      Proxy.revocable({}, {}).proxy,
    ];
    for (const stranger of strangers) {
      expect(codeOf(() => pool.release(stranger as Thing))).toBe('ERR_MEMORY_FOREIGN_FREE');
      expect(codeOf(() => pool.detach(stranger as Thing))).toBe('ERR_MEMORY_FOREIGN_FREE');
      expect(codeOf(() => pool.destroy(stranger as Thing))).toBe('ERR_MEMORY_FOREIGN_FREE');
    }
    pool.release(thing);
    checkBooks(pool);
    checkBooks(other);
  });

  test('an object belongs to one pool at a time', () => {
    const shared = new Thing(0);
    const one = new ObjectPool(() => shared, { name: 'one' });
    const two = new ObjectPool(() => shared, { name: 'two' });
    one.acquire();
    expect(() => one.acquire()).toThrow('one.acquire: create returned an object that belongs to this pool already');
    expect(() => two.acquire()).toThrow('two.acquire: create returned an object that belongs to another pool already');
    expect(codeOf(() => two.reserve(1))).toBe('ERR_MEMORY_INVALID_STATE');
    expect([one.size, two.size, two.stats().refusals, two.stats().hookErrors]).toEqual([1, 0, 1, 2]);
    one.detach(shared);
    expect(two.acquire()).toBe(shared);
    expect(codeOf(() => one.release(shared))).toBe('ERR_MEMORY_FOREIGN_FREE');
    two.destroy(shared);
    expect(one.acquire()).toBe(shared);
    expect(codeOf(() => two.release(shared))).toBe('ERR_MEMORY_FOREIGN_FREE');
  });
});

describe('the end', () => {
  test('idle ones end at once, lent ones as they come back, unreset', () => {
    const pool = new ObjectPool(things().hooks);
    const [a, b, c, d] = [pool.acquire(), pool.acquire(), pool.acquire(), pool.acquire()];
    pool.release(a);
    pool.close();
    pool[Symbol.dispose]();
    expect([a.disposed, b.disposed, pool.closed, pool.size]).toEqual([1, 0, true, 3]);
    expect(codeOf(() => pool.acquire())).toBe('ERR_MEMORY_CLOSED');
    expect(codeOf(() => pool.tryAcquire())).toBe('ERR_MEMORY_CLOSED');
    expect(codeOf(() => pool.lease())).toBe('ERR_MEMORY_CLOSED');
    expect(codeOf(() => pool.use(() => 1))).toBe('ERR_MEMORY_CLOSED');
    expect(codeOf(() => pool.reserve(1))).toBe('ERR_MEMORY_CLOSED');
    pool.release(b);
    pool.destroy(c);
    expect(pool.detach(d)).toBe(d);
    expect([b.disposed, b.resets, c.disposed, d.disposed]).toEqual([1, 0, 1, 0]);
    expect(codeOf(() => pool.release(b))).toBe('ERR_MEMORY_DOUBLE_FREE');
    expect([pool.clear(), pool.trim(), pool.shrinkTo(0)]).toEqual([0, 0, 0]);
    expect(pool.stats()).toMatchObject({ size: 0, borrowed: 0, releases: 2, disposals: 3, detached: 1 });
  });
});

describe('who holds what', () => {
  test('debug pools know who borrowed, the longest first', () => {
    const pool = ObjectPool.debug(things().hooks);
    const thing = pool.acquire();
    const lease = pool.lease();
    const sites = pool.leaks();
    expect(sites.map(({ object }) => object.id)).toEqual([0, 1]);
    // The test runner puts names of its own to the frames; the first one is ours all the same.
    for (const { site } of sites) expect(site).toMatch(/^at .*object-pool\.test\.ts/);
    pool.release(thing);
    expect(pool.leaks().length).toBe(1);
    lease[Symbol.dispose]();
    expect(pool.leaks()).toEqual([]);
    expect(ObjectPool.performance(things().hooks).leaks()).toEqual([]);
  });

  test('whatever somebody does with stacks', () => {
    const pool = ObjectPool.debug(things().hooks, { maxSize: 1 });
    const { prepareStackTrace } = Error;
    Error.prepareStackTrace = () => {
      throw new Error('hostile');
    };
    try {
      pool.acquire();
    } finally {
      Error.prepareStackTrace = prepareStackTrace;
    }
    expect(pool.leaks().map(({ site }) => site)).toEqual(['unknown']);
    checkBooks(pool);
  });
});
