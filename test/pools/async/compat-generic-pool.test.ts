import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { AsyncPool, codeOf, deferred, type Item, setup, turns, watch } from './support';

// One test for each row of the first table of docs/pool-compatibility.md, by its name.
describe('what generic-pool documents', () => {
  it('create may give a promise or the object', async () => {
    for (const create of [async () => ({ id: 1, disposed: 0 }), () => ({ id: 1, disposed: 0 })]) {
      const { pool } = setup({ create });
      expect(await pool.acquire()).toEqual({ id: 1, disposed: 0 });
    }
  });

  it('destroy of the factory is dispose, and a promise of it is waited for', async () => {
    const end = deferred();
    const { pool } = setup({ dispose: () => end.promise });
    const ended = watch(pool.destroy(await pool.acquire()));
    await turns();
    expect([ended.done, pool.size]).toEqual([false, 1]);
    end.resolve();
    await turns();
    expect([ended.done, pool.size]).toEqual([true, 0]);
  });

  it('validate tells whether an object is still good', async () => {
    let good = true;
    const { pool, works } = setup({ validate: async () => good });
    pool.release(await pool.acquire());
    expect(await pool.use(({ id }) => id)).toBe(0);
    good = false;
    expect(await pool.use(({ id }) => id)).toBe(1);
    expect(works.made[0]?.disposed).toBe(1);
  });

  it('max bounds the objects', async () => {
    const { pool, works } = setup({ max: 3, create: async () => works.make() });
    for (let i = 0; i < 10; i += 1) watch(pool.acquire());
    await turns();
    expect([works.made.length, pool.waiting]).toEqual([3, 7]);
  });

  it('max must be given, and min may not be larger', () => {
    expect(codeOf(() => new AsyncPool({ create: () => ({}) } as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => setup({ min: 3, max: 2 }))).toBe('ERR_MEMORY_OUT_OF_RANGE');
  });

  it('min objects are made ahead', async () => {
    const { pool } = setup({ min: 2, max: 4 });
    await pool.ready();
    expect(pool.idle).toBe(2);
  });

  it('min objects are made again when some are destroyed', async () => {
    const { pool } = setup({ min: 2, max: 4 });
    await pool.ready();
    pool.destroy(await pool.acquire());
    expect(pool.stats()).toMatchObject({ idle: 2, creates: 3 });
  });

  it('maxWaitingClients limits those who wait', async () => {
    const { pool } = setup({ max: 1, maxWaitingClients: 1 });
    await pool.acquire();
    watch(pool.acquire());
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'ERR_MEMORY_POOL_EXHAUSTED' });
  });

  it('testOnBorrow tests before each loan, and needs validate', async () => {
    let tests = 0;
    const validate = (): boolean => {
      tests += 1;
      return true;
    };
    const { pool } = setup({ testOnBorrow: true, validate });
    for (let i = 0; i < 3; i += 1) await pool.use(() => 1);
    expect(tests).toBe(2); // not the one that was made for its holder
    const untested = setup({ testOnBorrow: false, validate });
    for (let i = 0; i < 3; i += 1) await untested.pool.use(() => 1);
    expect(tests).toBe(2);
    expect(codeOf(() => setup({ testOnBorrow: true }))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  it('testOnReturn tests what comes back', async () => {
    const { pool, works } = setup({ testOnReturn: true, testOnBorrow: false, validate: () => false });
    pool.release(await pool.acquire());
    expect([works.made[0]?.disposed, pool.size]).toEqual([1, 0]);
    expect(codeOf(() => setup({ testOnReturn: true }))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  it('acquireTimeoutMs ends a wait, and there is none by default', async () => {
    const { pool, time } = setup({ max: 1, acquireTimeoutMs: 100 });
    await pool.acquire();
    const waits = watch(pool.acquire());
    time.advance(100);
    await turns();
    expect(waits.code).toBe('ERR_MEMORY_TIMEOUT');
    const endless = setup({ max: 1 });
    await endless.pool.acquire();
    watch(endless.pool.acquire());
    expect(endless.time.pending).toBe(0);
  });

  it('destroyTimeoutMs ends the wait for dispose and tells', async () => {
    const { pool, time } = setup({ destroyTimeoutMs: 100, dispose: () => new Promise(() => {}) });
    const errors: unknown[] = [];
    pool.on('factoryDestroyError', (error) => errors.push(error));
    const ended = watch(pool.destroy(await pool.acquire()));
    time.advance(100);
    await turns();
    expect(ended.done).toBe(true);
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_MEMORY_TIMEOUT' })]);
  });

  it('order fifo lends the oldest first, lifo the newest', async () => {
    for (const [order, id] of [
      ['fifo', 0],
      ['lifo', 1],
    ] as const) {
      const { pool } = setup({ order });
      for (const item of [await pool.acquire(), await pool.acquire()]) pool.release(item);
      expect(await pool.use((item) => item.id)).toBe(id);
    }
  });

  it('priority says who is served first, equals as they came', async () => {
    const { pool } = setup({ max: 1 });
    const item = await pool.acquire();
    const order: number[] = [];
    const ask = (priority: number, name: number): void =>
      void pool.acquire({ priority }).then((got) => {
        order.push(name);
        pool.release(got);
      });
    ask(10, 1);
    ask(90, 2);
    ask(10, 3);
    ask(90, 4);
    pool.release(item);
    await turns();
    expect(order).toEqual([2, 4, 1, 3]);
  });

  it('priority outside its range is refused', async () => {
    const { pool } = setup();
    await expect(pool.acquire({ priority: 101 })).rejects.toMatchObject({ code: 'ERR_MEMORY_OUT_OF_RANGE' });
    await expect(pool.acquire({ priority: -1 })).rejects.toMatchObject({ code: 'ERR_MEMORY_OUT_OF_RANGE' });
  });

  it('autostart false makes nothing before start', async () => {
    const { pool, works } = setup({ min: 1, autostart: false });
    await turns();
    expect(works.made).toHaveLength(0);
    pool.start();
    expect(works.made).toHaveLength(1);
  });

  it('the first acquire starts as well', async () => {
    const { pool, works } = setup({ min: 2, autostart: false });
    await pool.acquire();
    expect(works.made).toHaveLength(2);
  });

  it('start does nothing the second time', async () => {
    const { pool, works } = setup({ min: 1 });
    pool.start();
    pool.start();
    await turns();
    expect(works.made).toHaveLength(1);
  });

  it('ready waits for min', async () => {
    const gates = [deferred<Item>(), deferred<Item>()];
    let asked = 0;
    const { pool, works } = setup({ min: 2, create: () => gates[asked++]!.promise });
    const ready = watch(pool.ready());
    await turns();
    gates[0]?.resolve(works.make());
    await turns();
    expect(ready.done).toBe(false);
    gates[1]?.resolve(works.make());
    await turns();
    expect(ready.done).toBe(true);
  });

  it('evictionRunIntervalMs says how often idle objects are looked at, 0 never', async () => {
    for (const [evictionRunIntervalMs, atMs] of [
      [300, 600],
      [0, null],
    ] as const) {
      const { pool, works, time } = setup({ idleTimeoutMs: 500, evictionRunIntervalMs });
      pool.release(await pool.acquire());
      for (; time.now < 3000 && works.alive > 0; time.advance(100)) await turns();
      expect(works.alive === 0 ? time.now : null).toBe(atMs);
    }
  });

  it('numTestsPerEvictionRun limits a run', async () => {
    const { pool, time } = setup({ max: 5, idleTimeoutMs: 100, evictionRunIntervalMs: 100, numTestsPerEvictionRun: 3 });
    for (const item of await Promise.all([1, 2, 3, 4, 5].map(() => pool.acquire()))) pool.release(item);
    time.advance(100);
    expect(pool.idle).toBe(2);
    time.advance(100);
    expect(pool.idle).toBe(0);
  });

  it('softIdleTimeoutMs keeps min idle objects', async () => {
    const { pool, time } = setup({ min: 1, max: 3, softIdleTimeoutMs: 100 });
    for (const item of [await pool.acquire(), await pool.acquire(), await pool.acquire()]) pool.release(item);
    time.advance(10_000);
    expect(pool.stats()).toMatchObject({ idle: 1, creates: 3 });
  });

  it('idleTimeoutMs goes before softIdleTimeoutMs, even below min', async () => {
    const { pool, works, time } = setup({ min: 1, softIdleTimeoutMs: 9000, idleTimeoutMs: 1000 });
    await pool.ready();
    time.advance(1000);
    expect([works.made[0]?.disposed, pool.idle]).toEqual([1, 1]);
  });

  it('nothing is evicted unless asked for', async () => {
    const { pool, time } = setup();
    pool.release(await pool.acquire());
    expect(time.pending).toBe(0);
    time.advance(1e9);
    expect(pool.idle).toBe(1);
  });

  it('promises are native ones', () => {
    expect(setup().pool.acquire()).toBeInstanceOf(Promise);
    expect(codeOf(() => setup({ Promise } as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  it('acquire resolves to an object or rejects', async () => {
    const { pool } = setup({ max: 1 });
    expect(await pool.acquire()).toEqual({ id: 0, disposed: 0 });
    await pool.drain({ deadlineMs: 0, signal: AbortSignal.abort() }).catch(() => {});
    await expect(pool.acquire()).rejects.toThrow();
  });

  it('release takes what was borrowed, and nothing else', async () => {
    const { pool } = setup();
    const item = await pool.acquire();
    pool.release(item);
    expect(codeOf(() => pool.release(item))).toBe('ERR_MEMORY_DOUBLE_FREE');
    expect(codeOf(() => pool.release({ id: 5, disposed: 0 }))).toBe('ERR_MEMORY_FOREIGN_FREE');
  });

  it('isBorrowed tells what is lent', async () => {
    const { pool } = setup();
    const item = await pool.acquire();
    expect([pool.isBorrowed(item), pool.isBorrowed({}), pool.isBorrowed(null)]).toEqual([true, false, false]);
    pool.release(item);
    expect(pool.isBorrowed(item)).toBe(false);
  });

  it('destroy ends a borrowed object, and nothing else', async () => {
    const { pool, works } = setup();
    const item = await pool.acquire();
    pool.destroy(item);
    expect([works.made[0]?.disposed, pool.size]).toEqual([1, 0]);
    expect(codeOf(() => pool.destroy(item))).toBe('ERR_MEMORY_DOUBLE_FREE');
    expect(codeOf(() => pool.destroy({ id: 5, disposed: 0 }))).toBe('ERR_MEMORY_FOREIGN_FREE');
  });

  it('factoryCreateError tells why none could be made', async () => {
    const failure = new Error('down');
    const { pool } = setup({ create: () => Promise.reject(failure) });
    const errors: unknown[] = [];
    pool.on('factoryCreateError', (error) => errors.push(error));
    await pool.acquire().catch(() => {});
    expect(errors).toEqual([failure]);
  });

  it('factoryDestroyError tells why one could not be ended', async () => {
    const failure = new Error('down');
    const { pool } = setup({ dispose: () => Promise.reject(failure) });
    const errors: unknown[] = [];
    pool.on('factoryDestroyError', (error) => errors.push(error));
    await pool.destroy(await pool.acquire());
    expect(errors).toEqual([failure]);
  });

  it('without listeners errors of the factory go nowhere', async () => {
    const { pool } = setup({
      min: 1,
      create: () => Promise.reject(new Error('down')),
      dispose: () => Promise.reject(new Error('down')),
    });
    await turns();
    expect(pool.stats().createFailures).toBe(1);
  });

  it('a failed create leaves those who wait waiting, if wanted', async () => {
    let failures = 3;
    const { pool, works, time } = setup({
      propagateCreateError: false,
      create: async () => {
        failures -= 1;
        if (failures >= 0) throw new Error('down');
        return works.make();
      },
    });
    const waits = watch(pool.acquire());
    for (let i = 0; i < 20; i += 1) {
      await turns();
      time.advance(100);
    }
    expect(waits.value).toBe(works.made[0]);
  });

  it('use gives the object back and passes the result on', async () => {
    const { pool } = setup();
    expect(await pool.use(async ({ id }) => `result ${id}`)).toBe('result 0');
    expect(pool.idle).toBe(1);
  });

  it('use ends the object when the work fails', async () => {
    const { pool, works } = setup();
    const failure = new Error('work');
    await expect(pool.use(() => Promise.reject(failure))).rejects.toBe(failure);
    expect([works.made[0]?.disposed, pool.size]).toEqual([1, 0]);
  });

  it('use takes a priority', async () => {
    const { pool } = setup({ max: 1 });
    const item = await pool.acquire();
    const order: string[] = [];
    const all = [
      pool.use(() => order.push('low'), { priority: 0 }),
      pool.use(() => order.push('high'), { priority: 9 }),
    ];
    pool.release(item);
    await Promise.all(all);
    expect(order).toEqual(['high', 'low']);
  });

  it('drain serves who waits, then waits for the loans', async () => {
    const { pool } = setup({ max: 1 });
    const item = await pool.acquire();
    const waits = watch(pool.acquire());
    const drained = watch(pool.drain());
    pool.release(item);
    await turns();
    expect([waits.value, drained.done]).toEqual([item, false]);
    pool.release(item);
    await turns();
    expect(drained.done).toBe(true);
  });

  it('after drain nothing is lent any more', async () => {
    const { pool } = setup();
    await pool.drain();
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'ERR_MEMORY_CLOSED' });
    expect(codeOf(() => pool.tryAcquire())).toBe('ERR_MEMORY_CLOSED');
  });

  it('drain and clear end everything', async () => {
    const { pool, works } = setup({ min: 2, max: 3 });
    await pool.ready();
    await pool.drain();
    expect(await pool.clear()).toBe(2);
    expect([works.alive, pool.size]).toEqual([0, 0]);
  });

  it('an idle pool holds no process, drained or not', () => {
    const script = `const { AsyncPool } = require(${JSON.stringify(join(__dirname, '../../../dist'))});
      const pool = new AsyncPool({ create: async () => ({}), min: 2, max: 4, idleTimeoutMs: '1h', maxAgeMs: '1h' });
      pool.ready().then(() => pool.use(() => console.log('used')));`;
    const { status, stdout } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', timeout: 170_000 });
    expect([status, stdout]).toEqual([0, 'used\n']);
  });

  it('the numbers of the pool can be read', async () => {
    const { pool } = setup({ min: 1, max: 3 });
    await pool.ready();
    await pool.acquire();
    await pool.acquire();
    pool.release(await pool.acquire());
    const { spare, size, idle, borrowed, waiting, maxSize, minSize } = pool;
    expect({ spare, size, idle, borrowed, waiting, maxSize, minSize }).toEqual({
      ...{ spare: 0, size: 3, idle: 1, borrowed: 2, waiting: 0, maxSize: 3, minSize: 1 },
    });
  });
});
