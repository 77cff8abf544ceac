import { ObjectPool, type PoolHooks } from '../../../lib/pools';
import { checkBooks, codeOf, type Thing, things } from './support';

const failing = (what: string) => () => {
  throw new Error(what);
};

function twoFree(changes: Partial<PoolHooks<Thing>>, options = {}): { pool: ObjectPool<Thing>; made: Thing[] } {
  const { made, hooks } = things();
  const pool = new ObjectPool({ ...hooks, ...changes }, { maxSize: 2, ...options });
  return { pool, made };
}

describe('hooks that throw', () => {
  test('create: refused with its error, the place is free', () => {
    const { pool } = twoFree({ create: failing('no') });
    for (let i = 0; i < 3; i += 1) expect(() => pool.acquire()).toThrow('no');
    expect(() => pool.tryAcquire()).toThrow('no');
    expect(pool.stats()).toMatchObject({ size: 0, refusals: 4, hookErrors: 4, creates: 0, acquires: 0, misses: 0 });
  });

  test('reset: the release counts, the object ends, the releaser is told', () => {
    const { pool } = twoFree({ reset: failing('dirty') });
    const thing = pool.acquire();
    expect(() => pool.release(thing)).toThrow('dirty');
    expect(thing.disposed).toBe(1);
    expect(codeOf(() => pool.release(thing))).toBe('ERR_MEMORY_DOUBLE_FREE');
    expect(pool.stats()).toMatchObject({ size: 0, releases: 1, disposals: 1, hookErrors: 1 });
  });

  test('validate: the object ends, the caller is told', () => {
    const { pool, made } = twoFree({ validate: failing('odd') }, { validateOn: 'both' });
    expect(() => pool.release(pool.acquire())).toThrow('odd');
    expect(pool.stats()).toMatchObject({ size: 0, releases: 1, invalid: 1, disposals: 1 });
    pool.reserve(1);
    expect(() => pool.acquire()).toThrow('odd');
    expect(made.map((thing) => thing.disposed)).toEqual([1, 1]);
    expect(pool.stats()).toMatchObject({ size: 0, refusals: 1, invalid: 2 });
  });

  test('dispose: the object is gone and its place free; who ends objects is told, after all of them', () => {
    const { pool } = twoFree({ dispose: failing('stuck') });
    const [a, b] = [pool.acquire(), pool.acquire()];
    expect(() => pool.destroy(a)).toThrow('stuck');
    expect(pool.size).toBe(1);
    pool.release(b);
    pool.release(pool.acquire());
    pool.reserve(2);
    expect(codeOf(() => pool.clear())).toBe('ERR_MEMORY_INVALID_STATE');
    expect(pool.stats()).toMatchObject({ size: 0, disposals: 3, hookErrors: 3 });
    pool.reserve(1);
    expect(() => pool.trim()).toThrow('stuck');
    pool.reserve(1);
    const lent = pool.acquire();
    pool.reserve(1);
    expect(() => pool.close()).toThrow('stuck');
    expect(() => pool.release(lent)).toThrow('stuck');
    pool.close();
    checkBooks(pool);
    expect(pool.size).toBe(0);
  });

  test('dispose within acquire(): the request is served, onHookError is told', () => {
    const told: unknown[] = [];
    const { pool } = twoFree(
      { dispose: failing('stuck') },
      { callbacks: { onHookError: (error: Error, hook: string) => told.push(`${hook}: ${error.message}`) } },
    );
    const thing = pool.acquire();
    pool.release(thing);
    thing.fit = false;
    expect(pool.acquire()).not.toBe(thing);
    expect(told).toEqual(['dispose: stuck']);
    expect(pool.stats()).toMatchObject({ hookErrors: 1, refusals: 0, disposals: 1, invalid: 1 });
  });

  test('reset and dispose together: the first error goes to the releaser', () => {
    const { pool } = twoFree({ reset: failing('dirty'), dispose: failing('stuck') });
    expect(() => pool.release(pool.acquire())).toThrow('dirty');
    expect(pool.stats()).toMatchObject({ size: 0, hookErrors: 2, disposals: 1 });
  });
});

