import { AsyncPool, codeOf, deferred, expectExact, type Item, setup, turns, watch } from './support';

const failure = new Error('down');

// One test for each row of the second table of docs/pool-compatibility.md, by its name.
describe('what tarn documents', () => {
  it('create gives an object or a promise of one, and takes no callback', async () => {
    let got: unknown;
    const { pool, works } = setup({
      create: async (argument) => {
        got = argument;
        return works.make();
      },
    });
    expect(await pool.acquire()).toBe(works.made[0]);
    expect(got).toBeInstanceOf(AbortSignal);
  });

  it('validate false destroys the object and takes another', async () => {
    for (const validate of [() => false, async () => false]) {
      const { pool, works } = setup({ validate });
      pool.release(await pool.acquire());
      expect(await pool.acquire()).toBe(works.made[1]);
      expect(works.made[0]?.disposed).toBe(1);
    }
  });

  it('a validate that fails counts as false and is told', async () => {
    const { pool, works } = setup({ validate: () => Promise.reject(failure) });
    const told: unknown[] = [];
    pool.on('failure', (event) => told.push(event));
    pool.release(await pool.acquire());
    expect(await pool.acquire()).toBe(works.made[1]);
    expect(told).toEqual([{ where: 'validate', error: failure }]);
  });

  it('destroy of the options is dispose, sync or async', async () => {
    for (const wait of [undefined, Promise.resolve()]) {
      const { pool, works } = setup({
        dispose: (item) => {
          works.end(item);
          return wait;
        },
      });
      await pool.destroy(await pool.acquire());
      expect([works.made[0]?.disposed, pool.size]).toEqual([1, 0]);
    }
  });

  it('what goes wrong beside is told as an event', async () => {
    const { pool } = setup({ reset: () => Promise.reject(failure) });
    const told: unknown[] = [];
    pool.on('failure', (event) => told.push(event));
    await pool.release(await pool.acquire());
    expect(told).toEqual([{ where: 'reset', error: failure }]);
  });

  it('min and max are checked', () => {
    for (const wrong of [{ min: -1 }, { max: 0 }, { min: 3, max: 2 }, { max: Number.POSITIVE_INFINITY }]) {
      expect(codeOf(() => setup(wrong))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    }
    for (const wrong of [{ min: 1.5 }, { max: '3' as never }, { max: Number.NaN }]) {
      expect(codeOf(() => setup(wrong))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    }
  });

  it('create must be given, and dispose may be left out', async () => {
    expect(codeOf(() => new AsyncPool({ max: 1 } as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    const pool = new AsyncPool({ create: () => ({}), max: 1 });
    expect(await pool.use(() => 'fine')).toBe('fine');
  });

  it('unknown options are refused', () => {
    expect(codeOf(() => setup({ idleTimeoutMillis: 5 } as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  it('acquireTimeoutMs ends a wait with an error of its own', async () => {
    const { pool, time } = setup({ max: 1, acquireTimeoutMs: '30s' });
    await pool.acquire();
    const waits = watch(pool.acquire());
    time.advance(30_000);
    await turns();
    expect(waits.error).toMatchObject({ code: 'ERR_MEMORY_TIMEOUT', retryable: true });
  });

  it('a timeout says why none could be made', async () => {
    const { pool, time } = setup({
      propagateCreateError: false,
      acquireTimeoutMs: 1000,
      create: () => Promise.reject(failure),
    });
    const waits = watch(pool.acquire());
    await turns();
    time.advance(1000);
    await turns();
    expect(waits.error).toMatchObject({ code: 'ERR_MEMORY_TIMEOUT', cause: failure });
  });

  it('createTimeoutMs gives a create up, and what comes late is ended', async () => {
    const made = deferred<Item>();
    const { pool, works, time } = setup({ create: () => made.promise });
    const waits = watch(pool.acquire());
    time.advance(30_000); // the default
    await turns();
    expect([waits.code, pool.size]).toEqual(['ERR_MEMORY_TIMEOUT', 0]);
    made.resolve(works.make());
    await turns();
    expect(works.made[0]?.disposed).toBe(1);
  });

  it('destroyTimeoutMs frees the place of an object that does not end', async () => {
    const { pool, works, time } = setup({ max: 1, dispose: () => new Promise(() => {}) });
    void pool.destroy(await pool.acquire());
    const waits = watch(pool.acquire());
    time.advance(4999);
    await turns();
    expect(waits.done).toBe(false);
    time.advance(1);
    await turns();
    expect(waits.value).toBe(works.made[1]);
  });

  it('an idle timeout that keeps min is softIdleTimeoutMs', async () => {
    const { pool, time } = setup({ min: 1, max: 3, softIdleTimeoutMs: 30_000 });
    for (const item of [await pool.acquire(), await pool.acquire(), await pool.acquire()]) pool.release(item);
    time.advance(60_000);
    expect(pool.stats()).toMatchObject({ idle: 1, size: 1 });
  });

  it('the reaping interval is evictionRunIntervalMs, one second by default', async () => {
    const { pool, time } = setup({ softIdleTimeoutMs: 1 });
    pool.release(await pool.acquire());
    time.advance(999);
    expect(pool.idle).toBe(1);
    time.advance(1);
    expect(pool.idle).toBe(0);
  });

  it('createRetryIntervalMs is the pause after a failed create', async () => {
    const tries: number[] = [];
    const { pool, time } = setup({
      propagateCreateError: false,
      createRetryIntervalMs: 250,
      create: () => {
        tries.push(time.now);
        throw failure;
      },
    });
    watch(pool.acquire());
    for (; time.now < 800; time.advance(50)) await turns();
    expect(tries).toEqual([0, 250, 750]); // and so on: the pauses double
  });

  it('propagateCreateError true refuses the first who waits', async () => {
    const { pool } = setup({ max: 1, create: () => Promise.reject(failure) });
    const first = watch(pool.acquire());
    await turns();
    expect(first.error).toBe(failure);
  });

  it('propagateCreateError false tries again until the time is over', async () => {
    const { pool, time } = setup({ propagateCreateError: false, create: () => Promise.reject(failure) });
    const waits = watch(pool.acquire({ deadlineMs: 5000 }));
    for (; time.now < 5000; time.advance(100)) {
      await turns();
      expect(waits.done).toBe(false);
    }
    await turns();
    expect(waits.code).toBe('ERR_MEMORY_TIMEOUT');
    expect(pool.stats().createFailures).toBe(5);
  });

  it('a wait is given up by its signal, and the create goes on', async () => {
    const made = deferred<Item>();
    const { pool, works } = setup({ create: () => made.promise });
    const controller = new AbortController();
    const waits = watch(pool.acquire({ signal: controller.signal }));
    controller.abort();
    await turns();
    expect(waits.code).toBe('ERR_MEMORY_ABORTED');
    made.resolve(works.make());
    await turns();
    expect(pool.idle).toBe(1);
  });

  it('release of what is not lent is an error', async () => {
    const { pool } = setup();
    expect(codeOf(() => pool.release({ id: 1, disposed: 0 }))).toBe('ERR_MEMORY_FOREIGN_FREE');
    const item = await pool.acquire();
    pool.release(item);
    expect(codeOf(() => pool.release(item))).toBe('ERR_MEMORY_DOUBLE_FREE');
  });

  it('used, free, pending acquires, creates and validations are numbers of stats', async () => {
    const made = deferred<Item>();
    let async = false;
    const { pool, works } = setup({
      max: 3,
      create: () => (async ? made.promise : works.make()),
      validate: () => new Promise(() => {}),
    });
    const [a, b] = [await pool.acquire(), await pool.acquire()];
    async = true;
    watch(pool.acquire());
    pool.release(a);
    watch(pool.acquire());
    pool.release(b);
    expect(pool.stats()).toMatchObject({ borrowed: 0, idle: 0, waiting: 2, creating: 1, testing: 2 });
    expectExact(pool);
  });

  it('the newest free object is lent first', async () => {
    const { pool } = setup();
    for (const item of [await pool.acquire(), await pool.acquire()]) pool.release(item);
    expect(await pool.use(({ id }) => id)).toBe(1);
  });

  it('close waits until everything came back, and ends it', async () => {
    const { pool, works } = setup();
    const [a, b] = [await pool.acquire(), await pool.acquire()];
    pool.release(a);
    const closed = watch(pool.close());
    await turns();
    expect([works.made[0]?.disposed, closed.done]).toEqual([1, false]);
    pool.release(b);
    await turns();
    expect([works.made[1]?.disposed, closed.done]).toEqual([1, true]);
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'ERR_MEMORY_CLOSED' });
  });

  it('close refuses those who wait', async () => {
    const { pool } = setup({ max: 1 });
    await pool.acquire();
    const waits = watch(pool.acquire());
    watch(pool.close());
    await turns();
    expect(waits.code).toBe('ERR_MEMORY_CLOSED');
  });

  it('acquire events tell the request and what came of it', async () => {
    const { pool } = setup({ max: 1 });
    const told: unknown[] = [];
    pool.on('acquireRequest', (event) => told.push(['request', event]));
    pool.on('acquireSuccess', (event) => told.push(['success', event]));
    pool.on('acquireFail', ({ id, error }) => told.push(['fail', id, (error as { code: string }).code]));
    const object = await pool.acquire();
    await pool.acquire({ signal: AbortSignal.abort() }).catch(() => {});
    expect(told).toEqual([
      ['request', { id: 1 }],
      ['success', { id: 1, object }],
      ['request', { id: 3 }],
      ['fail', 3, 'ERR_MEMORY_ABORTED'],
    ]);
  });

  it('the release event tells what came back', async () => {
    const { pool } = setup();
    const told: unknown[] = [];
    pool.on('release', ({ object }) => told.push(object));
    const item = await pool.acquire();
    pool.release(item);
    expect(told).toEqual([item]);
  });

  it('create events tell the request and what came of it', async () => {
    let works = false;
    const object = { id: 0, disposed: 0 };
    const { pool } = setup({
      create: async () => {
        if (!works) throw failure;
        return object;
      },
    });
    const told: unknown[] = [];
    pool.on('createRequest', ({ id }) => told.push(['request', id]));
    pool.on('createSuccess', (event) => told.push(['success', event.id, event.object]));
    pool.on('createFail', ({ id, error }) => told.push(['fail', id, error]));
    await pool.acquire().catch(() => {});
    works = true;
    await pool.acquire();
    expect(told).toEqual([
      ['request', 2],
      ['fail', 2, failure],
      ['request', 4],
      ['success', 4, object],
    ]);
  });

  it('destroy events tell the request and what came of it', async () => {
    const answers = [undefined, Promise.reject(failure)];
    const { pool, works } = setup({ dispose: () => answers.shift() });
    const told: unknown[] = [];
    pool.on('destroyRequest', ({ object }) => told.push(['request', object.id]));
    pool.on('destroySuccess', ({ object }) => told.push(['success', object.id]));
    pool.on('destroyFail', ({ object, error }) => told.push(['fail', object.id, error]));
    pool.destroy(await pool.acquire());
    await pool.destroy(await pool.acquire());
    expect(works.made).toHaveLength(2);
    expect(told).toEqual([
      ['request', 0],
      ['success', 0],
      ['request', 1],
      ['fail', 1, failure],
    ]);
  });

  it('reaping events are evictionStart and evictionStop', async () => {
    const { pool, time } = setup({ idleTimeoutMs: 1500 });
    const told: string[] = [];
    pool.on('evictionStart', () => told.push(`start ${time.now}`));
    pool.on('evictionStop', () => told.push(`stop ${time.now}`));
    pool.release(await pool.acquire());
    time.advance(5000);
    pool.release(await pool.acquire());
    await pool.close();
    expect(told).toEqual(['start 0', 'stop 2000', 'start 5000', 'stop 5000']);
  });

  it('events of the end are closeRequest and closeSuccess, and listeners are gone after them', async () => {
    const { pool } = setup();
    const item = await pool.acquire();
    const told: string[] = [];
    pool.on('closeRequest', () => told.push('request'));
    pool.on('closeSuccess', () => told.push('success'));
    const closed = pool.close();
    expect(told).toEqual(['request']);
    pool.release(item);
    await closed;
    expect(told).toEqual(['request', 'success']);
    expect(pool.listenerCount('closeSuccess')).toBe(0);
  });

  it('a listener that throws disturbs nobody', async () => {
    const { pool } = setup();
    const told: unknown[] = [];
    pool.on('acquireSuccess', () => {
      throw failure;
    });
    pool.on('failure', (event) => told.push(event));
    await pool.use(() => 1);
    expect(told).toEqual([{ where: 'listener of acquireSuccess', error: failure }]);
    expect(pool.stats()).toMatchObject({ listenerFailures: 1, idle: 1 });
  });

  it('listeners can be removed, one or all', async () => {
    const { pool } = setup();
    let heard = 0;
    const listener = (): void => {
      heard += 1;
    };
    pool.on('release', listener).on('release', listener).once('release', listener);
    await pool.use(() => 1);
    expect(heard).toBe(3);
    pool.removeListener('release', listener);
    await pool.use(() => 1);
    expect(heard).toBe(4);
    pool.removeAllListeners('release');
    await pool.use(() => 1);
    expect(heard).toBe(4);
    expect(codeOf(() => pool.on('relaese' as never, listener))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });
});
