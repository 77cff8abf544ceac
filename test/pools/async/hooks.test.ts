import { AsyncPool, codeOf, deferred, expectExact, type Item, setup, turns, watch } from './support';

const failure = new Error('no');

describe('create', () => {
  it.each([
    [
      'throws',
      (): never => {
        throw failure;
      },
    ],
    ['rejects', () => Promise.reject(failure)],
  ] as const)(
    'that %s refuses the first who waits, holds no place, and is not tried without end',
    async (_, create) => {
      let calls = 0;
      const { pool, time } = setup({
        create: () => {
          calls += 1;
          return create();
        },
      });
      const all = [1, 2, 3, 4, 5].map(() => watch(pool.acquire()));
      await turns();
      expect(all.map(({ error }) => error)).toEqual(Array(5).fill(failure));
      expect(calls).toBe(5);
      time.advance(100_000);
      await turns();
      expect(calls).toBe(5);
      expect(pool.stats()).toMatchObject({ size: 0, waiting: 0, createFailures: 5, refusals: 5 });
      expectExact(pool);
    },
  );

  it('is tried again after pauses that grow, while those who wait go on waiting', async () => {
    let works = false;
    const tries: number[] = [];
    const { pool, time } = setup({
      propagateCreateError: false,
      create: async () => {
        tries.push(time.now);
        if (!works) throw failure;
        return { id: 1, disposed: 0 };
      },
    });
    const short = watch(pool.acquire({ deadlineMs: 1000 }));
    const long = watch(pool.acquire());
    for (let i = 0; i < 90; i += 1) {
      await turns();
      time.advance(100);
    }
    // Two at a time: as many as wait, then as one is left.
    expect([...new Set(tries)]).toEqual([0, 200, 600, 1400, 3000, 6200]);
    expect(short.error).toMatchObject({ code: 'ERR_MEMORY_TIMEOUT', cause: failure });
    works = true;
    time.advance(3200);
    await turns();
    expect(long.value).toEqual({ id: 1, disposed: 0 });
    expect(time.pending).toBe(0);
    expectExact(pool);
  });

  it('that never answers frees its place after its time, and what it gives later is ended', async () => {
    const late = deferred<Item>();
    const signals: AbortSignal[] = [];
    let calls = 0;
    const { pool, works, time } = setup({
      max: 1,
      createTimeoutMs: 1000,
      create: (signal) => {
        signals.push(signal);
        calls += 1;
        return calls === 1 ? late.promise : works.make();
      },
    });
    const waits = watch(pool.acquire());
    time.advance(999);
    await turns();
    expect([waits.done, signals[0]?.aborted]).toEqual([false, false]);
    time.advance(1);
    await turns();
    expect(waits.code).toBe('ERR_MEMORY_TIMEOUT');
    expect(signals[0]?.aborted).toBe(true);
    expect(pool.stats().size).toBe(0);
    const next = await pool.acquire();
    const item = works.make();
    late.resolve(item);
    await turns();
    expect(item.disposed).toBe(1);
    expect(next.disposed).toBe(0);
    expect(pool.stats()).toMatchObject({ size: 1, creates: 2, disposals: 1 });
    expect(codeOf(() => pool.release(item))).toBe('ERR_MEMORY_DOUBLE_FREE');
    expectExact(pool);
  });

  it('that gives an object twice is refused, and the object stays with who has it', async () => {
    const only = { id: 0, disposed: 0 };
    for (const create of [() => only, async () => only]) {
      const { pool, works } = setup({ create });
      expect(await pool.acquire()).toBe(only);
      await expect(pool.acquire()).rejects.toMatchObject({ code: 'ERR_MEMORY_INVALID_STATE' });
      expect(only.disposed).toBe(0);
      expect(pool.stats()).toMatchObject({ size: 1, borrowed: 1 });
      pool.release(only);
      await pool.use(() => 1);
      expect(works.made).toEqual([]);
      expectExact(pool);
    }
  });

  it('may give an object again that left the pool', async () => {
    const only = { id: 0, disposed: 0 };
    const { pool } = setup({ create: () => only });
    pool.detach(await pool.acquire());
    pool.destroy(await pool.acquire());
    pool.release(await pool.acquire());
    expect(pool.stats()).toMatchObject({ size: 1, idle: 1, creates: 3, detached: 1, disposals: 1 });
  });

  it.each([[undefined], [null], [5], ['text'], [Symbol('s')]])('that gives %p is refused', async (made) => {
    for (const create of [() => made, async () => made]) {
      const { pool } = setup({ create: create as never });
      await expect(pool.acquire()).rejects.toMatchObject({ code: 'ERR_MEMORY_INVALID_ARGUMENT' });
      expect(pool.stats()).toMatchObject({ size: 0, disposals: 0 });
    }
  });

  it('is not disturbed by who gives up meanwhile: the object is kept for the next', async () => {
    const made = deferred<Item>();
    const { pool, works } = setup({ max: 1, create: () => made.promise });
    const controller = new AbortController();
    const gone = watch(pool.acquire({ signal: controller.signal }));
    controller.abort();
    await turns();
    expect(gone.code).toBe('ERR_MEMORY_ABORTED');
    expect(pool.stats()).toMatchObject({ creating: 1, waiting: 0 });
    made.resolve(works.make());
    await turns();
    expect(pool.stats()).toMatchObject({ creating: 0, idle: 1 });
    expect(pool.tryAcquire()).toBe(works.made[0]);
  });

  it('goes to the first who waits, not to who asked for it', async () => {
    const made = deferred<Item>();
    const { pool, works } = setup({ max: 1, create: () => made.promise });
    const low = watch(pool.acquire({ priority: 1 }));
    const high = watch(pool.acquire({ priority: 9 }));
    made.resolve(works.make());
    await turns();
    expect([low.done, high.done]).toEqual([false, true]);
  });

  it('is called when the time of a wait ends at the same moment: nobody loses the object', async () => {
    const made = deferred<Item>();
    const { pool, works, time } = setup({ max: 1, create: () => made.promise });
    const gone = watch(pool.acquire({ deadlineMs: 10 }));
    const next = watch(pool.acquire());
    made.resolve(works.make());
    time.advance(10);
    await turns();
    expect([gone.code, next.value]).toEqual(['ERR_MEMORY_TIMEOUT', works.made[0]]);
  });
});

