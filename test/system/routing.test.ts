import { HeapAllocator } from '../../lib/allocators';
import { MemoryBudget, SharedBudget } from '../../lib/budgets';
import { type MemoryLease, MemorySystem } from '../../lib/system';
import { chargeOf } from '../../lib/system/tiers/charge';
import { codeOf, KIB, MIB, small, thrown } from './support';

describe('the tiers by size', () => {
  const system = new MemorySystem();
  afterAll(() => system.dispose());

  test.each([
    [1, 'stack'],
    [1024, 'stack'],
    [1025, 'pool'],
    [32 * KIB, 'pool'],
    [32 * KIB + 1, 'pool'],
    [10 * MIB, 'pool'],
    [10 * MIB + 1, 'arena'],
    [100 * MIB, 'arena'],
    [100 * MIB + 1, 'system'],
  ] as const)('%i bytes: %s', (byteLength, tier) => {
    const lease = system.request(byteLength);
    expect([lease.tier, lease.view().length, lease.view().byteOffset % 16]).toEqual([tier, byteLength, 0]);
    lease.free();
    const handle = system.allocate(byteLength);
    expect(system.stats().tiers.find(({ liveBlocks }) => liveBlocks === 1)?.tier).toBe(tier);
    system.free(handle, byteLength);
    expect(system.stats().liveBlocks).toBe(0);
  });

  test('sizes as strings', () => {
    using lease = system.request('1MiB');
    expect([lease.byteLength, lease.tier]).toEqual([MIB, 'pool']);
  });
});

test('thresholds move, tiers can be left out', () => {
  using system = small({
    stack: { upToBytes: 100, bytes: '64KiB' },
    arena: false,
    pool: { upToBytes: '64KiB', bytes: '1MiB' },
  });
  expect([100, 101, 64 * KIB, 64 * KIB + 1].map((size) => system.request(size).tier)).toEqual([
    'stack',
    'pool',
    'pool',
    'system',
  ]);
  using bare = small({ stack: false, pool: false, arena: false });
  expect(bare.request(10).tier).toBe('system');
});

