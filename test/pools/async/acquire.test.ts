import { AsyncPool, codeOf, expectExact, setup, turns, watch } from './support';

describe('acquire and release', () => {
  it('makes an object, lends it again, and counts both', async () => {
    const { pool, works } = setup();
    const first = await pool.acquire();
    expect(pool.isBorrowed(first)).toBe(true);
    expect(pool.release(first)).toBeUndefined();
    expect(pool.isBorrowed(first)).toBe(false);
    expect(await pool.acquire()).toBe(first);
    expect(works.made).toHaveLength(1);
    expect(pool.stats()).toMatchObject({
      acquires: 2,
      misses: 1,
      hits: 1,
      releases: 1,
      creates: 1,
      borrowed: 1,
      idle: 0,
    });
    expectExact(pool);
  });

  it('keeps its bound while objects are being made', async () => {
    const { pool, works } = setup({ create: async () => works.make() });
    const all = [1, 2, 3, 4].map(() => watch(pool.acquire()));
    expect(pool.stats()).toMatchObject({ creating: 2, size: 2, waiting: 4 });
    await turns();
    expect(all.map(({ done }) => done)).toEqual([true, true, false, false]);
    expect(works.made).toHaveLength(2);
    pool.release(works.made[0]!);
    await turns();
    expect(all[2]?.value).toBe(works.made[0]);
    expectExact(pool);
  });

  it('lends the newest first, or the oldest', async () => {
    for (const [order, expected] of [
      ['lifo', 1],
      ['fifo', 0],
    ] as const) {
      const { pool, works } = setup({ order });
      const [a, b] = [await pool.acquire(), await pool.acquire()];
      pool.release(a);
      pool.release(b);
      expect(await pool.acquire()).toBe(works.made[expected]);
    }
  });

  it('notices what is given back twice, or is not of the pool', async () => {
    const { pool } = setup();
    const item = await pool.acquire();
    const stranger = { id: 9, disposed: 0 };
    expect(codeOf(() => pool.release(stranger))).toBe('ERR_MEMORY_FOREIGN_FREE');
    expect(codeOf(() => pool.release(7 as never))).toBe('ERR_MEMORY_FOREIGN_FREE');
    expect(codeOf(() => pool.release(undefined as never))).toBe('ERR_MEMORY_FOREIGN_FREE');
    pool.release(item);
    for (const method of ['release', 'destroy', 'detach'] as const) {
      expect(codeOf(() => pool[method](item))).toBe('ERR_MEMORY_DOUBLE_FREE');
    }
    const again = await pool.acquire();
    pool.destroy(again);
    expect(codeOf(() => pool.release(again))).toBe('ERR_MEMORY_DOUBLE_FREE');
    const left = await pool.acquire();
    pool.detach(left);
    expect(codeOf(() => pool.release(left))).toBe('ERR_MEMORY_FOREIGN_FREE');
    expectExact(pool);
    expect(pool.stats().size).toBe(0);
  });

  it('frees the place of what is detached or destroyed', async () => {
    const { pool, works } = setup({ max: 1 });
    const first = await pool.acquire();
    const second = watch(pool.acquire());
    pool.detach(first);
    await turns();
    expect(second.value).toBe(works.made[1]);
    const third = watch(pool.acquire());
    expect(pool.destroy(second.value!)).toBeUndefined();
    await turns();
    expect(third.value).toBe(works.made[2]);
    expect(works.made.map(({ disposed }) => disposed)).toEqual([0, 1, 0]);
    expect(pool.stats()).toMatchObject({ detached: 1, disposals: 1, creates: 3, size: 1 });
  });

  it('makes one of functions too, and serves whatever has a then() afterwards as it is', async () => {
    const pool = new AsyncPool<() => number>({ create: () => () => 7, max: 1 });
    expect((await pool.acquire())()).toBe(7);
  });
});

