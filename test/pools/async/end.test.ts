import { AsyncPool, codeOf, deferred, expectExact, type Item, setup, turns, watch } from './support';

describe('close', () => {
  it('refuses who waits, ends what is idle now and what is lent as it comes back', async () => {
    const { pool, works } = setup({ max: 3 });
    const [a, b, c] = [await pool.acquire(), await pool.acquire(), await pool.acquire()];
    const waits = watch(pool.acquire());
    const closed = watch(pool.close());
    expect(pool.state).toBe('closed');
    await turns();
    expect([waits.code, closed.done]).toEqual(['ERR_MEMORY_CLOSED', false]);
    pool.release(a);
    expect(works.made[0]?.disposed).toBe(1);
    pool.detach(b);
    pool.destroy(c);
    await turns();
    expect(closed.done).toBe(true);
    expect(works.made.map(({ disposed }) => disposed)).toEqual([1, 0, 1]);
    expect(pool.stats()).toMatchObject({ size: 0, waiting: 0, refusals: 1 });
    expect(codeOf(() => pool.release(a))).toBe('ERR_MEMORY_DOUBLE_FREE');
    expectExact(pool);
  });

  it('resolves each time, and at once when nothing is there', async () => {
    const { pool } = setup();
    await pool.close();
    await pool.close();
    await using other = new AsyncPool({ create: () => ({}), max: 1 });
    await other.use(() => 1);
  });

  it('aborts objects in the making and ends them when they come', async () => {
    const made = deferred<Item>();
    const signals: AbortSignal[] = [];
    const { pool, works } = setup({
      create: (signal) => {
        signals.push(signal);
        return made.promise;
      },
    });
    const waits = watch(pool.acquire());
    const closed = watch(pool.close());
    await turns();
    expect([waits.code, closed.done, signals[0]?.aborted]).toEqual(['ERR_MEMORY_CLOSED', false, true]);
    made.resolve(works.make());
    await turns();
    expect([closed.done, works.made[0]?.disposed]).toEqual([true, 1]);
  });

  it('waits for a create that never answers no longer than that may take', async () => {
    const { pool, time } = setup({ create: () => new Promise(() => {}), createTimeoutMs: 100 });
    watch(pool.acquire());
    const closed = watch(pool.close());
    time.advance(100);
    await turns();
    expect(closed.done).toBe(true);
    expect(time.pending).toBe(0);
  });

  it('ends what is under test, and what is being reset', async () => {
    const verdict = deferred<boolean>();
    const cleaned = deferred();
    const { pool, works } = setup({
      validate: () => verdict.promise,
      reset: (item) => item.id === 1 && cleaned.promise,
    });
    const [a, b] = [await pool.acquire(), await pool.acquire()];
    pool.release(a);
    const waits = watch(pool.acquire());
    const back = watch(pool.release(b));
    expect(pool.stats().testing).toBe(2);
    const closed = watch(pool.close());
    verdict.resolve(true);
    await turns();
    expect([waits.code, works.made[0]?.disposed, closed.done]).toEqual(['ERR_MEMORY_CLOSED', 1, false]);
    cleaned.resolve();
    await turns();
    expect([back.done, works.made[1]?.disposed, closed.done]).toEqual([true, 1, true]);
    expectExact(pool);
  });

  it('waits with a deadline and a signal, and goes on all the same', async () => {
    const { pool, works, time } = setup();
    const item = await pool.acquire();
    const timed = watch(pool.close({ deadlineMs: 50 }));
    const aborted = watch(pool.close({ signal: AbortSignal.abort() }));
    time.advance(50);
    await turns();
    expect([timed.code, aborted.code]).toEqual(['ERR_MEMORY_TIMEOUT', 'ERR_MEMORY_ABORTED']);
    expect(String((timed.error as Error).message)).toContain('1 lent');
    const closed = pool.close({ deadlineMs: 1e6 });
    pool.release(item);
    await closed;
    expect(works.made[0]?.disposed).toBe(1);
    expect(time.pending).toBe(0);
  });

  it('stops all timers', async () => {
    const { pool, time } = setup({ min: 1, idleTimeoutMs: 1e6, create: () => Promise.reject(new Error('down')) });
    await pool.ready().catch(() => {});
    expect(time.pending).toBe(1);
    await pool.close();
    expect(time.pending).toBe(0);
    const other = setup({ idleTimeoutMs: 1e6 });
    other.pool.release(await other.pool.acquire());
    expect(other.time.pending).toBe(1);
    await other.pool.close();
    expect(other.time.pending).toBe(0);
  });

  it('lets nothing start afterwards', async () => {
    const { pool, works } = setup({ min: 2 });
    const closed = pool.close();
    await turns();
    await closed;
    pool.start();
    expect([works.made.length, pool.state]).toEqual([0, 'closed']);
    await expect(pool.ready()).rejects.toMatchObject({ code: 'ERR_MEMORY_CLOSED' });
    expect(codeOf(() => pool.tryAcquire())).toBe('ERR_MEMORY_CLOSED');
    expect(await pool.clear()).toBe(0);
    await pool.drain();
  });

  it('refuses who waits to be ready', async () => {
    const { pool } = setup({ min: 1, create: () => new Promise(() => {}) });
    const ready = watch(pool.ready());
    watch(pool.close());
    await turns();
    expect(ready.code).toBe('ERR_MEMORY_CLOSED');
  });
});