describe('validate', () => {
  it.each([
    ['gives false', (): unknown => false],
    ['gives a promise of false', async (): Promise<unknown> => false],
    [
      'throws',
      (): never => {
        throw failure;
      },
    ],
    ['rejects', () => Promise.reject(failure)],
    ['gives nonsense', () => 'yes' as never],
    ['gives nothing', () => undefined as never],
  ] as const)('that %s ends the object, and another one is lent', async (_, validate) => {
    const { pool, works } = setup({ validate: validate as () => boolean });
    pool.release(await pool.acquire());
    expect(await pool.acquire()).toBe(works.made[1]);
    await turns();
    expect(works.made.map(({ disposed }) => disposed)).toEqual([1, 0]);
    expect(pool.stats()).toMatchObject({ invalid: 1, disposals: 1, size: 1 });
    expectExact(pool);
  });

  it('that never answers counts as failed after its time', async () => {
    const { pool, works, time } = setup({ max: 1, validate: () => new Promise(() => {}), validateTimeoutMs: 300 });
    pool.release(await pool.acquire());
    const waits = watch(pool.acquire());
    expect(pool.stats()).toMatchObject({ testing: 1, size: 1 });
    time.advance(300);
    await turns();
    expect(waits.value).toBe(works.made[1]);
    expect(works.made[0]?.disposed).toBe(1);
    expect(pool.stats()).toMatchObject({ hookFailures: 1, invalid: 1 });
  });

  it('is asked when an object comes back, if wanted', async () => {
    let answer = true;
    const { pool, works } = setup({ validate: async () => answer, testOnReturn: true, testOnBorrow: false });
    const item = await pool.acquire();
    const back = pool.release(item);
    expect(back).toBeInstanceOf(Promise);
    expect(pool.stats()).toMatchObject({ testing: 1, borrowed: 0 });
    await back;
    expect(pool.stats()).toMatchObject({ testing: 0, idle: 1 });
    expect(await pool.acquire()).toBe(item);
    answer = false;
    await pool.release(item);
    expect(works.made[0]?.disposed).toBe(1);
    expect(pool.size).toBe(0);
  });

  it('is asked of one object for one who waits', async () => {
    let asked = 0;
    const { pool } = setup({
      validate: async () => {
        asked += 1;
        return true;
      },
    });
    for (const item of [await pool.acquire(), await pool.acquire()]) pool.release(item);
    await pool.acquire();
    expect(asked).toBe(1);
  });

  it('of an object for somebody who gave up: it goes to the next, or stays', async () => {
    const verdict = deferred<boolean>();
    const { pool } = setup({ max: 1, validate: () => verdict.promise });
    const item = await pool.acquire();
    pool.release(item);
    const controller = new AbortController();
    const gone = watch(pool.acquire({ signal: controller.signal }));
    const next = watch(pool.acquire());
    controller.abort();
    verdict.resolve(true);
    await turns();
    expect([gone.code, next.value]).toEqual(['ERR_MEMORY_ABORTED', item]);
  });
});

