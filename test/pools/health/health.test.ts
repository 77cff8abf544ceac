import {
  HierarchicalPool,
  ObjectPool,
  POOL_HEALTH_LEVELS,
  type PoolHealthLevel,
  PoolHealthMonitor,
  type PoolHealthOptions,
  type PoolStats,
  type TracedLoan,
  type WatchedPool,
} from '../../../lib/pools';
import { codeOf } from '../../platform/region/support';
import { FakeTime } from '../../support/fake-time';

const MINUTE = 60_000;

const make = (maxSize: number | null, options: PoolHealthOptions = {}) => {
  const time = new FakeTime();
  const pool = new ObjectPool<object>(() => ({}), { name: 'things', maxSize });
  const monitor = PoolHealthMonitor.watch(pool, { clock: time, timers: time, ...options });
  const take = (count: number): object[] => Array.from({ length: count }, () => pool.acquire());
  const refuse = (count: number): void => {
    for (let at = 0; at < count; at += 1) expect(pool.tryAcquire()).toBeUndefined();
  };
  const give = (objects: object[]): void => {
    for (const object of objects.splice(0)) pool.release(object);
  };
  /** Loans that end at once. */
  const serve = (count: number): void => {
    for (let at = 0; at < count; at += 1) pool.release(pool.acquire());
  };
  return { time, pool, monitor, take, refuse, give, serve };
};

/** A pool of numbers only. */
const fake = (numbers: Partial<Record<keyof PoolStats, unknown>>, more: Partial<WatchedPool> = {}): WatchedPool => ({
  name: 'fake',
  stats: () => numbers as unknown as PoolStats,
  ...more,
});

