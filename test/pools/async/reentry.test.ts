import { type AsyncPool, expectExact, type Item, setup, turns, watch } from './support';

/** The pool that a hook calls: hooks are made before it. */
function holder(): { pool: AsyncPool<Item> } {
  return {} as { pool: AsyncPool<Item> };
}

describe('hooks that call the pool', () => {
  it('create that acquires: both are served', async () => {
    const the = holder();
    let inner: ReturnType<typeof watch<Item>> | undefined;
    const { pool, works } = setup({
      create: () => {
        inner ??= watch(the.pool.acquire());
        return works.make();
      },
    });
    the.pool = pool;
    const outer = watch(pool.acquire());
    await turns();
    expect([outer.done, inner?.done, works.made.length]).toEqual([true, true, 2]);
    expectExact(pool);
  });

  it('create that acquires and then fails, each time: it is not called without end', async () => {
    const the = holder();
    let calls = 0;
    const { pool, time } = setup({
      create: () => {
        calls += 1;
        if (calls > 1e4) throw new Error('without end');
        the.pool.acquire().catch(() => {});
        throw new Error('down');
      },
    });
    the.pool = pool;
    await expect(pool.acquire()).rejects.toThrow('down');
    await turns();
    const soon = calls;
    expect(soon).toBeLessThan(10);
    time.advance(200);
    await turns();
    expect(calls).toBeGreaterThan(soon);
    expect(calls).toBeLessThan(30);
    await pool.close();
    expectExact(pool);
  });

  it('create that clears the pool, each time: it is not called without end', async () => {
    const the = holder();
    let calls = 0;
    const { pool, time } = setup({
      min: 2,
      max: 3,
      create: () => {
        calls += 1;
        if (calls > 1e4) throw new Error('without end');
        void the.pool.clear();
        return { id: calls, disposed: 0 };
      },
    });
    the.pool = pool;
    await turns();
    expect(calls).toBeLessThan(20);
    time.advance(1);
    expectExact(pool);
    await pool.close();
  });

  it('create that closes the pool: what it makes is ended', async () => {
    const the = holder();
    const { pool, works } = setup({
      create: () => {
        void the.pool.close();
        return works.make();
      },
    });
    the.pool = pool;
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'ERR_MEMORY_CLOSED' });
    expect(works.made.map(({ disposed }) => disposed)).toEqual([1]);
    expect(pool.size).toBe(0);
  });

  it('validate that closes the pool: the object is ended, who asked is refused', async () => {
    for (const options of [undefined, { priority: 1 }]) {
      const the = holder();
      const { pool, works } = setup({
        validate: () => {
          void the.pool.close();
          return true;
        },
      });
      the.pool = pool;
      pool.release(await pool.acquire());
      const asked = watch(pool.acquire(options));
      await turns();
      expect(asked.code).toBe('ERR_MEMORY_CLOSED');
      expect(works.made.map(({ disposed }) => disposed)).toEqual([1]);
      expect(pool.stats()).toMatchObject({ size: 0, refusals: 1 });
    }
  });

  it('validate and reset that release what they are given: refused, and counted as their failure', async () => {
    const the = holder();
    const release = (item: Item): boolean => {
      the.pool.release(item);
      return true;
    };
    for (const hooks of [{ validate: release }, { reset: release }]) {
      const { pool } = setup(hooks);
      the.pool = pool;
      pool.release(await pool.acquire());
      await pool.acquire();
      expect(pool.stats()).toMatchObject({ hookFailures: 1, borrowed: 1, size: 1, disposals: 1 });
      expectExact(pool);
    }
  });

  it('reset that acquires: it gets another object', async () => {
    const the = holder();
    let inner: ReturnType<typeof watch<Item>> | undefined;
    const { pool } = setup({
      reset: () => {
        inner ??= watch(the.pool.acquire());
      },
    });
    the.pool = pool;
    const item = await pool.acquire();
    pool.release(item);
    await turns();
    expect(inner?.done).toBe(true);
    expectExact(pool);
  });

  it('dispose that acquires and clears: the books stay', async () => {
    const the = holder();
    let calls = 0;
    const { pool } = setup({
      max: 3,
      dispose: () => {
        calls += 1;
        if (calls > 3) return;
        void the.pool.acquire().then((got) => the.pool.release(got));
        void the.pool.clear();
      },
    });
    the.pool = pool;
    for (const item of [await pool.acquire(), await pool.acquire()]) pool.release(item);
    await pool.clear();
    await turns();
    expectExact(pool);
    expect(pool.stats()).toMatchObject({ borrowed: 0, waiting: 0, ending: 0 });
  });

  it('the signal of create may close the pool when its time is over', async () => {
    const the = holder();
    const { pool, time } = setup({
      create: (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            void the.pool.close();
            reject(new Error('gave up'));
          });
        }),
      createTimeoutMs: 10,
    });
    the.pool = pool;
    const waits = watch(pool.acquire());
    time.advance(10);
    await turns();
    expect(waits.code).toBe('ERR_MEMORY_CLOSED');
    expect(pool.stats()).toMatchObject({ size: 0, createFailures: 1, waiting: 0 });
    await pool.close();
  });
});