describe('hooks that answer with nonsense', () => {
  // biome-ignore lint/suspicious/noThenProperty: what this is about
  const thenable = { then: () => {} };

  test.each<[unknown]>([[undefined], [null], [7], ['x'], [Symbol('x')], [Promise.resolve({})], [thenable]])(
    'create: %p',
    (answer) => {
      const { pool } = twoFree({ create: () => answer as Thing });
      expect(codeOf(() => pool.acquire())).toBe('ERR_MEMORY_INVALID_ARGUMENT');
      expect(codeOf(() => pool.reserve(1))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
      expect(pool.stats()).toMatchObject({ size: 0, creates: 0, hookErrors: 2 });
    },
  );

  test('promises that fail end nothing but their object', async () => {
    const rejected = () => Promise.reject(new Error('late')) as never;
    const { pool } = twoFree({ create: rejected });
    expect(() => pool.acquire()).toThrow('create must return an object, got a promise');
    const { pool: second } = twoFree({ reset: rejected });
    expect(() => second.release(second.acquire())).toThrow('reset must return nothing, got a promise');
    const { pool: third } = twoFree({ dispose: rejected });
    expect(() => third.destroy(third.acquire())).toThrow('dispose must return nothing, got a promise');
    const { pool: fourth } = twoFree({ validate: rejected });
    fourth.reserve(1);
    expect(() => fourth.acquire()).toThrow('validate must return true or false, got a promise');
    for (const pool of [second, third, fourth]) expect(pool.stats()).toMatchObject({ size: 0, disposals: 1 });
    await new Promise(setImmediate);
  });

  test.each<[unknown]>([[undefined], [1], ['true'], [null], [{}]])('validate: %p', (answer) => {
    const { pool } = twoFree({ validate: () => answer as boolean });
    pool.reserve(1);
    expect(codeOf(() => pool.acquire())).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(pool.stats()).toMatchObject({ size: 0, invalid: 1 });
  });

  test('what reset and dispose answer otherwise does not matter', () => {
    const { pool } = twoFree({ reset: () => 7 as never, dispose: () => ({ a: 1 }) as never });
    const thing = pool.acquire();
    pool.release(thing);
    expect(pool.acquire()).toBe(thing);
    pool.destroy(thing);
    expect(pool.stats().hookErrors).toBe(0);
  });
});

describe('hooks that call the pool', () => {
  test('reset gives the parts of an object back', () => {
    class Node {
      children: Node[] = [];
    }
    const pool: ObjectPool<Node> = new ObjectPool({
      create: () => new Node(),
      reset: (node: Node) => {
        for (const child of node.children) pool.release(child);
        node.children = [];
      },
    });
    const root = pool.acquire();
    for (let i = 0; i < 5; i += 1) {
      const child = pool.acquire();
      child.children.push(pool.acquire(), pool.acquire());
      root.children.push(child);
    }
    pool.release(root);
    expect(pool.stats()).toMatchObject({ idle: 16, borrowed: 0, releases: 16 });
    checkBooks(pool);
  });

  test('reset that fills the place of its own object', () => {
    const parts = new Map<Thing, Thing>();
    const { hooks } = things();
    const pool: ObjectPool<Thing> = new ObjectPool(
      {
        ...hooks,
        reset: (thing) => {
          const part = parts.get(thing);
          if (part !== undefined) pool.release(part);
        },
      },
      { maxIdle: 1 },
    );
    const [whole, part] = [pool.acquire(), pool.acquire()];
    parts.set(whole, part);
    pool.release(whole);
    expect([pool.idle, pool.size, whole.disposed, part.disposed]).toEqual([1, 1, 1, 0]);
    checkBooks(pool);
  });

  test('the object of a hook is nobody’s', () => {
    const codes: string[] = [];
    const attack = (thing: Thing) => {
      codes.push(
        codeOf(() => pool.release(thing)),
        codeOf(() => pool.detach(thing)),
        codeOf(() => pool.destroy(thing)),
      );
    };
    const { hooks } = things();
    const pool: ObjectPool<Thing> = new ObjectPool(
      {
        create: hooks.create,
        reset: attack,
        validate: (thing) => {
          attack(thing);
          return true;
        },
        dispose: attack,
      },
      { callbacks: { onCreate: attack, onAcquire: attack, onRelease: attack, onDispose: attack } },
    );
    pool.release(pool.acquire());
    pool.destroy(pool.acquire());
    const inHooks = codes.slice(0, -3);
    expect(new Set(inHooks)).toEqual(new Set(['ERR_MEMORY_INVALID_STATE']));
    expect(inHooks.length).toBe(3 * 7);
    expect(codes.slice(-3)).toEqual(['ERR_MEMORY_DOUBLE_FREE', 'ERR_MEMORY_DOUBLE_FREE', 'ERR_MEMORY_DOUBLE_FREE']);
    expect(pool.stats()).toMatchObject({ size: 0, callbackErrors: 0, hookErrors: 0 });
  });

  test('nor is it without any other hook', () => {
    const codes: string[] = [];
    const pool: ObjectPool<Thing> = new ObjectPool({
      create: things().hooks.create,
      reset: (thing) => {
        codes.push(
          codeOf(() => pool.release(thing)),
          codeOf(() => pool.detach(thing)),
        );
      },
    });
    pool.release(pool.acquire());
    expect(codes).toEqual(['ERR_MEMORY_INVALID_STATE', 'ERR_MEMORY_INVALID_STATE']);
    expect(pool.stats()).toMatchObject({ idle: 1, size: 1, releases: 1 });
  });

  test('create may take what is free, and makes nothing else', () => {
    const { hooks } = things();
    const taken: Thing[] = [];
    const pool: ObjectPool<Thing> = new ObjectPool({
      ...hooks,
      create: () => {
        if (pool !== undefined) taken.push(pool.acquire());
        return hooks.create();
      },
    } as PoolHooks<Thing>);
    expect(codeOf(() => pool.acquire())).toBe('ERR_MEMORY_INVALID_STATE');
    expect(pool.stats()).toMatchObject({ size: 0, refusals: 2 });
  });

  test('hooks of hooks end somewhere', () => {
    let deepest = 0;
    let depth = 0;
    const pool: ObjectPool<Thing> = new ObjectPool(things().hooks.create, {
      callbacks: {
        onAcquire: () => {
          depth += 1;
          deepest = Math.max(deepest, depth);
          pool.acquire();
          depth -= 1;
        },
      },
    });
    pool.acquire();
    expect(deepest).toBe(200);
    expect(pool.stats().callbackErrors).toBe(1);
    checkBooks(pool);
  });

  test('one made ahead whose place was filled meanwhile is ended', () => {
    let back: Thing | undefined;
    const { made, hooks } = things();
    const pool: ObjectPool<Thing> = new ObjectPool(hooks, {
      maxIdle: 1,
      growth: { fixed: 2 },
      callbacks: {
        onCreate: (thing) => {
          if (thing.id === 3) pool.release(back!);
        },
      },
    });
    back = pool.acquire();
    pool.acquire();
    pool.acquire();
    expect([pool.idle, back.disposed, made[3]!.disposed, pool.size]).toEqual([1, 0, 1, 3]);
    checkBooks(pool);
  });

  test('a chain of resets that is too long stops where it is', () => {
    const next = new Map<Thing, Thing>();
    const { hooks } = things();
    const pool: ObjectPool<Thing> = new ObjectPool({
      ...hooks,
      reset: (thing) => {
        const after = next.get(thing);
        if (after !== undefined) pool.release(after);
      },
    });
    const chain = Array.from({ length: 300 }, () => pool.acquire());
    for (let i = 1; i < chain.length; i += 1) next.set(chain[i - 1]!, chain[i]!);
    expect(codeOf(() => pool.release(chain[0]!))).toBe('ERR_MEMORY_INVALID_STATE');
    expect(pool.stats()).toMatchObject({ releases: 200, borrowed: 100, size: 100, hookErrors: 200 });
    pool.release(chain[200]!);
    expect(pool.stats()).toMatchObject({ releases: 300, borrowed: 0, idle: 100 });
    checkBooks(pool);
  });

  test('clear() that is fed by dispose ends', () => {
    const { hooks } = things();
    const pool: ObjectPool<Thing> = new ObjectPool({
      ...hooks,
      dispose: (thing) => {
        hooks.dispose(thing);
        pool.release(pool.acquire());
      },
    });
    pool.reserve(3);
    expect(pool.clear()).toBe(3);
    expect(pool.idle).toBe(1);
    checkBooks(pool);
  });

  test('validate that refuses all and brings others makes no endless request', () => {
    const { hooks } = things();
    let asked = 0;
    const pool: ObjectPool<Thing> = new ObjectPool(
      {
        ...hooks,
        validate: () => {
          asked += 1;
          pool.reserve(2);
          return false;
        },
      },
      { maxSize: 4 },
    );
    pool.reserve(3);
    pool.acquire();
    expect(asked).toBe(3);
    checkBooks(pool);
  });

  test.each(['create', 'validate', 'reset', 'dispose'] as const)('close() inside %s', (hook) => {
    const { made, hooks } = things();
    let armed = false;
    const close = () => {
      if (armed) pool.close();
    };
    const pool: ObjectPool<Thing> = new ObjectPool({
      create: () => {
        if (hook === 'create') close();
        return hooks.create();
      },
      reset: () => {
        if (hook === 'reset') close();
      },
      validate: () => {
        if (hook === 'validate') close();
        return true;
      },
      dispose: (thing) => {
        hooks.dispose(thing);
        if (hook === 'dispose') close();
      },
    });
    const [a, b] = [pool.acquire(), pool.acquire()];
    pool.release(b);
    armed = true;
    if (hook === 'create') {
      pool.acquire();
      expect(codeOf(() => pool.acquire())).toBe('ERR_MEMORY_CLOSED');
      pool.release(b);
    }
    if (hook === 'validate') expect(codeOf(() => pool.acquire())).toBe('ERR_MEMORY_CLOSED');
    if (hook === 'reset') pool.release(a);
    if (hook === 'dispose') pool.clear();
    expect(pool.closed).toBe(true);
    if (hook !== 'reset') pool.release(a);
    expect(pool.stats()).toMatchObject({ size: 0, idle: 0, borrowed: 0 });
    expect(made.map((thing) => thing.disposed)).toEqual(made.map(() => 1));
    checkBooks(pool);
  });
});

describe('close() while objects are made ahead', () => {
  test.each(['reserve', 'acquire'] as const)('by %s', (method) => {
    const { made, hooks } = things();
    const pool: ObjectPool<Thing> = new ObjectPool(
      {
        ...hooks,
        create: () => {
          if (made.length === 1) pool.close();
          return hooks.create();
        },
      },
      { growth: { fixed: 3 } },
    );
    expect(codeOf(() => (method === 'reserve' ? pool.reserve(3) : pool.acquire()))).toBe('ERR_MEMORY_CLOSED');
    expect(made.map((thing) => thing.disposed)).toEqual([1, 1]);
    expect(pool.stats()).toMatchObject({ size: 0, idle: 0, borrowed: 0, hookErrors: 0 });
  });
});

describe('callbacks', () => {
  test('are told what happens, in order', () => {
    const told: string[] = [];
    const tell = (what: string) => (thing: Thing) => void told.push(`${what} ${thing.id}`);
    const pool = new ObjectPool(things().hooks, {
      callbacks: {
        onCreate: tell('create'),
        onAcquire: tell('acquire'),
        onRelease: tell('release'),
        onDispose: tell('dispose'),
      },
    });
    pool.release(pool.acquire());
    pool.destroy(pool.acquire());
    expect(told).toEqual(['create 0', 'acquire 0', 'release 0', 'acquire 0', 'dispose 0']);
  });

  test('what they throw or reject is counted and goes no further', async () => {
    const bad = failing('told');
    const late = (() => Promise.reject(new Error('late'))) as never;
    const pool = new ObjectPool(
      { ...things().hooks, dispose: failing('stuck') },
      { callbacks: { onCreate: bad, onAcquire: late, onRelease: bad, onDispose: bad, onHookError: bad } },
    );
    const thing = pool.acquire();
    pool.release(thing);
    thing.fit = false;
    pool.acquire();
    await new Promise(setImmediate);
    expect(pool.stats()).toMatchObject({ callbackErrors: 7, hookErrors: 1, acquires: 2, borrowed: 1 });
    checkBooks(pool);
  });
});
