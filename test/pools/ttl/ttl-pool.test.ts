import { TtlPool, type TtlPoolOptions } from '../../../lib/pools';
import { checkBooks, codeOf, FakeTime, type Thing, things } from '../object/support';

function poolAt(options: TtlPoolOptions<Thing>): { pool: TtlPool<Thing>; time: FakeTime; made: Thing[] } {
  const time = new FakeTime();
  const { made, hooks } = things();
  const pool = new TtlPool(hooks, { clock: time, timers: time, ...options });
  return { pool, time, made };
}

describe('idle time', () => {
  test('is exact at acquire(), without any timer', () => {
    const { pool, time } = poolAt({ idleMs: 100, timer: false });
    const thing = pool.acquire();
    pool.release(thing);
    time.now = 99;
    expect(pool.acquire()).toBe(thing);
    pool.release(thing);
    time.now = 199;
    expect(pool.acquire()).not.toBe(thing);
    expect(thing.disposed).toBe(1);
    expect(pool.stats()).toMatchObject({ expired: 1, disposals: 1, size: 1, misses: 2, hits: 1 });
  });

  test('expiry gives the places back: a bounded pool never runs out', () => {
    const { pool, time } = poolAt({ idleMs: 10, maxSize: 2, timer: false });
    for (let i = 0; i < 50; i += 1) {
      const [a, b] = [pool.acquire(), pool.acquire()];
      expect(pool.tryAcquire()).toBeUndefined();
      pool.release(a);
      pool.release(b);
      time.now += 10;
    }
    expect(pool.stats()).toMatchObject({ expired: 98, creates: 100, size: 2 });
    checkBooks(pool);
  });

  test('the newest is lent, so that the others expire; a release ends what has expired', () => {
    const { pool, time, made } = poolAt({ idleMs: 100, timer: false });
    const all = [pool.acquire(), pool.acquire(), pool.acquire()];
    for (const thing of all) {
      pool.release(thing);
      time.now += 10;
    }
    expect(pool.oldestIdleMs).toBe(30);
    for (let i = 0; i < 7; i += 1) {
      time.now += 10;
      const thing = pool.acquire();
      expect(thing).toBe(all[2]);
      pool.release(thing);
    }
    expect(made.map((thing) => thing.disposed)).toEqual([1, 0, 0]); // at 100
    time.now = 110;
    expect(pool.sweep()).toBe(1);
    expect([pool.idle, pool.oldestIdleMs, pool.sweep()]).toEqual([1, 10, 0]);
  });

  test('release() and reserve() end what has expired of the others', () => {
    const { pool, time } = poolAt({ idleMs: 100, timer: false });
    const [a, b] = [pool.acquire(), pool.acquire()];
    pool.release(a);
    time.now = 100;
    pool.release(b);
    expect([a.disposed, pool.idle]).toEqual([1, 1]);
    time.now = 200;
    expect(pool.reserve(1)).toBe(1);
    expect([b.disposed, pool.idle]).toEqual([1, 1]);
  });

  test('a lent one does not expire', () => {
    const { pool, time } = poolAt({ idleMs: 10 });
    const thing = pool.acquire();
    time.advance(1000);
    pool.release(thing);
    expect(pool.acquire()).toBe(thing);
  });

  test('is five minutes by default, and endless where only an age was given', () => {
    const { pool, time } = poolAt({ timer: false });
    const thing = pool.acquire();
    pool.release(thing);
    time.now = 299_999;
    expect(pool.sweep()).toBe(0);
    time.now = 300_000;
    expect(pool.sweep()).toBe(1);
    const { pool: aged, time: later } = poolAt({ maxAgeMs: '1h', timer: false });
    aged.release(aged.acquire());
    later.now = 3_599_999;
    expect(aged.sweep()).toBe(0);
    later.now = 3_600_000;
    expect(aged.sweep()).toBe(1);
  });
});

