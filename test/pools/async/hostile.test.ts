import { FakeTime } from '../../support/fake-time';
import { AsyncPool, codeOf, expectExact, type Item, setup, turns, watch } from './support';

// What a review found: each of these failed once.
describe('an AsyncPool under hostile use', () => {
  it('refuses who waits before it says that it has closed', async () => {
    const { pool } = setup({ create: () => Promise.reject(new Error('down')), propagateCreateError: false });
    const waits = [watch(pool.acquire()), watch(pool.acquire())];
    await turns(); // nothing is there now, nor being made
    const told: string[] = [];
    for (const event of ['acquireFail', 'closeRequest', 'closeSuccess'] as const) {
      pool.on(event, () => told.push(event));
    }
    await pool.close();
    expect(waits.map(({ code }) => code)).toEqual(['ERR_MEMORY_CLOSED', 'ERR_MEMORY_CLOSED']);
    expect(told).toEqual(['closeRequest', 'acquireFail', 'acquireFail', 'closeSuccess']);
  });

  it.each([() => false, () => new Promise<boolean>(() => {})])(
    'refuses a request whose signal is aborted by a hook on its way',
    async (answer) => {
      const controller = new AbortController();
      const { pool } = setup({
        max: 1,
        validate: () => {
          controller.abort();
          return answer();
        },
      });
      pool.release(await pool.acquire());
      const waits = watch(pool.acquire({ signal: controller.signal }));
      await turns();
      expect(waits.code).toBe('ERR_MEMORY_ABORTED');
      expect(pool.waiting).toBe(0);
      expectExact(pool);
    },
  );

  it('takes no name for an event that is none', async () => {
    const { pool } = setup();
    for (const name of ['constructor', 'toString', '__proto__', 'relaese', null, 5]) {
      const event = name as never;
      expect(codeOf(() => pool.on(event, () => {}))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
      expect(codeOf(() => pool.off(event, () => {}))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
      expect(codeOf(() => pool.removeAllListeners(event))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
      expect(codeOf(() => pool.listenerCount(event))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    }
    let heard = 0;
    pool.on('release', () => {
      heard += 1;
    });
    await pool.use(() => 1);
    expect(heard).toBe(1);
  });

  it('takes no null for a deadline', async () => {
    const { pool } = setup();
    await expect(pool.acquire({ deadlineMs: null as never })).rejects.toMatchObject({
      code: 'ERR_MEMORY_INVALID_ARGUMENT',
    });
    expect(pool.borrowed).toBe(0);
  });

  it('says that it is closed', async () => {
    const { pool } = setup();
    expect(pool.closed).toBe(false);
    await pool.close();
    expect(pool.closed).toBe(true);
  });

  it('serves on when its timers failed once: no place is lost, and nobody forgotten', async () => {
    class FailingTime extends FakeTime {
      failures = 1;
      override start(work: () => void, delayMs: number): unknown {
        this.failures -= 1;
        if (this.failures === 0) throw new RangeError('as on a stack that is full');
        return super.start(work, delayMs);
      }
    }
    const time = new FailingTime();
    const pool = new AsyncPool<Item>({
      ...{ max: 1, timers: time, clock: time },
      create: async () => ({ id: 1, disposed: 0 }),
    });
    const waits = watch(pool.acquire());
    await turns();
    expect(waits.value).toEqual({ id: 1, disposed: 0 });
    expect(pool.stats()).toMatchObject({ size: 1, borrowed: 1, creating: 0, waiting: 0 });
    pool.release(waits.value!);
    expect(await pool.use(({ id }) => id)).toBe(1);
    await pool.close();
  });

  it('keeps no request whose deadline could not be set, and tells when it can never serve', async () => {
    const time = new FakeTime();
    let fails = true;
    const start = (work: () => void, delayMs: number): unknown => {
      if (fails) throw new RangeError('no timers');
      return time.start(work, delayMs);
    };
    const timers = { start, stop: (timer: unknown) => time.stop(timer) };
    const pool = new AsyncPool<Item>({ create: async () => ({ id: 1, disposed: 0 }), max: 1, timers });
    await expect(pool.acquire({ deadlineMs: 5 })).rejects.toThrow('no timers');
    expect(pool.stats()).toMatchObject({ waiting: 0, size: 0 });
    const told: string[] = [];
    pool.on('failure', ({ where }) => told.push(where));
    const waits = watch(pool.acquire());
    await turns();
    expect([waits.done, told, pool.stats().creating]).toEqual([false, ['serve'], 0]);
    fails = false;
    const next = watch(pool.acquire());
    await turns();
    expect([waits.value?.id, next.done, pool.waiting]).toEqual([1, false, 1]);
  });

  it('ends thousands of objects whose hooks go on to the next one each', async () => {
    const many = 5000;
    const holder = {} as { pool: AsyncPool<Item> };
    const { pool, works, time } = setup({
      max: many,
      maxAgeMs: 10,
      evictionRunIntervalMs: 0,
      dispose: (item) => {
        works.end(item);
        holder.pool.tryAcquire();
      },
    });
    holder.pool = pool;
    const items: Item[] = [];
    while (items.length < many) items.push(await pool.acquire());
    for (const item of items) pool.release(item);
    time.now = 100;
    for (let left = many; left > 0 && pool.idle > 0; left -= 1) pool.tryAcquire();
    await turns();
    expect(pool.stats()).toMatchObject({ idle: 0, ending: 0, testing: 0, size: 0, disposals: many });
    await pool.close();
    expect(works.made.every(({ disposed }) => disposed === 1)).toBe(true);
  });

  it('refuses release and destroy by hooks of hooks without end, and keeps the objects', async () => {
    const many = 1000;
    for (const deed of ['release', 'destroy'] as const) {
      const holder = {} as { pool: AsyncPool<Item> };
      const held: Item[] = [];
      let deep = 0;
      let deepest = 0;
      const next = (): void => {
        const item = held.pop();
        if (item === undefined) return;
        deep += 1;
        deepest = Math.max(deepest, deep);
        try {
          void holder.pool[deed](item);
        } catch (error) {
          held.push(item);
          expect(error).toMatchObject({ code: 'ERR_MEMORY_INVALID_STATE' });
        }
        deep -= 1;
      };
      const { pool } = setup({ max: many, reset: next, dispose: next });
      holder.pool = pool;
      while (held.length < many) held.push(await pool.acquire());
      next();
      expect(deepest).toBeLessThanOrEqual(201);
      expect(pool.borrowed).toBe(held.length);
      expectExact(pool);
      while (held.length > 0) next();
      expect(pool.stats()).toMatchObject({ borrowed: 0, hookFailures: 0, disposeFailures: 0 });
    }
  });
});