describe('tryAcquire', () => {
  it('gives what is free, makes nothing, and overtakes nobody', async () => {
    const { pool, works } = setup({ max: 1 });
    expect(pool.tryAcquire()).toBeUndefined();
    expect(works.made).toHaveLength(0);
    const item = await pool.acquire();
    expect(pool.tryAcquire()).toBeUndefined();
    pool.release(item);
    expect(pool.tryAcquire()).toBe(item);
    expect(pool.stats()).toMatchObject({ refusals: 2, acquires: 2, borrowed: 1 });
    const waits = watch(pool.acquire());
    pool.release(item);
    expect(pool.tryAcquire()).toBeUndefined();
    await turns();
    expect(waits.value).toBe(item);
  });

  it('takes what passes a test that answers at once, and leaves a slow test to those who wait', async () => {
    let answer: unknown = true;
    const { pool } = setup({ validate: () => answer as boolean });
    pool.release(await pool.acquire());
    const item = pool.tryAcquire();
    expect(item).toBeDefined();
    pool.release(item!);
    answer = Promise.resolve(true);
    expect(pool.tryAcquire()).toBeUndefined();
    expect(pool.stats()).toMatchObject({ testing: 1, idle: 0 });
    await turns();
    expect(pool.stats()).toMatchObject({ testing: 0, idle: 1 });
    answer = false;
    expect(pool.tryAcquire()).toBeUndefined();
    expect(pool.stats()).toMatchObject({ size: 0, invalid: 1 });
    expectExact(pool);
  });
});

describe('those who wait', () => {
  it('are served by priority, then as they came', async () => {
    const { pool } = setup({ max: 1 });
    const item = await pool.acquire();
    const order: string[] = [];
    const ask = (name: string, priority?: number): void =>
      void pool.acquire(priority === undefined ? undefined : { priority }).then((got) => {
        order.push(name);
        pool.release(got);
      });
    ask('middle');
    ask('low', 0);
    ask('high', 100);
    ask('middle too', 50);
    ask('high too', 100);
    pool.release(item);
    await turns();
    expect(order).toEqual(['high', 'high too', 'middle', 'middle too', 'low']);
  });

  it('give up after their deadline, and what comes later goes to the next', async () => {
    const { pool, time } = setup({ max: 1, acquireTimeoutMs: 500 });
    const item = await pool.acquire();
    const short = watch(pool.acquire({ deadlineMs: 100 }));
    const usual = watch(pool.acquire());
    const long = watch(pool.acquire({ deadlineMs: '1s' }));
    time.advance(100);
    await turns();
    expect([short.code, usual.done]).toEqual(['ERR_MEMORY_TIMEOUT', false]);
    time.advance(400);
    await turns();
    expect([usual.code, long.done]).toEqual(['ERR_MEMORY_TIMEOUT', false]);
    pool.release(item);
    await turns();
    expect(long.value).toBe(item);
    expect(time.pending).toBe(0);
    expect(pool.stats()).toMatchObject({ refusals: 2, waiting: 0 });
  });

  it('give up by their signal, and lose nothing to it', async () => {
    const { pool } = setup({ max: 1 });
    const item = await pool.acquire();
    const controller = new AbortController();
    const waits = watch(pool.acquire({ signal: controller.signal }));
    const next = watch(pool.acquire());
    const reason = new Error('enough');
    controller.abort(reason);
    pool.release(item);
    await turns();
    expect(waits.error).toMatchObject({ code: 'ERR_MEMORY_ABORTED', cause: reason });
    expect(next.value).toBe(item);
    await expect(pool.acquire({ signal: controller.signal })).rejects.toMatchObject({ code: 'ERR_MEMORY_ABORTED' });
    // Granted first, aborted afterwards: it is theirs.
    const late = new AbortController();
    const granted = pool.acquire({ signal: late.signal });
    pool.release(item);
    late.abort();
    expect(await granted).toBe(item);
    expect(pool.stats().borrowed).toBe(1);
  });

  it('are settled once, whatever their timers do afterwards', async () => {
    const fired: (() => void)[] = [];
    const timers = { start: (work: () => void) => fired.push(work), stop: () => {} };
    const { pool } = setup({ max: 1, timers });
    const item = await pool.acquire();
    const waits = watch(pool.acquire({ deadlineMs: 5 }));
    pool.release(item);
    for (const work of fired) work();
    await turns();
    expect(waits.value).toBe(item);
    expect(pool.stats()).toMatchObject({ waiting: 0, refusals: 0 });
  });

  it('are no more than may wait', async () => {
    const { pool, works } = setup({ max: 1, maxWaitingClients: 1, create: async () => works.make() });
    const [first, second, third] = [1, 2, 3].map(() => watch(pool.acquire()));
    await turns();
    expect([first?.done, second?.code, third?.code]).toEqual([
      true,
      'ERR_MEMORY_POOL_EXHAUSTED',
      'ERR_MEMORY_POOL_EXHAUSTED',
    ]);
    const waits = watch(pool.acquire());
    await turns();
    expect(waits.done).toBe(false);
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'ERR_MEMORY_POOL_EXHAUSTED' });
  });

  it('may be none at all: then who finds none free and no place is refused at once', async () => {
    const { pool } = setup({ max: 1, maxWaitingClients: 0, validate: async () => true });
    const item = await pool.acquire();
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'ERR_MEMORY_POOL_EXHAUSTED' });
    pool.release(item);
    expect(await pool.acquire()).toBe(item);
  });

  it('are a hundred thousand, served in their order', async () => {
    const { pool } = setup({ max: 1 });
    const item = await pool.acquire();
    let served = 0;
    let wrong = 0;
    for (let i = 0; i < 100_000; i += 1) {
      void pool.acquire().then((got) => {
        if (served !== i) wrong += 1;
        served += 1;
        pool.release(got);
      });
    }
    expect(pool.waiting).toBe(100_000);
    pool.release(item);
    await turns();
    expect({ served, wrong, ...pool.stats() }).toMatchObject({ served: 100_000, wrong: 0, waiting: 0, idle: 1 });
  });

  it('leave nothing behind when they give up, ten thousand behind one that stays', async () => {
    const { pool } = setup({ max: 1 });
    const item = await pool.acquire();
    const stays = watch(pool.acquire({ priority: 100 }));
    const controllers = Array.from({ length: 10_000 }, () => new AbortController());
    const gone = Promise.all(controllers.map(({ signal }) => pool.acquire({ signal }).catch(() => 1)));
    for (const controller of controllers) controller.abort();
    await gone;
    expect(pool.stats()).toMatchObject({ waiting: 1, refusals: 10_000 });
    pool.release(item);
    await turns();
    expect(stays.value).toBe(item);
  });
});