describe('age', () => {
  test('ends an object however much it is used, once it is back', () => {
    const { pool, time } = poolAt({ idleMs: 100, maxAgeMs: 250, timer: false });
    const [a, b] = [pool.acquire(), pool.acquire()];
    for (let i = 0; i < 4; i += 1) {
      pool.release(a);
      time.now += 60;
      expect(pool.acquire()).toBe(a);
    }
    time.now = 250;
    expect(pool.sweep()).toBe(0); // both are lent
    pool.release(a);
    pool.release(b);
    expect([a.disposed, b.disposed, pool.size]).toEqual([1, 1, 0]);
    expect(pool.stats()).toMatchObject({ expired: 2, disposals: 2, releases: 6 });
  });

  test('in the order in which they were made, whatever was released when', () => {
    const { pool, time, made } = poolAt({ maxAgeMs: 100, timer: false });
    const all: Thing[] = [];
    for (let i = 0; i < 5; i += 1) {
      all.push(pool.acquire());
      time.now += 10;
    }
    for (const thing of [...all].reverse()) pool.release(thing);
    time.now = 120;
    expect(pool.sweep()).toBe(3);
    expect(made.map((thing) => thing.disposed)).toEqual([1, 1, 1, 0, 0]);
    expect(pool.acquire()).toBe(all[3]);
  });
});

describe('the timer', () => {
  test('ends what expires while nobody calls, and then there is none', () => {
    const { pool, time, made } = poolAt({ idleMs: 100 });
    const [a, b] = [pool.acquire(), pool.acquire()];
    expect(time.pending).toBe(0);
    pool.release(a);
    time.advance(50);
    pool.release(b);
    expect(time.pending).toBe(1);
    time.advance(50);
    expect(made.map((thing) => thing.disposed)).toEqual([1, 0]);
    time.advance(50);
    expect(made.map((thing) => thing.disposed)).toEqual([1, 1]);
    expect([time.pending, pool.size]).toEqual([0, 0]);
    pool.release(pool.acquire());
    pool.close();
    expect(time.pending).toBe(0);
  });

  test('is one, however many releases there are', () => {
    const { pool, time } = poolAt({ idleMs: 100 });
    const starts = jest.spyOn(time, 'start');
    for (let i = 0; i < 1000; i += 1) {
      pool.release(pool.acquire());
      time.advance(1);
    }
    expect(starts.mock.calls.length).toBeLessThan(25);
    expect(pool.stats()).toMatchObject({ creates: 1, expired: 0 });
  });

  test('sees ages as well, and those that were lent when their time came', () => {
    const { pool, time } = poolAt({ maxAgeMs: 100 });
    const a = pool.acquire();
    time.advance(40);
    pool.release(pool.acquire());
    const b = pool.acquire();
    const c = pool.acquire();
    pool.release(c);
    time.advance(60); // a is too old, and lent
    expect(pool.size).toBe(3);
    time.advance(40);
    expect([c.disposed, pool.size]).toEqual([1, 2]);
    pool.release(a);
    pool.release(b);
    expect([pool.size, pool.stats().expired]).toEqual([0, 3]);
    checkBooks(pool);
  });

  test('tells of dispose errors by onHookError and goes on', () => {
    const time = new FakeTime();
    const told: unknown[] = [];
    const pool = new TtlPool<object>(
      {
        create: () => ({}),
        dispose: () => {
          throw new Error('stuck');
        },
      },
      {
        idleMs: 10,
        clock: time,
        timers: time,
        initialSize: 3,
        callbacks: { onHookError: (error) => told.push(error) },
      },
    );
    time.advance(10);
    expect([told.length, pool.size]).toEqual([3, 0]);
    pool.reserve(2);
    time.now = 30;
    expect(codeOf(() => pool.sweep())).toBe('ERR_MEMORY_INVALID_STATE');
    expect(pool.stats()).toMatchObject({ size: 0, expired: 5, hookErrors: 5 });
  });
});

