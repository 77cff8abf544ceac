import type { BudgetLike, PooledBuffer, RegionProvider } from '../../../lib';
import { BufferPool, CachedProvider, PageProvider, Region } from '../../../lib';
import { FakeTime } from '../../support/fake-time';
import { untilIdle } from '../../support/idle';
import { CountingBudget, codeOf, MIB, poolAt } from './support';

beforeEach(untilIdle);

/** A provider of the system's pages of which single calls are replaced. */
function provider(more: Partial<RegionProvider>): RegionProvider & { readonly out: () => number } {
  const inner = new PageProvider();
  return {
    name: 'hostile',
    pageBytes: 4096,
    acquire: (bytes) => inner.acquire(bytes),
    release: (region) => inner.release(region as Region),
    trim: () => 0,
    ...more,
    out: () => inner.stats().liveRegions,
  };
}

describe('providers', () => {
  test.each<[string, Partial<RegionProvider>]>([
    [
      'throws',
      {
        acquire: () => {
          throw new Error('none today');
        },
      },
    ],
    ['returns nothing', { acquire: () => undefined as never }],
    ['returns what is no region', { acquire: () => ({ byteLength: 1e9, bytes: new Uint8Array(5) }) as never }],
    [
      'returns a freed region',
      {
        acquire: (bytes) => {
          const region = Region.map(bytes);
          region.free();
          return region;
        },
      },
    ],
    ['returns a promise', { acquire: (async () => Region.map(4096)) as never }],
  ])('one that %s', (_, more) => {
    const budget = new CountingBudget();
    using pool = new BufferPool({ provider: provider(more), budget });
    expect(codeOf(() => pool.acquire(100))).not.toBe('nothing');
    expect(codeOf(() => pool.acquire('4MiB'))).not.toBe('nothing');
    expect(budget.used).toBe(0);
    expect(pool.stats()).toMatchObject({ heldBytes: 0, size: 0, borrowed: 0, slabs: 0, refusals: 2 });
  });

  test('one that gives too little', () => {
    const inner = new PageProvider();
    const budget = new CountingBudget();
    const mean = provider({ acquire: () => inner.acquire(4096), release: (region) => inner.release(region as Region) });
    using pool = new BufferPool({ provider: mean, budget });
    expect(codeOf(() => pool.acquire('64KiB'))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(budget.used).toBe(0);
    expect(inner.stats().liveRegions).toBe(0);
  });

  test('one that gives more is charged for all of it, and refused past the bound', () => {
    const budget = new CountingBudget();
    const huge = provider({});
    const generous = { ...huge, acquire: (bytes: number) => huge.acquire(bytes + MIB) };
    const pool = new BufferPool({ provider: generous, budget, slabBytes: 4096, limitBytes: '2MiB' });
    const lease = pool.acquire(4096);
    expect(budget.used).toBe(MIB + 4096);
    expect(pool.tryAcquire(10)).toBeUndefined();
    expect(budget.used).toBe(MIB + 4096);
    lease.release();
    pool.close();
    expect(budget.used).toBe(0);
    expect(huge.out()).toBe(0);
  });

  test('one that gives the same region twice', () => {
    const region = Region.map(4 * MIB);
    using pool = new BufferPool({ provider: provider({ acquire: () => region, release: () => {} }) });
    const lease = pool.acquire(4096);
    expect(codeOf(() => pool.acquire('64KiB'))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    lease.bytes.fill(1);
    lease.release();
    pool.close();
    expect(pool.heldBytes).toBe(0);
    if (region.state === 'live') region.free();
  });

  test('one that takes nothing back: the slab is held and charged, and tried again', () => {
    let refusing = true;
    const inner = provider({});
    const stubborn = {
      ...inner,
      release: (region: Region) => {
        if (refusing) throw new Error('not now');
        inner.release(region);
      },
    };
    const budget = new CountingBudget();
    const { pool, time } = poolAt({ provider: stubborn, budget, reuse: 'fast', slabBytes: 4096 });
    const lease = pool.acquire(4096);
    pool.acquire('64KiB').release();
    expect(() => pool.trim()).toThrow('not now');
    expect(pool.stats()).toMatchObject({ stuckSlabs: 1, slabs: 1, borrowed: 1, size: 1 });
    expect(pool.heldBytes).toBe(budget.used);
    pool.acquire('64KiB').release(); // that slab is not lent again: another one
    time.advance(60_000);
    expect(pool.stats().stuckSlabs).toBe(2);
    lease.release();
    expect(() => pool.close()).toThrow('not now');
    refusing = false;
    pool.close();
    expect(pool.stats()).toMatchObject({ stuckSlabs: 0, heldBytes: 0, slabs: 0 });
    expect(budget.used).toBe(0);
    expect(inner.out()).toBe(0);
  });

  test('one whose regions are freed from under the pool', () => {
    const regions: Region[] = [];
    const inner = provider({});
    const careless = {
      ...inner,
      acquire: (bytes: number) => {
        regions.push(inner.acquire(bytes) as Region);
        return regions.at(-1) as Region;
      },
    };
    const budget = new CountingBudget();
    const pool = new BufferPool({ provider: careless, budget, zero: 'release' });
    const lease = pool.acquire(100);
    lease.bytes.fill(1);
    regions[0]?.free();
    expect(codeOf(() => lease.bytes)).toBe('ERR_MEMORY_FREED');
    lease.release();
    pool.close();
    expect(budget.used).toBe(0);
    expect(inner.out()).toBe(0);
  });

  test('a cache of regions, with what others left in them', () => {
    using cache = new CachedProvider(undefined, { zero: false, reuse: 'fast' });
    const region = cache.acquire(2 * MIB);
    region.bytes.fill(255);
    cache.release(region);
    using pool = new BufferPool({ provider: cache, zero: 'acquire', reuse: 'fast' });
    using lease = pool.acquire('64KiB');
    expect(lease.bytes.every((byte) => byte === 0)).toBe(true);
  });
});

describe('budgets', () => {
  test('one that throws at reserve', () => {
    const budget: BudgetLike = {
      name: 'b',
      reserve: () => {
        throw new Error('no');
      },
      tryReserve: () => false,
      release: () => {},
    };
    using pool = new BufferPool({ budget });
    expect(() => pool.tryAcquire(5)).toThrow('no');
    expect(pool.stats()).toMatchObject({ heldBytes: 0, size: 0, slabs: 0 });
  });

  test('one that throws at release: the memory is gone all the same', () => {
    const budget: BudgetLike = {
      name: 'b',
      reserve: () => {},
      tryReserve: () => true,
      release: () => {
        throw new Error('no');
      },
    };
    const pool = new BufferPool({ budget, reuse: 'fast' });
    pool.acquire('2MiB').release(); // nobody could be told
    expect(pool.stats()).toMatchObject({ mishaps: 1, heldBytes: 0, slabs: 0 });
    pool.acquire(5).release();
    expect(() => pool.trim()).toThrow('no');
    expect(pool.stats()).toMatchObject({ mishaps: 2, heldBytes: 0, slabs: 0, stuckSlabs: 0 });
    pool.close();
  });

  test('one that calls back: trim() and what is idle are allowed, memory is not', () => {
    const answers: string[] = [];
    let pool: BufferPool;
    const inner = new CountingBudget();
    const budget: BudgetLike = {
      name: 'b',
      tryReserve: (bytes) => inner.tryReserve(bytes),
      reserve: (bytes) => {
        if (inner.used > 0) {
          answers.push(
            codeOf(() => pool.acquire(5).release()),
            codeOf(() => pool.acquire('3MiB')),
            codeOf(() => pool.trim()),
          );
        }
        inner.reserve(bytes);
      },
      release: (bytes) => {
        inner.release(bytes);
        answers.push(
          codeOf(() => pool.trim()),
          codeOf(() => pool.close()),
        );
      },
    };
    pool = new BufferPool({ budget, reuse: 'fast' });
    pool.acquire(5).release();
    expect(codeOf(() => pool.acquire('64KiB'))).toBe('ERR_MEMORY_CLOSED'); // closed by the budget meanwhile
    expect(answers).toContain('ERR_MEMORY_INVALID_STATE');
    expect(answers.filter((answer) => answer !== 'nothing')).toHaveLength(1);
    expect(pool.closed).toBe(true);
    expect(inner.used).toBe(0);
    expect(pool.stats()).toMatchObject({ borrowed: 0, size: 0, slabs: 0, heldBytes: 0 });
  });
});

test('timers and a clock that throw leave no slab behind', () => {
  const time = {
    nowMs: () => {
      throw new Error('clock');
    },
    start: () => {
      throw new Error('timers');
    },
    stop: () => {},
  };
  const pool = new BufferPool({ clock: time, timers: time });
  expect(() => pool.acquire(5)).toThrow('clock');
  expect(pool.stats()).toMatchObject({ borrowed: 0, slabs: 0, heldBytes: 0 });
  pool.close();
  expect(pool.heldBytes).toBe(0);
});

test('a clock that takes buffers itself', () => {
  const taken: PooledBuffer[] = [];
  let deep = 0;
  const time = new FakeTime();
  const clock = {
    nowMs: () => {
      deep += 1;
      if (deep < 5) taken.push(pool.acquire(4096));
      deep -= 1;
      return time.nowMs();
    },
  };
  const pool: BufferPool = new BufferPool({ clock, timers: time, leakLevel: 'paranoid', slabBytes: 4096 });
  taken.push(pool.acquire(4096));
  expect(pool.borrowed).toBe(taken.length);
  for (const [i, lease] of taken.entries()) lease.bytes.fill(i + 1);
  for (const [i, lease] of taken.entries()) expect(lease.bytes.every((byte) => byte === i + 1)).toBe(true);
  for (const lease of taken) lease.release();
  pool.close();
  expect(pool.heldBytes).toBe(0);
});

test('a clock that throws: no request counts as served, and one that closes the pool leaves nothing behind', () => {
  let work = (): void => {
    throw new Error('clock');
  };
  const clock = {
    nowMs: () => {
      work();
      return 0;
    },
  };
  const pool = new BufferPool({ leakLevel: 'paranoid', decayMs: null, clock });
  expect(() => pool.acquire(100)).toThrow('clock');
  expect(pool.stats()).toMatchObject({ acquires: 0, misses: 0, hits: 0, refusals: 1 });
  work = () => {
    pool.close();
    throw new Error('clock');
  };
  expect(() => pool.acquire(100)).toThrow('clock');
  expect([pool.closed, pool.heldBytes]).toEqual([true, 0]);
  work = () => {};
  expect(codeOf(() => pool.acquire(100))).toBe('ERR_MEMORY_CLOSED');
});

test("zero: 'release' wipes an oversize lease before a provider may lend its memory again", () => {
  const provider = new CachedProvider(new PageProvider(), { zero: false });
  using pool = new BufferPool({ zero: 'release', maxBytes: 4096, provider });
  const first = pool.acquire(100_000);
  first.bytes.fill(7);
  first.release();
  const second = pool.acquire(100_000);
  expect(second.bytes.every((byte) => byte === 0)).toBe(true);
  second.release();
});

test('what could not be mapped was never held', () => {
  const provider = {
    name: 'empty',
    pageBytes: 4096,
    acquire: () => {
      throw new Error('none');
    },
    release: () => {},
    trim: () => 0,
  };
  using pool = new BufferPool({ provider });
  expect(() => pool.acquire(10)).toThrow('none');
  expect(pool.stats()).toMatchObject({ heldBytes: 0, peakHeldBytes: 0 });
});
