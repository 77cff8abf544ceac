import { BufferPool, type BufferPoolOptions, PooledBuffer } from '../../../lib';
import { isEmptied } from '../../support/emptied';
import { CountingBudget, codeOf, KIB, MIB, poolAt } from './support';

describe('a lease', () => {
  test.each(['fast', 'batch', 'safe'] as const)('has exactly the bytes that were asked for: %s', (reuse) => {
    using pool = new BufferPool({ reuse });
    for (const size of [1, 63, 64, 100, 256, 257, 4096, 5000, 65_536, 100_000, MIB]) {
      using lease = pool.acquire(size);
      expect(lease.byteLength).toBe(size);
      expect(lease.bytes).toHaveLength(size);
      expect(lease.buffer).toHaveLength(size);
      expect(Buffer.isBuffer(lease.buffer)).toBe(true);
      expect(lease.capacityBytes).toBeGreaterThanOrEqual(size);
      lease.bytes[size - 1] = 77;
      expect(lease.buffer[size - 1]).toBe(77);
    }
    expect(pool.borrowed).toBe(0);
  });

  test('takes sizes with units', () => {
    using pool = new BufferPool();
    using lease = pool.acquire('64KiB');
    expect(lease.byteLength).toBe(65_536);
  });

  test('wastes less than a fifth of its buffer above the smallest class', () => {
    using pool = new BufferPool();
    for (let size = 257; size <= MIB; size = Math.ceil(size * 1.037)) {
      using lease = pool.acquire(size);
      expect((lease.capacityBytes - size) / lease.capacityBytes).toBeLessThan(0.2);
    }
  });

  test('comes from the classes that were asked for', () => {
    const capacities = (options: BufferPoolOptions, sizes: readonly number[]): number[] => {
      using pool = new BufferPool(options);
      return sizes.map((size) => {
        using lease = pool.acquire(size);
        return lease.capacityBytes;
      });
    };
    const steps = [1, 1024, 1025, 1281, 1537, 1793, 2049, 3072, 3073];
    const wanted = [1024, 1024, 1280, 1536, 1792, 2048, 2560, 3072, 4096]; // the last one is a region of its own
    expect(capacities({ minBytes: '1KiB', maxBytes: '3KiB' }, steps)).toEqual(wanted);
    expect(capacities({ minBytes: 1000, maxBytes: 3000 }, [1, 1024, 3000])).toEqual([1024, 1024, 3008]);
    expect(capacities({ classes: [100, '1kB', '5KiB'] }, [1, 128, 129, 1025])).toEqual([128, 128, 1024, 5120]);
    expect(capacities({ reuse: 'safe' }, [1])).toEqual([4096]);
  });

  test.each(['fast', 'batch', 'safe'] as const)('is stale once released: %s', (reuse) => {
    using pool = new BufferPool({ reuse });
    const lease = pool.acquire(100);
    expect(lease.held).toBe(true);
    lease.bytes.fill(1);
    lease.release();
    using next = pool.acquire(100);
    next.bytes.fill(2);
    expect(lease.held).toBe(false);
    expect(codeOf(() => lease.bytes)).toBe('ERR_MEMORY_STALE_HANDLE');
    expect(codeOf(() => lease.buffer)).toBe('ERR_MEMORY_STALE_HANDLE');
    expect(codeOf(() => lease.resize(5))).toBe('ERR_MEMORY_STALE_HANDLE');
    expect(codeOf(() => lease.pin())).toBe('ERR_MEMORY_STALE_HANDLE');
    expect(codeOf(() => lease.use(() => 1))).toBe('ERR_MEMORY_STALE_HANDLE');
    expect(codeOf(() => lease.release())).toBe('ERR_MEMORY_DOUBLE_FREE');
    expect(codeOf(() => pool.release(lease))).toBe('ERR_MEMORY_DOUBLE_FREE');
    lease[Symbol.dispose](); // nothing, and not the next holder's
    expect(next.held).toBe(true);
    expect(pool.borrowed).toBe(1);
  });

  test('can change its length within its capacity', () => {
    using pool = new BufferPool();
    using lease = pool.acquire(1000);
    expect(lease.resize(10).bytes).toHaveLength(10);
    expect(lease.resize(lease.capacityBytes).bytes).toHaveLength(1024);
    expect(codeOf(() => lease.resize(1025))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect(codeOf(() => lease.resize(0))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect(codeOf(() => lease.resize(Number.NaN))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    (lease as { byteLength: number }).byteLength = 1e9; // by somebody who does not call resize()
    expect(codeOf(() => lease.bytes)).toBe('ERR_MEMORY_CORRUPTION');
  });

  test('is not released while it is pinned', async () => {
    using pool = new BufferPool();
    const lease = pool.acquire(100);
    const pins = [lease.pin(), lease.pin()];
    expect(codeOf(() => lease.release())).toBe('ERR_MEMORY_IN_USE');
    pins[0]?.release();
    pins[0]?.release(); // a second time does nothing
    expect(codeOf(() => lease[Symbol.dispose]())).toBe('ERR_MEMORY_IN_USE');
    pins[1]?.[Symbol.dispose]();
    let seen = '';
    expect(lease.use((bytes) => bytes.length)).toBe(100);
    const work = lease.use(async () => {
      seen = codeOf(() => lease.release());
      await Promise.resolve();
      return 5;
    });
    expect(seen).toBe('ERR_MEMORY_IN_USE');
    expect(await work).toBe(5);
    expect(
      codeOf(() =>
        lease.use(() => {
          throw new Error('mine');
        }),
      ),
    ).toContain('mine');
    lease.release();
  });
});

describe('bad input', () => {
  test.each([
    [0, 'ERR_MEMORY_OUT_OF_RANGE'],
    [-0, 'ERR_MEMORY_OUT_OF_RANGE'],
    [-1, 'ERR_MEMORY_OUT_OF_RANGE'],
    [Number.NaN, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [1.5, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [4095.5, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [Number.POSITIVE_INFINITY, 'ERR_MEMORY_OUT_OF_RANGE'],
    [2 ** 53, 'ERR_MEMORY_OUT_OF_RANGE'],
    ['64kib', 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['', 'ERR_MEMORY_INVALID_ARGUMENT'],
    [null, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [undefined, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [100n, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [Symbol('x'), 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ valueOf: (): number => 100 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ])('a size of %p', (size, code) => {
    using pool = new BufferPool();
    pool.acquire(100).release();
    expect(codeOf(() => pool.acquire(size as number))).toBe(code);
    expect(codeOf(() => pool.tryAcquire(size as number))).toBe(code);
    expect(pool.stats()).toMatchObject({ borrowed: 0, acquires: 1, refusals: 0 });
  });

  test('a size that nobody has', () => {
    using pool = new BufferPool();
    expect(codeOf(() => pool.acquire(2 ** 52))).not.toBe('nothing');
    expect(pool.heldBytes).toBe(0);
  });

  test.each([
    { minBytes: 0 },
    { minBytes: '2MiB' },
    { maxBytes: '2GiB' },
    { classes: [] },
    { classes: [512, 256] },
    { classes: [100, 101] },
    { classes: 'x' },
    { classes: [256], maxBytes: 4096 },
    { oversize: 'maybe' },
    { reuse: 'never' },
    { zero: true },
    { maxBuffersPerClass: 0 },
    { maxBytesPerClass: -1 },
    { limitBytes: 'lots' },
    { slabBytes: 0 },
    { decayMs: 0 },
    { decayMs: -5 },
    { leakLevel: 'most' },
    { budget: {} },
    { provider: {} },
    { provider: { acquire() {}, release() {} }, carrier: 'local' },
    { carrier: 'remote' },
    { clock: {} },
    { timers: { start() {} } },
    { name: '' },
    { decay: 5 },
    [],
    null,
  ])('options %p', (options) => {
    expect(codeOf(() => new BufferPool(options as object))).toMatch(/^ERR_MEMORY_(INVALID_ARGUMENT|OUT_OF_RANGE)$/);
  });

  test('release of what is no lease of this pool', () => {
    using pool = new BufferPool();
    using other = new BufferPool();
    using foreign = other.acquire(10);
    for (const what of [foreign, {}, null, undefined, 5, Buffer.alloc(4), Object.create(PooledBuffer.prototype)]) {
      expect(codeOf(() => pool.release(what as PooledBuffer))).toBe('ERR_MEMORY_FOREIGN_FREE');
    }
    expect(foreign.held).toBe(true);
    expect(codeOf(() => new PooledBuffer(undefined as never, 5))).toBe('ERR_MEMORY_INVALID_STATE');
  });
});

describe('bounds', () => {
  test.each(['fast', 'batch', 'safe'] as const)('maxBuffersPerClass: %s', (reuse) => {
    using pool = new BufferPool({ reuse, maxBuffersPerClass: 10 });
    const leases = Array.from({ length: 10 }, () => pool.acquire(1000));
    expect(pool.tryAcquire(1000)).toBeUndefined();
    expect(codeOf(() => pool.tryAcquire(1000.5))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => pool.acquire(1024))).toBe('ERR_MEMORY_POOL_EXHAUSTED');
    pool.acquire(20_000).release(); // another class
    leases.pop()?.release(); // nobody looked at it: free at once
    expect(pool.acquire(1000).byteLength).toBe(1000);
    expect(pool.stats().refusals).toBe(2);
  });

  test('maxBytesPerClass', () => {
    using pool = new BufferPool({ maxBytesPerClass: '10KiB' });
    for (let i = 0; i < 10; i++) pool.acquire(1024);
    expect(pool.tryAcquire(1024)).toBeUndefined();
    expect(codeOf(() => pool.tryAcquire('64KiB'))).toBe('ERR_MEMORY_TOO_LARGE'); // waiting would not help
  });

  test('limitBytes holds for all classes and oversize leases; idle slabs make room', () => {
    using pool = new BufferPool({ limitBytes: '1MiB', reuse: 'fast' });
    const leases = [];
    for (let lease = pool.tryAcquire('64KiB'); lease; lease = pool.tryAcquire('64KiB')) leases.push(lease);
    expect(leases).toHaveLength(16);
    expect(pool.heldBytes).toBe(MIB);
    expect(codeOf(() => pool.acquire('600KiB'))).toBe('ERR_MEMORY_POOL_EXHAUSTED');
    expect(codeOf(() => pool.tryAcquire('2MiB'))).toBe('ERR_MEMORY_TOO_LARGE');
    for (const lease of leases) lease.release();
    using other = pool.acquire('1MiB');
    expect(other.bytes).toHaveLength(MIB);
    expect(pool.heldBytes).toBe(MIB);
  });

  test('a budget is charged while slabs are mapped, and asked again after idle ones went', () => {
    const budget = new CountingBudget(4 * MIB);
    const pool = new BufferPool({ budget, reuse: 'fast' });
    const a = pool.acquire('64KiB');
    expect(budget.used).toBe(2 * MIB);
    expect(pool.tryAcquire('3MiB')).toBeUndefined(); // the budget has no 3 MiB
    expect(codeOf(() => pool.acquire('3MiB'))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
    expect(budget.used).toBe(2 * MIB);
    a.release();
    const b = pool.acquire('3MiB');
    expect(budget.used).toBe(3 * MIB);
    // No room for a whole slab: then for one buffer.
    const c = pool.acquire('640KiB');
    expect(pool.stats().classes.at(-1)).toMatchObject({ buffers: 1 });
    pool.close();
    b.release();
    c.release();
    expect(budget).toMatchObject({ used: 0, most: 3 * MIB + 640 * KIB });
  });

  test('oversize: a region of its own, gone at release; or refused', () => {
    const budget = new CountingBudget();
    using pool = new BufferPool({ budget });
    const lease = pool.acquire('1.5MiB');
    const { bytes } = lease;
    bytes.fill(3);
    expect(pool.stats()).toMatchObject({ oversize: 1, borrowed: 1, slabs: 1 });
    expect(budget.used).toBe(1.5 * MIB);
    lease.release();
    expect(budget.used).toBe(0);
    expect(isEmptied(bytes)).toBe(true);
    expect(pool.stats()).toMatchObject({ oversize: 0, borrowed: 0, slabs: 0, heldBytes: 0 });
    using strict = new BufferPool({ oversize: 'refuse' });
    expect(codeOf(() => strict.acquire(MIB + 1))).toBe('ERR_MEMORY_TOO_LARGE');
    expect(codeOf(() => strict.tryAcquire(MIB + 1))).toBe('ERR_MEMORY_TOO_LARGE');
  });
});

describe('zero', () => {
  test.each(['fast', 'batch', 'safe'] as const)('acquire: a lease begins as zeros: %s', (reuse) => {
    using pool = new BufferPool({ reuse, zero: 'acquire', maxBuffersPerClass: 8 });
    for (let i = 0; i < 30; i++) {
      using lease = pool.acquire(900 + i);
      expect(lease.bytes.every((byte) => byte === 0)).toBe(true);
      lease.bytes.fill(255);
    }
  });

  test.each(['fast', 'batch', 'safe'] as const)('release: nothing stays behind: %s', (reuse) => {
    using pool = new BufferPool({ reuse, zero: 'release', maxBuffersPerClass: 1 });
    const lease = pool.acquire(1000);
    lease.bytes.fill(255);
    lease.resize(10);
    lease.release();
    using next = pool.acquire(1024);
    expect(next.bytes.every((byte) => byte === 0)).toBe(true);
  });

  test('never: what was there is there', () => {
    using pool = new BufferPool({ reuse: 'fast' });
    const lease = pool.acquire(10);
    lease.bytes.fill(9);
    lease.release();
    expect(pool.acquire(10).bytes[9]).toBe(9);
  });
});

describe('idle memory', () => {
  test('trim gives back what nobody uses and keeps what is lent', () => {
    const budget = new CountingBudget();
    const { pool } = poolAt({ budget, reuse: 'fast' });
    const held = pool.acquire(4096);
    pool.acquire('64KiB').release();
    pool.acquire(300).release();
    const before = budget.used;
    expect(pool.trim(before)).toBe(0);
    const given = pool.trim();
    expect(given).toBe(2 * MIB + 256 * 320);
    expect(budget.used).toBe(before - given);
    expect(pool.stats()).toMatchObject({ slabs: 1, trimmedBytes: given });
    held.bytes.fill(1);
    held.release();
    expect(pool.trim()).toBe(MIB);
    expect(pool.trim()).toBe(0);
    expect(budget.used).toBe(0);
    pool.close();
  });

  test('decays by half in each half-life, and only what was not used', () => {
    const { pool, time } = poolAt({ reuse: 'fast', slabBytes: '64KiB', decayMs: 1000 });
    const leases = Array.from({ length: 8 }, () => pool.acquire('64KiB'));
    for (const lease of leases) lease.release();
    expect(pool.stats().slabs).toBe(8);
    time.advance(1000); // they were used in this one
    expect(pool.stats().slabs).toBe(8);
    const left = [];
    for (let i = 0; i < 5; i++) {
      time.advance(1000);
      left.push(pool.stats().slabs);
    }
    expect(left).toEqual([4, 2, 1, 0, 0]);
    expect(pool.stats().decayedBytes).toBe(8 * 64 * KIB);
    expect(time.pending).toBe(0); // no timer without slabs
    pool.acquire('64KiB').release();
    expect(time.pending).toBe(1);
    pool.close();
    expect(time.pending).toBe(0);
  });

  test('what is used stays, and the oldest slabs are used first', () => {
    const { pool, time } = poolAt({ reuse: 'fast', slabBytes: '256KiB', decayMs: 1000 });
    const leases = Array.from({ length: 16 }, () => pool.acquire('64KiB'));
    const oldest = leases[0]?.bytes.buffer;
    for (const lease of leases) lease.release();
    for (let i = 0; i < 10; i++) {
      pool.acquire('64KiB').release();
      time.advance(1000);
    }
    expect(pool.stats()).toMatchObject({ slabs: 1, idle: 4 });
    expect(pool.acquire('64KiB').bytes.buffer).toBe(oldest);
    pool.close();
  });

  test('a clock that jumps counts as many half-lives', () => {
    const { pool, time } = poolAt({ reuse: 'fast', slabBytes: '64KiB', decayMs: 1000 });
    const leases = Array.from({ length: 8 }, () => pool.acquire('64KiB'));
    for (const lease of leases) lease.release();
    time.advance(1000);
    time.now += 2500; // suspended
    time.advance(0);
    expect(pool.stats().slabs).toBe(2);
    pool.close();
  });

  test('a slab whose loan lasted is not idle before it came back', () => {
    const { pool, time } = poolAt({ decayMs: 1000 });
    const lease = pool.acquire(1000);
    time.advance(2900);
    lease.release();
    time.advance(200); // a tick
    expect(pool.heldBytes).toBeGreaterThan(0);
    time.advance(1000);
    expect(pool.heldBytes).toBe(0);
  });

  test('without decay there is no timer', () => {
    const { pool, time } = poolAt({ decayMs: null });
    pool.acquire(5).release();
    expect(time.pending).toBe(0);
    pool.close();
  });
});

describe('close', () => {
  test.each(['fast', 'batch', 'safe'] as const)('loans stay valid until they are released: %s', (reuse) => {
    const budget = new CountingBudget();
    const pool = new BufferPool({ reuse, budget });
    const [a, b, c] = [pool.acquire(100), pool.acquire(100), pool.acquire('2MiB')];
    pool.acquire('128KiB').release();
    a.bytes.fill(1);
    pool.close();
    pool.close();
    expect(codeOf(() => pool.acquire(100))).toBe('ERR_MEMORY_CLOSED');
    expect(codeOf(() => pool.tryAcquire('3MiB'))).toBe('ERR_MEMORY_CLOSED');
    expect(a.bytes[99]).toBe(1);
    const { bytes } = a;
    a.release();
    expect(codeOf(() => a.release())).toBe('ERR_MEMORY_DOUBLE_FREE');
    b.bytes.fill(2);
    b.release();
    expect(isEmptied(bytes)).toBe(true);
    expect(budget.used).toBeGreaterThan(0);
    c.release();
    expect(budget.used).toBe(0);
    expect(pool.stats()).toMatchObject({ borrowed: 0, size: 0, slabs: 0, heldBytes: 0, idle: 0, resting: 0 });
    expect(pool.trim()).toBe(0);
  });
});

test('presets', () => {
  using production = BufferPool.production({ name: 'p' });
  using debug = BufferPool.debug();
  using performance = BufferPool.performance();
  expect(production.name).toBe('p');
  const lease = debug.acquire(100);
  const { bytes } = lease;
  bytes.fill(1);
  expect(debug.leaks()).toHaveLength(1);
  lease.release();
  expect(isEmptied(bytes)).toBe(true);
  const first = performance.acquire(100);
  const kept = first.bytes;
  first.release();
  expect(performance.acquire(100).bytes).toBe(kept); // the same view again
});

test('statistics', () => {
  using pool = new BufferPool({ reuse: 'batch', slabBytes: 4096, minBytes: 1024, decayMs: null });
  const leases = Array.from({ length: 6 }, () => pool.acquire(1000));
  for (const lease of leases) lease.bytes.fill(1);
  for (const lease of leases.slice(0, 5)) lease.release();
  const stats = pool.stats();
  expect(stats).toMatchObject({
    idle: 6, // four of a slab that moved, two that were never lent
    resting: 1,
    borrowed: 1,
    size: 8,
    acquires: 6,
    releases: 5,
    hits: 4,
    misses: 2,
    creates: 8,
    peakBorrowed: 6,
    peakSize: 8,
    moves: 1,
    slabs: 2,
    heldBytes: 8192,
  });
  expect(stats.classes).toEqual([
    {
      bufferBytes: 1024,
      buffers: 8,
      borrowed: 1,
      idle: 6,
      resting: 1,
      slabs: 2,
      acquires: 6,
      misses: 2,
      peakBorrowed: 6,
    },
  ]);
  expect(Object.isFrozen(stats)).toBe(true);
});