describe('use', () => {
  it('gives the object back, and the result', async () => {
    const { pool } = setup();
    expect(await pool.use((item) => item.id + 1)).toBe(1);
    expect(await pool.use(async ({ id }) => id, { priority: 3 })).toBe(0);
    expect(pool.stats()).toMatchObject({ idle: 1, borrowed: 0, releases: 2 });
  });

  it('ends it where the work fails, or gives it back if asked', async () => {
    const { pool, works } = setup();
    const failure = new Error('work');
    const fail = (): never => {
      throw failure;
    };
    await expect(pool.use(fail)).rejects.toBe(failure);
    expect(works.made.map(({ disposed }) => disposed)).toEqual([1]);
    await expect(pool.use(() => Promise.reject(failure), { onFailure: 'release' })).rejects.toBe(failure);
    expect(works.made.map(({ disposed }) => disposed)).toEqual([1, 0]);
    expect(pool.stats()).toMatchObject({ idle: 1, size: 1 });
  });

  it('leaves alone what the work gave away itself, even when somebody else has it by then', async () => {
    const { pool } = setup({ max: 1 });
    let other: unknown;
    await pool.use(async (item) => {
      pool.release(item);
      other = await pool.acquire();
    });
    expect(pool.isBorrowed(other)).toBe(true);
    pool.release(other as never);
    await pool.use((item) => void pool.detach(item));
    await pool.use((item) => void pool.destroy(item));
    expect(pool.stats()).toMatchObject({ size: 0, detached: 1 });
  });

  it('checks its arguments', async () => {
    const { pool } = setup();
    for (const wrong of [
      pool.use(7 as never),
      pool.use(() => 1, { onFailure: 'keep' as never }),
      pool.use(() => 1, { nope: 1 } as never),
    ]) {
      await expect(wrong).rejects.toMatchObject({ code: 'ERR_MEMORY_INVALID_ARGUMENT' });
    }
    expect(pool.size).toBe(0);
  });
});
