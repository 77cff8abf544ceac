import { expectExact, setup, turns, watch } from './support';

describe('idle objects', () => {
  it('are never lent once their time is over, with or without eviction runs', async () => {
    for (const evictionRunIntervalMs of [0, 1000]) {
      const { pool, works, time } = setup({ idleTimeoutMs: 400, evictionRunIntervalMs });
      pool.release(await pool.acquire());
      time.advance(399);
      const item = await pool.acquire();
      expect(item).toBe(works.made[0]);
      pool.release(item);
      time.advance(400);
      expect(await pool.acquire()).toBe(works.made[1]);
      expect(works.made[0]?.disposed).toBe(1);
      expect(pool.stats()).toMatchObject({ expired: 1, size: 1 });
      expectExact(pool);
    }
  });

  it('are ended by eviction runs, which end when nothing is idle', async () => {
    const { pool, works, time } = setup({ idleTimeoutMs: 2500 });
    expect(time.pending).toBe(0);
    const item = await pool.acquire();
    expect(time.pending).toBe(0);
    pool.release(item);
    expect(time.pending).toBe(1);
    time.advance(2999);
    expect(works.made[0]?.disposed).toBe(0);
    time.advance(1);
    expect(works.made[0]?.disposed).toBe(1);
    expect(time.pending).toBe(0);
  });

  it('stay, as many as min, under the soft limit; under the hard one they are made anew', async () => {
    const { pool, works, time } = setup({ min: 1, max: 3, softIdleTimeoutMs: 100, idleTimeoutMs: 10_000 });
    const items = [await pool.acquire(), await pool.acquire(), await pool.acquire()];
    for (const item of items) pool.release(item);
    time.advance(1000);
    expect(pool.stats()).toMatchObject({ idle: 1, disposals: 2, creates: 3 });
    expect(works.made[2]?.disposed).toBe(0);
    time.advance(9000);
    expect(pool.stats()).toMatchObject({ idle: 1, disposals: 3, creates: 4 });
  });

  it('are looked at a few at a time, in turn', async () => {
    const { pool, time } = setup({ max: 6, maxAgeMs: 1000, evictionRunIntervalMs: 500, numTestsPerEvictionRun: 2 });
    const items = await Promise.all(Array.from({ length: 6 }, () => pool.acquire()));
    for (const item of items) pool.release(item);
    const left: number[] = [];
    for (let i = 0; i < 6; i += 1) {
      time.advance(500);
      left.push(pool.idle);
    }
    // Nothing is old enough at 500; the cursor then stands behind the first two, and comes round again.
    expect(left).toEqual([6, 4, 2, 0, 0, 0]);
  });
});

describe('eviction runs that look at one object each', () => {
  const one = { maxAgeMs: 1000, evictionRunIntervalMs: 100, numTestsPerEvictionRun: 1 };

  it('come to all of them, not only to the one that is idle for the longest time', async () => {
    const { pool, works, time } = setup(one);
    const old = await pool.acquire();
    time.advance(500);
    pool.release(await pool.acquire());
    pool.release(old);
    time.advance(700);
    expect(works.made.map(({ disposed }) => disposed)).toEqual([1, 0]);
  });

  it('pass over what was lent since', async () => {
    const { pool, works, time } = setup({ ...one, maxAgeMs: 150, max: 3, order: 'fifo' });
    const items = [await pool.acquire(), await pool.acquire(), await pool.acquire()];
    for (const item of items) pool.release(item);
    time.advance(100); // the next one to look at is the second
    const lent = [await pool.acquire(), await pool.acquire()];
    expect(lent).toEqual(items.slice(0, 2));
    time.advance(100);
    expect(works.made.map(({ disposed }) => disposed)).toEqual([0, 0, 1]);
    expectExact(pool);
  });
});