describe('reset', () => {
  it('runs before the next holder gets the object', async () => {
    const log: string[] = [];
    const { pool } = setup({ max: 1, reset: (item) => void log.push(`reset ${item.id}`) });
    const item = await pool.acquire();
    void pool.acquire().then(({ id }) => log.push(`got ${id}`));
    expect(pool.release(item)).toBeUndefined();
    await turns();
    expect(log).toEqual(['reset 0', 'got 0']);
    expect(pool.stats()).toMatchObject({ acquires: 2, hits: 1, misses: 1 });
  });

  it('that takes time keeps the place meanwhile', async () => {
    const cleaned = deferred();
    const { pool } = setup({ max: 1, reset: () => cleaned.promise });
    const item = await pool.acquire();
    const back = watch(pool.release(item));
    const waits = watch(pool.acquire());
    await turns();
    expect([back.done, waits.done, pool.size]).toEqual([false, false, 1]);
    expect(codeOf(() => pool.release(item))).toBe('ERR_MEMORY_DOUBLE_FREE');
    cleaned.resolve();
    await turns();
    expect([back.done, waits.value]).toEqual([true, item]);
  });

  it.each([
    [
      'throws',
      (): never => {
        throw failure;
      },
    ],
    ['rejects', () => Promise.reject(failure)],
    ['never answers', () => new Promise(() => {})],
  ] as const)('that %s ends the object', async (_, reset) => {
    const { pool, works, time } = setup({ max: 1, reset });
    const back = watch(pool.release(await pool.acquire()));
    await turns();
    time.advance(5000);
    await turns();
    expect(back).toMatchObject({ done: true });
    expect(back.error).toBeUndefined();
    expect(works.made[0]?.disposed).toBe(1);
    expect(pool.stats()).toMatchObject({ size: 0, hookFailures: 1 });
    expectExact(pool);
  });
});

describe('a slow reset of one object', () => {
  it('does not hold up who can have another one', async () => {
    const { pool } = setup({ validate: () => true, reset: ({ id }) => id === 0 && new Promise(() => {}) });
    const [slow, quick] = [await pool.acquire(), await pool.acquire()];
    void pool.release(slow);
    const waits = watch(pool.acquire());
    pool.release(quick);
    await turns();
    expect(waits.value).toBe(quick);
    expectExact(pool);
  });
});

describe('dispose', () => {
  it.each([
    [
      'throws',
      (): never => {
        throw failure;
      },
      1,
    ],
    ['rejects', () => Promise.reject(failure), 1],
    ['never answers', () => new Promise(() => {}), 1],
    ['takes its time', async () => {}, 0],
  ] as const)('that %s frees the place all the same', async (_, dispose, failures) => {
    const { pool, works, time } = setup({ max: 1, dispose, destroyTimeoutMs: 700 });
    const ended = watch(pool.destroy(await pool.acquire()));
    const waits = watch(pool.acquire());
    await turns();
    time.advance(700);
    await turns();
    expect(ended).toMatchObject({ done: true });
    expect(ended.error).toBeUndefined();
    expect(waits.value).toBe(works.made[1]);
    expect(pool.stats()).toMatchObject({ size: 1, disposals: 1, disposeFailures: failures });
    expectExact(pool);
  });

  it('holds its place until it answers', async () => {
    const end = deferred();
    const { pool, works } = setup({ max: 1, dispose: () => end.promise });
    void pool.destroy(await pool.acquire());
    const waits = watch(pool.acquire());
    await turns();
    expect([works.made.length, waits.done, pool.stats().ending]).toEqual([1, false, 1]);
    end.resolve();
    await turns();
    expect(waits.value).toBe(works.made[1]);
  });

  it('may be left out', async () => {
    const pool = new AsyncPool({ create: () => ({}), max: 1 });
    pool.destroy(await pool.acquire());
    expect(pool.stats()).toMatchObject({ size: 0, disposals: 1 });
    await pool.close();
  });
});
