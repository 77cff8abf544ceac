import {
  AsyncPool,
  LockFreePool,
  ObjectPool,
  PoolHealthMonitor,
  type PoolStats,
  ThreadSafePool,
  WorkStealingPool,
} from '../../../lib/pools';
import { codeOf } from '../../platform/region/support';
import { FakeTime } from '../../support/fake-time';

// What a review found: each of these failed once.
describe('a PoolHealthMonitor under hostile use', () => {
  it('finds an AsyncPool that has closed failed, and asks it no more', async () => {
    const time = new FakeTime();
    const pool = new AsyncPool({ create: () => ({}), max: 2 });
    const monitor = new PoolHealthMonitor(pool, { clock: time, timers: time, intervalMs: 1000 });
    await pool.use(() => 1);
    await pool.close();
    time.advance(1000);
    expect(monitor.level).toBe('failed');
    expect(time.pending).toBe(0);
  });

  it('watches pools of slots as well: this is a test of types, too', () => {
    const slots = { slots: 1, slotBytes: 64 };
    for (const pool of [ThreadSafePool.create(slots), LockFreePool.create(slots), WorkStealingPool.create(slots)]) {
      const monitor = PoolHealthMonitor.watch(pool);
      expect(monitor.check()).toBe('healthy');
      pool.close();
      expect(monitor.check()).toBe('failed');
    }
  });

  it('wants a clock and timers that are some', () => {
    const pool = new ObjectPool(() => ({}));
    for (const wrong of [null, {}, 5]) {
      for (const options of [{ clock: wrong }, { timers: wrong }]) {
        expect(codeOf(() => new PoolHealthMonitor(pool, options as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
      }
    }
  });

  it('says so when it is given no statistics', () => {
    for (const wrong of [undefined, null, 5]) {
      const pool = { name: 'none', stats: () => wrong as unknown as PoolStats };
      expect(codeOf(() => new PoolHealthMonitor(pool))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    }
  });

  it('begins anew when its clock is set back: nothing is negative, and a pool that is stuck is found again', () => {
    const time = new FakeTime();
    time.now = 3_600_000;
    const pool = new ObjectPool<object>(() => ({}), { maxSize: 1 });
    const monitor = new PoolHealthMonitor(pool, { clock: time, windowMs: 60_000, leakAfterMs: 120_000 });
    for (let at = 0; at < 5; at += 1) pool.release(pool.acquire());
    monitor.check();
    expect(monitor.metrics().acquires).toBe(5);
    pool.acquire();
    time.now = 0;
    monitor.check();
    expect(monitor.metrics()).toMatchObject({ spanMs: 0, acquires: 0, returns: 0, refusals: 0 });
    for (let at = 0; at < 14; at += 1) {
      time.now += 10_000;
      pool.tryAcquire();
      monitor.check();
    }
    expect(monitor.level).toBe('failed');
    expect(monitor.metrics()).toMatchObject({ spanMs: 60_000, leaked: 1 });
  });
});