describe('what else there is', () => {
  test('hooks that take their time', () => {
    const time = new FakeTime();
    const { hooks, made } = things();
    const dispose = (thing: Thing) => {
      hooks.dispose(thing);
      time.now += 60;
    };
    const pool = new TtlPool({ ...hooks, dispose }, { idleMs: 100, clock: time, timer: false });
    const all = [pool.acquire(), pool.acquire(), pool.acquire()];
    for (const thing of all) {
      pool.release(thing);
      time.now += 30;
    }
    time.now = 100; // the first has expired, and the others do while it is ended
    expect(pool.acquire().id).toBe(3);
    expect(made.map((thing) => thing.disposed)).toEqual([1, 1, 1, 0]);
  });

  test('what a hook brings may have expired by the time it is over', () => {
    const time = new FakeTime();
    const { hooks, made } = things();
    const pool: TtlPool<Thing> = new TtlPool(
      {
        ...hooks,
        dispose: (thing) => {
          hooks.dispose(thing);
          if (thing.id === 0) pool.reserve(1);
          time.now += 200;
        },
      },
      { idleMs: 100, clock: time, timer: false },
    );
    pool.release(pool.acquire());
    time.now = 100;
    expect(pool.acquire().id).toBe(2);
    expect([made[0]!.disposed, pool.size]).toEqual([1, 2]);
    checkBooks(pool);
  });

  test('what left is forgotten', () => {
    const { pool } = poolAt({ maxAgeMs: 1000 });
    for (let i = 0; i < 20; i += 1) {
      pool.detach(pool.acquire());
      pool.destroy(pool.acquire());
    }
    expect((pool as unknown as { ages: { length: number } }).ages.length).toBe(0);
    pool.close();
  });

  test('a clock that jumps back or shows nothing', () => {
    const time = new FakeTime();
    time.now = 1000;
    const pool = new TtlPool(() => ({}), { idleMs: 100, clock: time, timers: time });
    pool.release(pool.acquire());
    time.now = 5;
    expect(pool.oldestIdleMs).toBe(0);
    pool.release(pool.acquire());
    time.now = 1100;
    expect(pool.sweep()).toBe(1);
    const broken = new TtlPool(() => ({}), { clock: { nowMs: () => Number.NaN }, timers: time });
    broken.release(broken.acquire());
    expect(broken.oldestIdleMs).toBe(0);
    broken.close();
  });

  test('a clock that throws changes nothing', () => {
    const time = new FakeTime();
    let broken = false;
    const clock = {
      nowMs: () => {
        if (broken) throw new Error('no time');
        return time.nowMs();
      },
    };
    const pool = new TtlPool(things().hooks, { clock, timers: time });
    const thing = pool.acquire();
    broken = true;
    expect(() => pool.release(thing)).toThrow('no time');
    expect(() => pool.acquire()).toThrow('no time');
    broken = false;
    checkBooks(pool);
    pool.release(thing);
    expect(pool.acquire()).toBe(thing);
  });

  test('clear, trim, detach, leases', () => {
    const { pool, time } = poolAt({ idleMs: 100, maxAgeMs: 1000, minSize: 1 });
    const all = [pool.acquire(), pool.acquire(), pool.acquire()];
    for (const thing of all) pool.release(thing);
    expect(pool.trim(2)).toBe(1);
    expect(all[0]!.disposed).toBe(1); // the longest idle
    pool.detach(pool.acquire());
    expect(pool.clear()).toBe(1);
    expect([pool.size, pool.oldestIdleMs]).toEqual([0, 0]);
    using lease = pool.lease();
    time.advance(5000);
    const { value } = lease;
    lease.release();
    expect(value.disposed).toBe(1);
    checkBooks(pool);
  });

  test.each<[object, string]>([
    [{ idleMs: 0 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ idleMs: -1 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ maxAgeMs: 0 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ idleMs: 'soon' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ maxAgeMs: Number.NaN }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ timer: 1 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ clock: {} }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ clock: null }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ timers: { start: () => {} } }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ ttlMs: 5 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ shrink: {} }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ maxSize: 0 }, 'ERR_MEMORY_OUT_OF_RANGE'],
  ])('%j is refused', (options, code) => {
    expect(codeOf(() => new TtlPool(() => ({}), options as never))).toBe(code);
  });
});