describe('old objects', () => {
  it('are not lent, and end when they come back', async () => {
    const { pool, works, time } = setup({ maxAgeMs: 1000, evictionRunIntervalMs: 0 });
    const [a, b] = [await pool.acquire(), await pool.acquire()];
    pool.release(a);
    time.advance(1000);
    pool.release(b);
    expect(works.made[1]?.disposed).toBe(1);
    expect(await pool.acquire()).toBe(works.made[2]);
    expect(works.made[0]?.disposed).toBe(1);
    expect(pool.stats()).toMatchObject({ expired: 2, size: 1 });
  });

  it('make room for who waits', async () => {
    const { pool, works, time } = setup({ max: 1, maxAgeMs: 1000 });
    const item = await pool.acquire();
    const waits = watch(pool.acquire());
    time.advance(1000);
    pool.release(item);
    await turns();
    expect(waits.value).toBe(works.made[1]);
    expectExact(pool);
  });
});

describe('min', () => {
  it('is made soon after construction, when all may listen by then', async () => {
    const { pool, works } = setup({ min: 2 });
    expect(pool.state).toBe('new');
    const heard: number[] = [];
    pool.on('createSuccess', ({ object }) => heard.push(object.id));
    await turns();
    expect([pool.state, heard, pool.idle, works.made.length]).toEqual(['open', [0, 1], 2, 2]);
  });

  it('is kept when objects leave', async () => {
    const { pool } = setup({ min: 1 });
    await pool.ready();
    pool.detach(await pool.acquire());
    expect(pool.idle).toBe(1);
    pool.destroy(await pool.acquire());
    expect(pool.idle).toBe(1);
    expect(await pool.clear()).toBe(1);
    expect(pool.stats()).toMatchObject({ idle: 1, creates: 4, disposals: 2, detached: 1 });
  });

  it('waits for start(), ready() or the first acquire() without autostart', async () => {
    const begin = [
      (pool: ReturnType<typeof setup>['pool']) => pool.start(),
      (pool: ReturnType<typeof setup>['pool']) => pool.ready(),
      (pool: ReturnType<typeof setup>['pool']) => pool.acquire(),
    ];
    for (const how of begin) {
      const { pool, works } = setup({ min: 2, autostart: false });
      await turns();
      expect([pool.state, works.made.length]).toEqual(['new', 0]);
      await how(pool);
      expect([pool.state, works.made.length]).toEqual(['open', 2]);
    }
  });

  it('is tried again after pauses when it cannot be made, and ready() tells', async () => {
    let broken = true;
    const failure = new Error('down');
    const { pool, works, time } = setup({
      min: 2,
      create: async () => {
        if (broken) throw failure;
        return works.make();
      },
    });
    await expect(pool.ready()).rejects.toBe(failure);
    await turns();
    expect(pool.stats()).toMatchObject({ createFailures: 2, size: 0 });
    broken = false;
    const ready = watch(pool.ready());
    await turns();
    expect(ready.done).toBe(false);
    time.advance(200);
    await turns();
    expect([ready.done, ready.error, pool.idle]).toEqual([true, undefined, 2]);
  });

  it('does not hold up those who wait while it pauses', async () => {
    let broken = true;
    const { pool, works } = setup({
      min: 1,
      create: () => {
        if (broken) throw new Error('down');
        return works.make();
      },
    });
    await turns();
    broken = false;
    expect(await pool.acquire()).toBe(works.made[0]);
  });

  it('ready() waits with a deadline and a signal', async () => {
    const { pool, time } = setup({ min: 1, create: () => new Promise(() => {}) });
    const timed = watch(pool.ready({ deadlineMs: 50 }));
    const controller = new AbortController();
    const aborted = watch(pool.ready({ signal: controller.signal }));
    controller.abort();
    time.advance(50);
    await turns();
    expect([timed.code, aborted.code]).toEqual(['ERR_MEMORY_TIMEOUT', 'ERR_MEMORY_ABORTED']);
  });
});