describe('PoolHealthMonitor', () => {
  it('finds an idle pool healthy', () => {
    const { time, monitor, serve } = make(10);
    expect(monitor.check()).toBe('healthy');
    serve(20);
    expect(monitor.check()).toBe('healthy');
    for (let at = 0; at < 100; at += 1) {
      time.advance(10 * MINUTE);
      expect(monitor.check()).toBe('healthy');
    }
    expect(monitor.report().reasons).toEqual([]);
    expect(monitor.metrics()).toMatchObject({ utilizationRatio: 0, leaked: 0, acquires: 0, failureRatio: 0 });
  });

  it('is critical above one refusal in ten, and well again when the window has passed', () => {
    const { time, monitor, take, refuse, give } = make(9);
    const out = take(9);
    refuse(1);
    expect(monitor.check()).toBe('degraded'); // one of ten, and all lent
    refuse(1);
    expect(monitor.check()).toBe('critical');
    expect(monitor.metrics()).toMatchObject({ acquires: 9, refusals: 2, failureRatio: 2 / 11 });
    expect(monitor.report().reasons).toEqual(['2 of 11 requests were refused (18.2 %)', '9 of 9 are lent (100 %)']);
    give(out);
    expect(monitor.check()).toBe('critical');
    time.advance(MINUTE - 1);
    expect(monitor.check()).toBe('critical');
    time.advance(MINUTE / 6);
    expect(monitor.check()).toBe('healthy');
    expect(monitor.metrics()).toMatchObject({ acquires: 0, refusals: 0 });
  });

  it('counts within its window only, whatever was before', () => {
    const { time, monitor, take, refuse, give, serve } = make(2);
    const out = take(2);
    refuse(100);
    give(out);
    for (let second = 0; second < 300; second += 1) {
      time.advance(1000);
      serve(1);
      monitor.check();
    }
    const { acquires, refusals, spanMs } = monitor.metrics();
    expect([refusals, monitor.level]).toEqual([0, 'healthy']);
    expect(spanMs).toBeGreaterThanOrEqual(MINUTE);
    expect(spanMs).toBeLessThanOrEqual(MINUTE + MINUTE / 6);
    expect(Math.abs(acquires - spanMs / 1000)).toBeLessThanOrEqual(1);
  });

  it('needs enough requests to judge, if asked', () => {
    const { monitor, take, refuse } = make(1, { minRequests: 5, maxUtilizationRatio: 1 });
    take(1);
    refuse(3);
    expect(monitor.check()).toBe('healthy');
    refuse(1);
    expect(monitor.check()).toBe('critical');
  });

  it('is degraded above nine tenths lent, and never without a bound', () => {
    const { pool, monitor, take } = make(10);
    take(9);
    expect(monitor.check()).toBe('healthy');
    take(1);
    expect(monitor.check()).toBe('degraded');
    expect([monitor.metrics().utilizationRatio, pool.borrowed]).toEqual([1, 10]);
    const free = make(null);
    free.take(1000);
    expect([free.monitor.check(), free.monitor.metrics().utilizationRatio]).toEqual(['healthy', null]);
  });

  it('takes no loan for a leak while it may still end', () => {
    const { time, monitor, take, give } = make(100);
    const out = take(50);
    time.advance(5 * MINUTE - 1);
    expect([monitor.check(), monitor.metrics().leaked]).toEqual(['healthy', 0]);
    give(out);
    time.advance(1);
    expect([monitor.check(), monitor.metrics().leaked]).toEqual(['healthy', 0]);
  });

  it('does not know how old loans are that were there before', () => {
    const { time, pool, take } = make(100);
    take(50);
    const monitor = PoolHealthMonitor.watch(pool, { clock: time });
    time.advance(MINUTE);
    expect([monitor.check(), monitor.metrics().leaked]).toEqual(['healthy', 0]);
    time.advance(4 * MINUTE);
    expect([monitor.check(), monitor.metrics().leaked]).toEqual(['degraded', 50]);
    const traced = fake({ acquires: 9, borrowed: 3, size: 3, maxSize: 9 }, { leaks: () => [{ loan: 1 }, { loan: 2 }] });
    const other = new PoolHealthMonitor(traced, { clock: time });
    time.advance(MINUTE);
    expect([other.check(), other.metrics().leaked]).toEqual(['healthy', 0]);
  });

  it('takes a loan that lasts too long for a leak', () => {
    const { time, monitor, take, give } = make(100);
    const out = take(6);
    monitor.check();
    time.advance(5 * MINUTE);
    const { level, reasons, metrics, leaks } = monitor.report();
    expect([level, reasons]).toEqual(['degraded', ['6 of 6 loans did not come back (100 %)']]);
    expect(metrics).toMatchObject({ leaked: 6, leakRatio: 1, leakedOfPoolRatio: 0.06 });
    expect(leaks).toEqual([{ site: '(unknown: the pool does not trace its borrowers)', count: 6, heldMs: null }]);
    give(out);
    expect([monitor.check(), monitor.metrics().leaked]).toEqual(['healthy', 0]);
  });

  it('finds leaks beside many loans that end: more than one in twenty of those that were due', () => {
    const watch = (due: number) => {
      const { time, monitor, take, serve } = make(1000, { leakAfterMs: MINUTE });
      take(6);
      monitor.check();
      time.advance(MINUTE);
      monitor.check(); // a quiet minute: the six cannot have ended
      expect(monitor.metrics().leaked).toBe(6);
      time.advance(MINUTE / 2);
      monitor.check();
      serve(due);
      return monitor;
    };
    // Untraced, loans that end might be those six: it is certain of fewer.
    expect(watch(3).check()).toBe('degraded');
    expect(watch(6).check()).toBe('healthy');
  });

  it('knows traced loans by their number or time, beside any traffic', () => {
    const time = new FakeTime();
    const stats = { acquires: 0, borrowed: 0, size: 20, idle: 10, maxSize: 100 };
    const loans: TracedLoan[] = [];
    const monitor = new PoolHealthMonitor(fake(stats, { leaks: () => loans }), { clock: time });
    for (let at = 1; at <= 10; at += 1) loans.push({ loan: at, site: at <= 7 ? 'at a (a.js:1)' : 'at b (b.js:2)' });
    Object.assign(stats, { acquires: 10, borrowed: 10 });
    monitor.check(); // the first look after they were lent
    time.advance(30_000);
    monitor.check();
    Object.assign(stats, { acquires: 1_000_000 }); // and all but ten of them came back
    time.advance(5 * MINUTE);
    expect(monitor.report()).toMatchObject({
      level: 'degraded',
      reasons: ['10 of 100 objects did not come back (10 %)'],
      leaks: [
        { site: 'at a (a.js:1)', count: 7, heldMs: null },
        { site: 'at b (b.js:2)', count: 3, heldMs: null },
      ],
    });
    loans.splice(0, 10, { heldMs: 1000, site: 'x' }, { heldMs: 6 * MINUTE, site: 'y' });
    expect(monitor.report().leaks).toEqual([{ site: 'y', count: 1, heldMs: 6 * MINUTE }]);
  });

  it('shows the stack of who took what leaks, where the pool traces', () => {
    const time = new FakeTime();
    const pool = ObjectPool.debug<object>(() => ({}), { maxSize: 10 });
    const monitor = PoolHealthMonitor.watch(pool, { clock: time });
    pool.acquire(); // and forgotten
    monitor.check();
    time.advance(MINUTE);
    pool.acquire(); // young: not among them
    monitor.check();
    time.advance(4 * MINUTE + 1000);
    const { leaks, metrics } = monitor.report();
    expect([metrics.leaked, leaks.length, leaks[0]?.count]).toEqual([1, 1, 1]);
    expect([leaks[0]?.site, pool.leaks().length]).toEqual([pool.leaks()[0]?.site, 2]);
    expect(leaks[0]?.site).toContain('health.test');
  });

  it('has failed when the pool is closed', () => {
    const { pool, monitor } = make(10);
    pool.close();
    expect([monitor.check(), monitor.report().reasons]).toEqual(['failed', ['it is closed']]);
  });

  it('has failed when it is stuck at its bound for a whole window', () => {
    const { time, pool, monitor, take, refuse, give } = make(3);
    const out = take(3);
    refuse(1);
    monitor.check();
    time.advance(MINUTE - 1);
    refuse(1);
    expect(monitor.check()).toBe('critical'); // not a whole window yet
    time.advance(1);
    refuse(1);
    expect(monitor.check()).toBe('failed');
    expect(monitor.report().reasons[0]).toBe(
      'all 3 are in use, none came back in 60000 ms, and requests wait or are refused',
    );
    give(out.splice(0, 1));
    pool.acquire();
    refuse(1);
    expect(monitor.check()).toBe('critical'); // full again, but it moves
    time.advance(2 * MINUTE); // all lent again, and nobody asks for more
    monitor.check();
    time.advance(2 * MINUTE);
    expect(monitor.check()).toBe('degraded');
  });

  it('has failed when requests wait for a whole window and nothing comes back', () => {
    const time = new FakeTime();
    const stats = { acquires: 2, borrowed: 2, size: 2, idle: 0, maxSize: 2, waiting: 1, refusals: 0 };
    const monitor = new PoolHealthMonitor(fake(stats), { clock: time });
    time.advance(MINUTE);
    expect(monitor.check()).toBe('failed');
    Object.assign(stats, { waiting: 0 });
    expect(monitor.check()).toBe('degraded');
  });

  it('tells of each change of level, once', () => {
    const told: [PoolHealthLevel, PoolHealthLevel][] = [];
    const { monitor, take, give } = make(10, { onChange: (level, previous) => void told.push([level, previous]) });
    monitor.check();
    const out = take(10);
    monitor.check();
    monitor.check();
    give(out);
    monitor.report();
    expect(told).toEqual([
      ['degraded', 'healthy'],
      ['healthy', 'degraded'],
    ]);
    expect(monitor.metrics().changes).toBe(2);
  });

  it('stands an onChange that throws, rejects, or checks', async () => {
    let kind: 'throw' | 'reject' | 'check' = 'throw';
    const { monitor, take, give } = make(10, {
      onChange: () => {
        if (kind === 'throw') throw new Error('told');
        if (kind === 'reject') return Promise.reject(new Error('told')) as unknown as undefined;
        expect(monitor.check()).toBe('degraded');
        return undefined;
      },
    });
    for (kind of ['throw', 'reject', 'check'] as const) {
      const out = take(10);
      expect(monitor.check()).toBe('degraded');
      const before = kind;
      kind = 'check';
      give(out);
      kind = before === 'check' ? 'throw' : before;
      expect(monitor.check()).toBe('healthy');
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(monitor.metrics()).toMatchObject({ changes: 6, callbackFailures: 5 });
  });

  it('does not go round in circles with an onChange that changes the level', () => {
    let calls = 0;
    const out: object[] = [];
    const { pool, monitor } = make(1, {
      onChange: () => {
        calls += 1;
        for (let at = 0; at < 3; at += 1) {
          const object = out.pop();
          if (object === undefined) out.push(pool.acquire());
          else pool.release(object);
          monitor.check();
        }
      },
    });
    out.push(pool.acquire());
    monitor.check();
    expect(calls).toBe(1);
    monitor.check(); // what changed meanwhile is told now
    expect([calls, monitor.level]).toEqual([2, 'degraded']);
  });

  it('keeps few samples, however often it checks', () => {
    const { time, monitor, serve } = make(10);
    for (let at = 0; at < 5000; at += 1) {
      time.advance(50);
      serve(1);
      monitor.check();
    }
    const { samples } = (monitor as unknown as { window: { samples: unknown[] } }).window;
    expect(samples.length).toBeLessThanOrEqual(30);
    expect(Math.abs(monitor.metrics().acquires - monitor.metrics().spanMs / 50)).toBeLessThanOrEqual(1);
  });

  it('checks by itself, if asked, and stops', () => {
    const told: string[] = [];
    const { time, pool, monitor, take } = make(1, { intervalMs: '10s', onChange: (level) => void told.push(level) });
    take(1);
    time.advance(10_000);
    expect([told, monitor.metrics().checks]).toEqual([['degraded'], 1]);
    time.advance(100_000);
    expect(monitor.metrics().checks).toBe(11);
    monitor.stop();
    monitor.stop();
    time.advance(100_000);
    expect([monitor.metrics().checks, time.pending]).toEqual([11, 0]);
    pool.close();
    using other = PoolHealthMonitor.watch(new ObjectPool(() => ({})), { intervalMs: 1000, timers: time, clock: time });
    expect([other.level, time.pending]).toEqual(['healthy', 1]);
    other[Symbol.dispose]();
    expect(time.pending).toBe(0);
  });

  it('ends its timer with the pool, and survives statistics that throw', () => {
    const time = new FakeTime();
    let fails = false;
    const pool = new ObjectPool<object>(() => ({}));
    const watched: WatchedPool = {
      name: 'x',
      get closed() {
        return pool.closed;
      },
      stats: () => {
        if (fails) throw new Error('no statistics');
        return pool.stats();
      },
    };
    const monitor = new PoolHealthMonitor(watched, { intervalMs: 1000, timers: time, clock: time });
    fails = true;
    time.advance(3000);
    expect([monitor.metrics().checks, time.pending]).toEqual([0, 1]);
    expect(() => monitor.check()).toThrow('no statistics');
    fails = false;
    pool.close();
    time.advance(1000);
    expect([monitor.level, time.pending]).toEqual(['failed', 0]);
  });

  it('stands statistics that make no sense', () => {
    const time = new FakeTime();
    const nonsense = [Number.NaN, -5, Number.POSITIVE_INFINITY, '7', null, undefined, {}];
    for (const value of nonsense) {
      const stats: Partial<Record<keyof PoolStats, unknown>> = {
        acquires: 5,
        borrowed: 9,
        idle: 3,
        size: 2,
        maxSize: 4,
      };
      const monitor = new PoolHealthMonitor(fake(stats, { leaks: () => value as never }), { clock: time });
      for (const key of ['acquires', 'borrowed', 'idle', 'size', 'maxSize', 'refusals', 'waiting'] as const) {
        stats[key] = value;
        time.advance(10_000);
        monitor.check();
        const { level, ...metrics } = monitor.metrics();
        expect(POOL_HEALTH_LEVELS).toContain(level);
        for (const number of Object.values(metrics)) {
          if (typeof number === 'number') expect(Number.isFinite(number) && number >= 0).toBe(true);
        }
        for (const key of ['failureRatio', 'leakRatio', 'leakedOfPoolRatio', 'utilizationRatio'] as const) {
          expect(metrics[key] ?? 0).toBeLessThanOrEqual(1);
        }
      }
    }
  });

  it('gives frozen plain data', () => {
    const { monitor } = make(3);
    const report = monitor.report();
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    for (const data of [report, report.metrics, report.reasons, report.leaks, monitor.metrics()]) {
      expect(Object.isFrozen(data)).toBe(true);
    }
  });

  it('has one monitor for each pool where nothing is asked for', () => {
    const { pool } = make(3);
    const usual = PoolHealthMonitor.watch(pool);
    expect(PoolHealthMonitor.watch(pool)).toBe(usual);
    expect(PoolHealthMonitor.watch(pool, {})).not.toBe(usual);
    expect(PoolHealthMonitor.watch(new ObjectPool(() => ({})))).not.toBe(usual);
  });

  it('watches each level of a tree', () => {
    const time = new FakeTime();
    const root = new HierarchicalPool<object>(() => ({}), { maxSize: 100 });
    const child = root.child('child', { maxSize: 2 });
    const [whole, part] = [root, child].map((pool) => PoolHealthMonitor.watch(pool, { clock: time }));
    child.acquire();
    child.acquire();
    expect([whole?.check(), part?.check()]).toEqual(['healthy', 'degraded']);
    for (let at = 0; at < 5; at += 1) child.tryAcquire();
    expect([whole?.check(), part?.check()]).toEqual(['healthy', 'critical']);
    child.close();
    expect([whole?.check(), part?.check()]).toEqual(['healthy', 'failed']);
  });

  it('refuses bad arguments', () => {
    const pool = new ObjectPool(() => ({}));
    for (const wrong of [undefined, null, 1, {}, { stats: 1 }]) {
      expect(codeOf(() => PoolHealthMonitor.watch(wrong as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    }
    const calls: [PoolHealthOptions, string][] = [
      [{ windowMs: 0 }, 'ERR_MEMORY_OUT_OF_RANGE'],
      [{ leakAfterMs: 'soon' as never }, 'ERR_MEMORY_INVALID_ARGUMENT'],
      [{ maxFailureRatio: 2 }, 'ERR_MEMORY_OUT_OF_RANGE'],
      [{ maxLeakRatio: '1' as never }, 'ERR_MEMORY_INVALID_ARGUMENT'],
      [{ onChange: 1 as never }, 'ERR_MEMORY_INVALID_ARGUMENT'],
      [{ window: 1 } as never, 'ERR_MEMORY_INVALID_ARGUMENT'],
    ];
    for (const [options, code] of calls) expect(codeOf(() => new PoolHealthMonitor(pool, options))).toBe(code);
  });
});