describe('drain', () => {
  it('still makes objects for who waits, and waits for those in the making', async () => {
    const made = deferred<Item>();
    const { pool, works } = setup({ create: () => made.promise });
    const waits = watch(pool.acquire());
    const drained = watch(pool.drain());
    expect(pool.state).toBe('draining');
    made.resolve(works.make());
    await turns();
    expect([waits.value, drained.done]).toEqual([works.made[0], false]);
    pool.release(works.made[0]!);
    await turns();
    expect([drained.done, pool.idle]).toEqual([true, 1]);
  });

  it('waits with a deadline, and goes on all the same', async () => {
    const { pool, time } = setup();
    const item = await pool.acquire();
    const timed = watch(pool.drain({ deadlineMs: 10 }));
    time.advance(10);
    await turns();
    expect(timed.code).toBe('ERR_MEMORY_TIMEOUT');
    expect(pool.state).toBe('draining');
    const drained = watch(pool.drain());
    pool.release(item);
    await turns();
    expect(drained.done).toBe(true);
  });

  it('can be overtaken by close', async () => {
    const { pool } = setup({ max: 1 });
    const item = await pool.acquire();
    const waits = watch(pool.acquire());
    const drained = watch(pool.drain());
    const closed = watch(pool.close());
    await turns();
    expect([waits.code, drained.done, closed.done]).toEqual(['ERR_MEMORY_CLOSED', false, false]);
    pool.release(item);
    await turns();
    expect([drained.done, closed.done]).toEqual([true, true]);
  });

  it('makes no min objects any more, and tells who waits for them', async () => {
    const { pool, works } = setup({ min: 2, autostart: false });
    await pool.drain();
    pool.start();
    expect(works.made).toHaveLength(0);
    await expect(pool.ready()).rejects.toMatchObject({ code: 'ERR_MEMORY_CLOSED' });
  });
});

describe('clear', () => {
  it('ends what is idle, waits for it, and counts it', async () => {
    const ends: (() => void)[] = [];
    const { pool } = setup({ max: 3, dispose: () => new Promise<void>((resolve) => ends.push(resolve)) });
    const [a, b] = [await pool.acquire(), await pool.acquire(), await pool.acquire()];
    pool.release(a);
    pool.release(b);
    const cleared = watch(pool.clear());
    expect(pool.stats()).toMatchObject({ idle: 0, ending: 2, borrowed: 1, size: 3 });
    for (const end of ends) end();
    await turns();
    expect(cleared.value).toBe(2);
    expect(pool.size).toBe(1);
  });
});