describe('listeners that call the pool', () => {
  it.each(['createRequest', 'createSuccess', 'acquireRequest', 'acquireSuccess', 'release', 'destroyRequest'] as const)(
    'close on %s: everything ends',
    async (event) => {
      const { pool, works } = setup({ max: 2 });
      const held: Item[] = [];
      pool.on(event, () => void pool.close());
      for (let i = 0; i < 3; i += 1) {
        await pool.acquire({ deadlineMs: 1e6 }).then(
          (item) => held.push(item),
          () => {},
        );
        const item = held.pop();
        if (item !== undefined) await (i === 0 ? pool.release(item) : pool.destroy(item));
      }
      await pool.close();
      expect(works.alive).toBe(0);
      expect(pool.stats()).toMatchObject({ size: 0, waiting: 0 });
      expectExact(pool);
    },
  );

  it('close when one is about to be made: none is made any more', async () => {
    const { pool, works } = setup();
    pool.on('createRequest', () => void pool.close());
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'ERR_MEMORY_CLOSED' });
    await pool.close();
    expect(works.made).toEqual([]);
    expect(pool.stats()).toMatchObject({ size: 0, creates: 0 });
  });

  it('release at once what is granted and ask again: it is not done without end', async () => {
    const { pool } = setup({ max: 1 });
    const item = await pool.acquire();
    let heard = 0;
    pool.on('acquireSuccess', ({ object }) => {
      heard += 1;
      if (heard > 1e4) throw new Error('without end');
      pool.release(object);
      pool.acquire().catch(() => {});
    });
    for (let i = 0; i < 3; i += 1) watch(pool.acquire());
    pool.release(item);
    expect(heard).toBeLessThan(1000);
    pool.removeAllListeners();
    expectExact(pool);
  });

  it('acquire when a create fails: it is not called without end', async () => {
    let calls = 0;
    const { pool } = setup({
      create: () => {
        calls += 1;
        if (calls > 1e4) throw new Error('without end');
        throw new Error('down');
      },
    });
    pool.on('createFail', () => void pool.acquire().catch(() => {}));
    await expect(pool.acquire()).rejects.toThrow('down');
    await turns();
    expect(calls).toBeLessThan(10);
    await pool.close();
  });

  it('fail, by throwing or by a promise: told once, also those of failures', async () => {
    const { pool } = setup();
    const told: string[] = [];
    pool.on('release', () => {
      throw new Error('first');
    });
    pool.on('release', () => Promise.reject(new Error('second')) as never);
    pool.on('failure', ({ where, error }) => {
      told.push(`${where}: ${(error as Error).message}`);
      throw new Error('third');
    });
    await pool.use(() => 1);
    await turns();
    expect(told).toEqual(['listener of release: first', 'listener of release: second']);
    expect(pool.stats().listenerFailures).toBe(4);
  });

  it('remove each other, and hear once what they asked for once', async () => {
    const { pool } = setup();
    const told: string[] = [];
    const second = (): void => void told.push('second');
    pool.once('acquireRequest', () => {
      told.push('first');
      pool.off('acquireRequest', second);
      void pool.acquire();
    });
    pool.on('acquireRequest', second);
    await pool.acquire();
    await turns();
    expect(told.filter((name) => name === 'first')).toHaveLength(1);
    expect(pool.listenerCount('acquireRequest')).toBe(0);
  });
});