test.each([
  ['thresholds that do not rise', { stack: { upToBytes: 1024 }, pool: { upToBytes: 1024 } }, 'ERR_MEMORY_OUT_OF_RANGE'],
  ['every tier left out', { stack: false, pool: false, arena: false, system: false }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ['a misspelt option', { pools: {} }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ['a misspelt option of a tier', { pool: { uptoBytes: 5 } }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ['a size that is none', { pool: { bytes: 'much' } }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ['a stack above 256 MiB', { stack: { bytes: '1GiB' } }, 'ERR_MEMORY_OUT_OF_RANGE'],
  ['maxBytes below bytes', { pool: { bytes: '2MiB', maxBytes: '1MiB' } }, 'ERR_MEMORY_OUT_OF_RANGE'],
  ['classes that are no list', { pool: { classes: {} } }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ['a class without blocks', { pool: { classes: [{ blockBytes: 64 }] } }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ['a provider that is none', { system: { provider: {} } }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ['a budget that is none', { budget: 5 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ['a budget of 0', { budget: { limitBytes: 0 } }, 'ERR_MEMORY_OUT_OF_RANGE'],
  ['a monitor that is none', { monitor: {} }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ['a plugin that is none', { plugins: [{}] }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ['a hook that is none', { plugins: [{ name: 'x', onInit: 5 }] }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ['plugins that are no list', { plugins: {} }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ['a cache that is none', { caches: [{ name: 'x' }] }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ['a logger that is none', { logger: { info() {} } }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ['a sink that is none', { metrics: {} }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ['a serializer that is none', { serializer: null }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ['timers that are none', { timers: {} }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ['an admission that is none', { admission: { high: 'hihg' } }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ['an admission of a level that is none', { admission: { highest: 5 } }, 'ERR_MEMORY_INVALID_ARGUMENT'],
])('refuses %s', (_, options, code) => {
  expect(codeOf(() => new MemorySystem(options as never))).toBe(code);
});

describe('bad requests', () => {
  const budget = new MemoryBudget('b', { limitBytes: '1MiB' });
  const system = small({ budget });
  afterAll(() => system.dispose());

  test.each([
    [0, 'ERR_MEMORY_OUT_OF_RANGE'],
    [-1, 'ERR_MEMORY_OUT_OF_RANGE'],
    [1.5, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [Number.NaN, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [Number.POSITIVE_INFINITY, 'ERR_MEMORY_OUT_OF_RANGE'],
    [2 ** 53, 'ERR_MEMORY_OUT_OF_RANGE'],
    [2 ** 52 + 1, 'ERR_MEMORY_TOO_LARGE'],
    [null, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [undefined, 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['64', 'ERR_MEMORY_INVALID_ARGUMENT'],
    [64n, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{}, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ])('of %p bytes', (byteLength, code) => {
    expect(codeOf(() => system.allocate(byteLength as number))).toBe(code);
    if (typeof byteLength === 'number' || byteLength === null) {
      expect(codeOf(() => system.request(byteLength as number))).toBe(code);
    }
    expect([budget.usedBytes, system.stats().liveBlocks]).toEqual([0, 0]);
  });

  test.each([
    [{ alignment: 3 }, 'ERR_MEMORY_INVALID_ALIGNMENT'],
    [{ alignment: 8192 }, 'ERR_MEMORY_INVALID_ALIGNMENT'],
    [{ priority: 101 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ priority: 'hgh' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ priority: '50' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ name: '' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ nam: 'x' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [[], 'ERR_MEMORY_INVALID_ARGUMENT'],
  ])('with options %j', (options, code) => {
    expect(codeOf(() => system.request(64, options as never))).toBe(code);
    expect([budget.usedBytes, system.stats().liveBlocks]).toEqual([0, 0]);
  });

  test('frees that are wrong change nothing', () => {
    const handle = system.allocate(100);
    const before = JSON.stringify([budget.usedBytes, system.stats().tiers]);
    for (const [wrong, size, code] of [
      [handle, 101, 'ERR_MEMORY_INVALID_ARGUMENT'],
      [handle + 16, 100, 'ERR_MEMORY_FOREIGN_FREE'],
      [handle + 1, 100, 'ERR_MEMORY_FOREIGN_FREE'],
      [handle, '100', 'ERR_MEMORY_INVALID_ARGUMENT'],
      [String(handle), 100, 'ERR_MEMORY_INVALID_ARGUMENT'],
      [handle, 0, 'ERR_MEMORY_OUT_OF_RANGE'],
      [0, 100, 'ERR_MEMORY_FOREIGN_FREE'],
      [-1, 100, 'ERR_MEMORY_OUT_OF_RANGE'],
      [2 ** 45, 100, 'ERR_MEMORY_FOREIGN_FREE'],
    ] as [number, number, string][]) {
      expect([wrong, size, codeOf(() => system.free(wrong, size))]).toEqual([wrong, size, code]);
    }
    expect(JSON.stringify([budget.usedBytes, system.stats().tiers])).toBe(before);
    system.free(handle, 100);
    expect(codeOf(() => system.free(handle, 100))).toBe('ERR_MEMORY_DOUBLE_FREE');
    expect(budget.usedBytes).toBe(0);
  });
});

describe('falling through', () => {
  test('a full tier passes on to the next one, and is counted', () => {
    const budget = new MemoryBudget('b', { limitBytes: '64MiB' });
    using system = small({ budget });
    const leases: MemoryLease[] = [];
    for (let i = 0; i < 3000; i += 1) leases.push(system.request(1000));
    const tiers = new Set(leases.map(({ tier }) => tier));
    expect([...tiers]).toEqual(['stack', 'pool', 'arena']);
    const [stack, pool, arena] = system.stats().tiers;
    const of = (name: string) => leases.filter(({ tier }) => tier === name).length;
    expect([stack?.served, pool?.served, arena?.served]).toEqual([of('stack'), of('pool'), of('arena')]);
    expect([stack?.fellThrough, pool?.fellThrough]).toEqual([3000 - of('stack'), of('arena')]);
    expect(budget.usedBytes).toBe(3000 * chargeOf(1000));
    for (const lease of leases) lease.free();
    expect([system.stats().liveBlocks, budget.usedBytes]).toEqual([0, 0]);
    expect(system.request(1000).tier).toBe('stack');
  });

  test('pools add heaps up to their bound, and trim() takes the empty ones away', () => {
    using system = small({
      pool: { bytes: '1MiB', maxBytes: '3MiB', upToBytes: '512KiB' },
      stack: false,
      arena: false,
    });
    const leases = Array.from({ length: 8 }, () => system.request('400KiB'));
    expect(leases.map(({ tier }) => tier)).toEqual([...Array(6).fill('pool'), 'system', 'system']);
    expect(system.stats().tiers[0]).toMatchObject({ allocators: 3, fellThrough: 2 });
    for (const lease of leases.slice(0, 4)) lease.free();
    system.trim(); // the second heap goes, the third has blocks
    expect(system.stats().tiers[0]).toMatchObject({ allocators: 2, liveBlocks: 2 });
    for (const lease of leases.slice(4)) {
      lease.view().fill(1);
      lease.free();
    }
    expect(system.trim()).toBeGreaterThanOrEqual(2 * 400 * KIB);
    expect(system.stats().tiers[0]).toMatchObject({ allocators: 1, served: 6, liveBlocks: 0 });
    expect(system.request('400KiB').tier).toBe('pool');
  });

  test('the number form follows to the heap that has room, and back', () => {
    const budget = new MemoryBudget('b', { limitBytes: '64MiB' });
    using system = small({ budget, pool: { bytes: '1MiB', maxBytes: '8MiB', upToBytes: '128KiB' } });
    const heapOf = (handle: number) => Math.floor(handle / MIB);
    for (let round = 0; round < 3; round += 1) {
      const handles = Array.from({ length: 2000 }, () => system.allocate(2000));
      expect(new Set(handles.map(heapOf)).size).toBe(4);
      expect(new Set(handles).size).toBe(2000);
      for (const handle of handles) system.view(handle, 2000).fill(round);
      expect(system.stats().tiers[1]).toMatchObject({ allocators: 4, liveBlocks: 2000, fellThrough: 0 });
      for (const handle of handles) system.free(handle, 2000);
      expect([budget.usedBytes, system.stats().liveBlocks]).toEqual([0, 0]);
      if (round === 1) {
        system.trim();
        expect(system.stats().tiers[1]?.allocators).toBe(1);
        for (const handle of handles.slice(-3)) {
          expect(codeOf(() => system.free(handle, 2000))).toBe('ERR_MEMORY_STALE_HANDLE');
        }
      }
    }
  });

  test('pools of one block size take what would waste less than half of a block', () => {
    using system = small({
      pool: { bytes: '1MiB', upToBytes: '128KiB', classes: [{ blockBytes: '64KiB', blocks: 2, maxBlocks: 3 }] },
    });
    const leases = ['64KiB', '40KiB', '33KiB', '64KiB', '32KiB'].map((size) => system.request(size));
    expect(leases.every(({ tier }) => tier === 'pool')).toBe(true);
    const blocks = system.stats().tiers.at(-1);
    expect(blocks).toMatchObject({ tier: 'pool', upToBytes: 64 * KIB, served: 3, fellThrough: 1 });
    for (const lease of leases) lease.free();
    expect(system.stats().liveBlocks).toBe(0);
  });

  test('an arena that is empty keeps only what it may', () => {
    using system = small();
    const leases = Array.from({ length: 3 }, () => system.request(MIB));
    expect(leases.every(({ tier }) => tier === 'arena')).toBe(true);
    const arena = () => system.stats().tiers.find(({ tier }) => tier === 'arena');
    expect(arena()?.reservedBytes).toBeGreaterThanOrEqual(3 * MIB);
    for (const lease of leases) lease.free();
    expect(arena()?.reservedBytes).toBeLessThanOrEqual(2 * MIB);
    expect(system.trim()).toBeGreaterThan(0);
    expect(arena()?.reservedBytes).toBe(0);
  });

  test('no tier at all: an error, and -1, with the budget as before', () => {
    const budget = new MemoryBudget('b', { limitBytes: '1GiB' });
    using system = small({ budget, system: false });
    const error = thrown(() => system.allocate(8 * MIB));
    expect(error).toMatchObject({ code: 'ERR_MEMORY_OUT_OF_MEMORY', requestedBytes: 8 * MIB, retryable: true });
    expect([system.tryAllocate(8 * MIB), system.tryRequest('8MiB')]).toEqual([-1, null]);
    expect([budget.usedBytes, system.stats().failures]).toEqual([0, 3]);
    expect(system.health()).toMatchObject({ status: 'degraded', reasons: [{ source: 'requests' }] });
    expect(system.health().status).toBe('ok');
  });

  test('what is full is reclaimed before a request fails', () => {
    const kept: { free(): void }[] = [];
    const cache = {
      name: 'kept',
      get usedBytes() {
        return kept.length * 64 * KIB;
      },
      trim() {
        const bytes = kept.length * 64 * KIB;
        for (const lease of kept.splice(0)) lease.free();
        return bytes;
      },
    };
    using system = small({ arena: false, system: false, caches: [cache] });
    for (let lease = system.tryRequest('64KiB'); kept.length < 15; lease = system.tryRequest('64KiB')) {
      if (lease !== null) kept.push(lease);
    }
    using lease = system.request('128KiB');
    expect([lease.tier, kept.length]).toEqual(['pool', 0]);
    expect(system.reclaimer.journal().at(-1)).toMatchObject({ reason: 'no tier has room' });
  });
});

test('where reclaiming does not help it is not tried again at each failure', () => {
  let asked = 0;
  const target = {
    name: 'useless',
    reclaimableBytes: () => 100,
    reclaim: () => {
      asked += 1;
      return 100;
    },
  };
  using system = small({ system: { maxBytes: '64KiB' }, reclaimables: [target] });
  for (let i = 0; i < 100; i += 1) expect(system.tryAllocate(8 * MIB)).toBe(-1);
  expect(asked).toBe(6); // after 0, 1, 3, 7, 15 and 31 others
});

describe('what is charged', () => {
  test('the classes are those of the heap', () => {
    using heap = new HeapAllocator('4MiB');
    for (const size of [
      1,
      16,
      17,
      100,
      128,
      129,
      1000,
      1025,
      4000,
      5000,
      32 * KIB - 1,
      32 * KIB,
      32 * KIB + 1,
      MIB - 5,
    ]) {
      const before = heap.usedBytes;
      const offset = heap.allocate(size);
      expect([size, chargeOf(size)]).toEqual([size, heap.usedBytes - before]);
      heap.deallocate(offset, size);
    }
  });

  test('is given back exactly, also with another size of the same class', () => {
    const budget = new MemoryBudget('b', { limitBytes: '8MiB' });
    using system = small({ budget });
    const handle = system.allocate(2000);
    expect(budget.usedBytes).toBe(2048);
    system.free(handle, 2040);
    expect([budget.usedBytes, system.stats().chargedBytes]).toEqual([0, 0]);
  });

  test('the budget is asked before the tiers, and says who is in the way', () => {
    const budget = new MemoryBudget('service', { limitBytes: '64KiB', quantumBytes: 1 });
    using system = small({ budget });
    system.allocate(40 * KIB);
    const error = thrown(() => system.allocate(32 * KIB));
    expect(error).toMatchObject({ code: 'ERR_MEMORY_BUDGET_EXCEEDED', source: 'service' });
    expect(codeOf(() => system.request(65 * KIB))).toBe('ERR_MEMORY_TOO_LARGE');
    expect([system.tryAllocate(32 * KIB), system.tryRequest(32 * KIB)]).toEqual([-1, null]);
    expect([budget.usedBytes, system.stats().liveBlocks]).toEqual([40 * KIB, 1]);
    expect(system.stats().refusals).toBe(4);
  });

  test('a budget that throws or refuses to take back loses nothing', () => {
    let broken = false;
    let used = 0;
    const budget = {
      name: 'mine',
      reserve: (bytes: number) => void (used += bytes),
      tryReserve: (bytes: number) => {
        if (broken) throw new RangeError('broken');
        used += bytes;
        return true;
      },
      release: (bytes: number) => {
        if (broken) throw new RangeError('broken');
        used -= bytes;
      },
    };
    using system = small({ budget });
    const handles = [system.allocate(64), system.allocate(64)];
    broken = true;
    expect(() => system.allocate(64)).toThrow(RangeError);
    for (const handle of handles) system.free(handle, 64);
    expect([used, system.stats().owedBytes, system.stats().liveBlocks]).toEqual([128, 128, 0]);
    broken = false;
    system.free(system.allocate(128), 128);
    expect([used, system.stats().owedBytes, system.stats().chargedBytes]).toEqual([0, 0, 0]);
  });

  test('a budget that is shared with other threads will do, also for tenants', async () => {
    const shared = SharedBudget.create(`system-test-${process.pid}`, { limitBytes: '1MiB' });
    const system = small({ budget: shared });
    const tenant = system.tenant('t', { limitBytes: '512KiB' });
    const handle = system.allocate(64 * KIB);
    const lease = tenant.request(128 * KIB);
    const waited = await system.acquire('64KiB', { deadlineMs: '150s' });
    expect(shared.usedBytes).toBe(256 * KIB);
    expect(codeOf(() => tenant.allocate(600 * KIB))).toBe('ERR_MEMORY_TOO_LARGE');
    expect(codeOf(() => system.allocate(900 * KIB))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
    expect(system.health().status).toBe('ok');
    system.free(handle, 64 * KIB);
    lease.free();
    waited.free();
    await system.shutdown({ deadlineMs: 0 });
    expect(shared.usedBytes).toBe(0);
    shared.close();
  });

  test('acquire() waits its turn, and gives back what it could not use', async () => {
    const budget = new MemoryBudget('service', { limitBytes: '64KiB', quantumBytes: 1 });
    using system = small({ budget });
    const first = system.request(40 * KIB);
    const waiting = system.acquire('32KiB', { name: 'later' });
    await Promise.resolve();
    expect(budget.stats().waiting).toBe(1);
    first.free();
    const lease = await waiting;
    expect([lease.byteLength, budget.usedBytes]).toEqual([32 * KIB, 32 * KIB]);
    const controller = new AbortController();
    const aborted = system.acquire('40KiB', { signal: controller.signal });
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_MEMORY_ABORTED' });
    const refused = system.acquire('32KiB');
    const late = system.acquire('32KiB');
    void system.drain();
    lease.free();
    await expect(refused).rejects.toMatchObject({ code: 'ERR_MEMORY_INVALID_STATE' });
    await expect(late).rejects.toMatchObject({ code: 'ERR_MEMORY_INVALID_STATE' });
    expect([budget.usedBytes, system.stats().chargedBytes]).toEqual([0, 0]);
  });
});

describe('the reclaimer, where no tier has room', () => {
  function full() {
    const pool = { bytes: '64KiB', maxBytes: '64KiB', upToBytes: '32KiB' } as const;
    const system = small({ stack: false, pool, arena: false, system: false }).start();
    const kept: number[] = [];
    const cache = {
      name: 'cache',
      offers: () => 0,
      rounds: 0,
      reclaimableBytes: () => cache.offers(),
      reclaim: (_bytes: number) => {
        cache.rounds += 1;
        return 0;
      },
    };
    system.reclaimer.register(cache);
    for (let handle = system.tryAllocate(4096); handle !== -1; handle = system.tryAllocate(4096)) kept.push(handle);
    for (let i = 0; i < 1100; i += 1) system.tryAllocate(4096);
    return { system, kept, cache };
  }

  test('is asked again as soon as somebody can give more', () => {
    const { system, kept, cache } = full();
    cache.offers = () => kept.length * 4096;
    cache.reclaim = () => {
      system.free(kept.pop() as number, 4096);
      return 4096;
    };
    expect(system.tryAllocate(4096)).not.toBe(-1);
    expect(system.tryAllocate(4096)).not.toBe(-1);
    system.dispose();
  });

  test('is seldom asked by those who offer what does not help', () => {
    const { system, cache } = full();
    cache.offers = () => 100_000;
    for (let i = 0; i < 2000; i += 1) expect(system.tryAllocate(4096)).toBe(-1);
    expect(cache.rounds).toBeGreaterThan(0);
    expect(cache.rounds).toBeLessThan(5);
    const before = cache.rounds;
    cache.offers = () => 100_001;
    system.tryAllocate(4096);
    system.tryAllocate(4096);
    expect(cache.rounds - before).toBe(1);
    system.dispose();
  });
});

describe('leases', () => {
  test('give themselves back once', () => {
    using system = small();
    const lease = system.request(100, { name: 'mine', alignment: 64 });
    expect(lease.view().byteOffset % 64).toBe(0);
    expect(lease.bytes).toBe(lease.view());
    expect(system.stats().holders).toEqual([{ name: 'mine', tenant: null, leases: 1, bytes: 100 }]);
    lease.free();
    expect(lease.freed).toBe(true);
    expect(codeOf(() => lease.free())).toBe('ERR_MEMORY_DOUBLE_FREE');
    expect(codeOf(() => lease.view())).toBe('ERR_MEMORY_FREED');
    expect(codeOf(() => lease.handle)).toBe('ERR_MEMORY_FREED');
    lease[Symbol.dispose]();
    expect(system.stats()).toMatchObject({ holders: [], liveBlocks: 0 });
  });

  test('survive the number form only once as well', () => {
    using system = small();
    const lease = system.request(100);
    system.free(lease.handle, 100);
    expect(codeOf(() => lease.free())).toBe('ERR_MEMORY_DOUBLE_FREE');
    expect(lease.freed).toBe(false);
  });

  test('the number form sees its bytes', () => {
    using system = small();
    const handle = system.allocate(100);
    system.view(handle, 100).fill(9);
    expect(system.view(handle, 10)[9]).toBe(9);
    system.free(handle, 100);
    expect(codeOf(() => system.view(handle, 100))).toBe('ERR_MEMORY_FREED');
  });
});
