import { Arena } from '../../lib/arenas';
import { memoryError } from '../../lib/core';
import { codeOf, TestBudget, TestProvider } from './support';

describe('chunks', () => {
  test('none before the first block, then growing to the largest', () => {
    const provider = new TestProvider();
    using arena = new Arena('4KiB', { provider, growthFactor: 2, maxChunkBytes: '16KiB' });
    expect(provider.acquired).toEqual([]);
    for (let i = 0; i < 12; i += 1) arena.allocate(4096);
    expect(provider.acquired).toEqual([4096, 8192, 16384, 16384, 16384]);
    expect(arena.usedBytes).toBe(12 * 4096);
  });

  test('a request above the largest chunk gets one of its own, at any time, and growth goes on as before', () => {
    const provider = new TestProvider();
    using arena = new Arena('4KiB', { provider, maxChunkBytes: '8KiB' });
    arena.allocate(100);
    const large = arena.allocate(100_000);
    arena.view(large, 100_000).fill(1);
    arena.allocate(100);
    arena.allocate(1_000_000);
    expect(provider.acquired).toEqual([4096, 102_400, 1_003_520]);
    expect(arena.stats().liveAllocations).toBe(4);
  });

  test('all are used again after reset, the first ones first; nothing is got anew', () => {
    const provider = new TestProvider();
    using arena = new Arena('4KiB', { provider, maxChunkBytes: '16KiB' });
    const round = () => Array.from({ length: 40 }, () => arena.allocate(3000));
    const first = round();
    const held = arena.heldBytes;
    for (let i = 0; i < 20; i += 1) {
      arena.reset();
      expect(round()).toEqual(first);
    }
    expect(arena.heldBytes).toBe(held);
    expect(arena.generation).toBe(20);
  });

  test('kept chunks that are too small are given back where the limit needs it', () => {
    using arena = new Arena('4KiB', { limitBytes: '64KiB', growthFactor: 1, maxChunkBytes: '4KiB' });
    while (arena.tryAllocate(4000) !== -1);
    expect(arena.heldBytes).toBe(65_536);
    arena.reset();
    arena.view(arena.allocate(60_000), 60_000).fill(7);
    expect(arena.heldBytes).toBeLessThanOrEqual(65_536);
    expect(codeOf(() => arena.allocate(60_000))).toBe('ERR_MEMORY_ARENA_EXHAUSTED');
    expect(codeOf(() => arena.allocate(70_000))).toBe('ERR_MEMORY_TOO_LARGE');
    expect(arena.stats().liveAllocations).toBe(1);
  });

  test('trim gives back what holds no block, all but so much', () => {
    const provider = new TestProvider();
    using arena = new Arena('4KiB', { provider, growthFactor: 1, maxChunkBytes: '4KiB' });
    for (let i = 0; i < 10; i += 1) arena.allocate(4096);
    expect(arena.trim()).toBe(0);
    arena.reset();
    arena.allocate(1);
    expect(arena.trim(8192)).toBe(28_672);
    expect(provider.out).toBe(3);
    arena.reset();
    expect(arena.trim()).toBe(12_288);
    expect([provider.out, arena.heldBytes]).toEqual([0, 0]);
    expect(arena.allocate(10)).toBe(0);
  });

  test('takes a block above 1 GiB without touching it', () => {
    using arena = new Arena({ carrier: 'shared' });
    const small = arena.allocate(8);
    const bytes = 2 ** 30 + 4096;
    const huge = arena.allocate(bytes);
    const next = arena.allocate(8);
    arena.view(huge + bytes - 8, 8).fill(3);
    expect([arena.owns(huge + bytes - 1), arena.owns(next)]).toEqual([true, true]);
    expect(codeOf(() => arena.deallocate(huge, bytes - 1))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    arena.deallocate(huge, bytes);
    arena.deallocate(next, 8);
    arena.deallocate(small, 8);
    expect(arena.usedBytes).toBe(0);
  });

  test('smaller chunks are tried where the provider is short', () => {
    const provider = new TestProvider();
    let most = 10_000;
    const acquire = provider.acquire.bind(provider);
    provider.acquire = (bytes) => {
      if (bytes > most) throw memoryError('ERR_MEMORY_OUT_OF_MEMORY', 'short');
      return acquire(bytes);
    };
    const budget = new TestBudget();
    using arena = new Arena('64KiB', { provider, budget });
    arena.allocate(100);
    expect(provider.acquired).toEqual([8192]);
    most = 0;
    expect(arena.tryAllocate(8192)).toBe(-1);
    expect(codeOf(() => arena.allocate(8192))).toBe('ERR_MEMORY_OUT_OF_MEMORY');
    expect(budget.used).toBe(8192);
    expect(arena.stats()).toMatchObject({ failures: 2, allocations: 1, reservedBytes: 8192 });
  });
});

describe('budgets and providers', () => {
  test('every chunk is charged, and given back by trim and dispose', () => {
    const budget = new TestBudget();
    const arena = new Arena('4KiB', { budget, growthFactor: 1, maxChunkBytes: '4KiB' });
    for (let i = 0; i < 5; i += 1) arena.allocate(4096);
    expect(budget.used).toBe(20_480);
    arena.reset();
    expect(budget.used).toBe(20_480);
    arena.trim();
    expect(budget.used).toBe(0);
    arena.allocate(9000);
    expect(budget.used).toBe(12_288);
    arena.dispose();
    expect(budget.used).toBe(0);
  });

  test("the budget's refusal is the error, and -1 for tryAllocate", () => {
    const budget = new TestBudget(10_000);
    using arena = new Arena('4KiB', { budget });
    arena.allocate(4096);
    expect(arena.tryAllocate(8192)).toBe(-1);
    expect(codeOf(() => arena.allocate(8192))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
    expect(arena.allocate(4096)).toBe(4096); // a smaller chunk fits
    expect(budget.used).toBe(8192);
  });

  test('a provider that throws anything leaves budget and books as they were', () => {
    const provider = new TestProvider();
    const budget = new TestBudget();
    using arena = new Arena('4KiB', { provider, budget });
    arena.allocate(4000);
    const before = arena.stats();
    provider.fail = () => {
      throw new RangeError('mine');
    };
    expect(() => arena.allocate(4000)).toThrow(RangeError);
    expect(() => arena.tryAllocate(4000)).toThrow(RangeError);
    expect(arena.stats()).toEqual(before);
    expect(budget.used).toBe(4096);
    provider.fail = undefined;
    arena.allocate(4000);
  });

  test('calls from inside them are refused and change nothing', () => {
    const provider = new TestProvider();
    const budget = new TestBudget();
    using arena = new Arena('4KiB', { provider, budget });
    arena.allocate(8);
    const codes: string[] = [];
    const attempt = () => {
      for (const call of [
        () => arena.allocate(8),
        () => arena.tryAllocate(8),
        () => arena.reset(),
        () => arena.trim(),
        () => arena.dispose(),
        () => arena.deallocate(0, 8),
        () => arena.mark(),
        () => arena.scope(),
      ]) {
        codes.push(codeOf(call));
      }
    };
    provider.onAcquire = attempt;
    budget.onReserve = attempt;
    arena.allocate(4096);
    expect(codes).toEqual(new Array(16).fill('ERR_MEMORY_INVALID_STATE'));
    expect(arena.stats()).toMatchObject({ allocations: 2, liveAllocations: 2, resets: 0, failures: 0 });
  });

  test('what is pinned stays, the arena is closed, and a second dispose gives it back', () => {
    const regions: { pin(): { release(): void } }[] = [];
    const provider = new TestProvider();
    const acquire = provider.acquire.bind(provider);
    provider.acquire = (bytes) => {
      const region = acquire(bytes);
      regions.push(region);
      return region;
    };
    const budget = new TestBudget();
    const arena = new Arena('4KiB', { provider, budget, growthFactor: 1, maxChunkBytes: '4KiB' });
    for (let i = 0; i < 3; i += 1) arena.allocate(4096);
    const pin = regions[1]?.pin();
    expect(codeOf(() => arena.dispose())).toBe('ERR_MEMORY_IN_USE');
    expect([arena.disposed, provider.out, budget.used]).toEqual([true, 1, 4096]);
    expect(codeOf(() => arena.allocate(1))).toBe('ERR_MEMORY_CLOSED');
    pin?.release();
    arena.dispose();
    expect([provider.out, budget.used]).toEqual([0, 0]);
  });
});

describe('frees', () => {
  test('each wrong one has its error and changes nothing', () => {
    using arena = new Arena('4KiB');
    const first = arena.allocate(64);
    const second = arena.allocate(64);
    arena.allocate(64);
    arena.deallocate(second, 64);
    const before = arena.stats();
    expect(codeOf(() => arena.deallocate(second, 64))).toBe('ERR_MEMORY_DOUBLE_FREE');
    expect(codeOf(() => arena.deallocate(first + 8, 56))).toBe('ERR_MEMORY_FOREIGN_FREE');
    expect(codeOf(() => arena.deallocate(first, 63))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => arena.deallocate(1 << 20, 64))).toBe('ERR_MEMORY_FOREIGN_FREE');
    expect(arena.stats()).toEqual(before);
    arena.reset();
    const empty = arena.stats();
    expect(codeOf(() => arena.deallocate(first, 64))).toBe('ERR_MEMORY_FOREIGN_FREE');
    expect(arena.stats()).toEqual(empty);
  });

  test('the newest block goes back at once and may be freed only once', () => {
    using arena = new Arena('4KiB');
    arena.allocate(64);
    const last = arena.allocate(64);
    arena.deallocate(last, 64);
    expect(arena.usedBytes).toBe(64);
    expect(codeOf(() => arena.deallocate(last, 64))).toBe('ERR_MEMORY_DOUBLE_FREE');
    expect(arena.allocate(8)).toBe(64);
  });

  test('the newest block grows and shrinks in place', () => {
    using arena = new Arena('4KiB');
    const first = arena.allocate(16);
    const last = arena.allocate(16);
    expect(arena.tryResize(first, 16, 32)).toBe(false);
    expect(arena.tryResize(last, 16, 4000)).toBe(true);
    expect(arena.tryResize(last, 4000, 5000)).toBe(false);
    expect(codeOf(() => arena.tryResize(last, 16, 20))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(arena.tryResize(last, 4000, 8)).toBe(true);
    expect(arena.usedBytes).toBe(24);
    arena.deallocate(last, 8);
  });
});

describe('zero', () => {
  test('blocks are zeros, also in used memory', () => {
    using arena = new Arena('4KiB', { zero: true });
    for (let round = 0; round < 3; round += 1) {
      for (let i = 0; i < 30; i += 1) {
        const view = arena.alloc(300);
        expect(view.every((byte) => byte === 0)).toBe(true);
        view.fill(0xff);
      }
      arena.reset();
    }
    const mark = arena.mark();
    arena.alloc(100).fill(1);
    arena.rewind(mark);
    expect(arena.alloc(100).every((byte) => byte === 0)).toBe(true);
  });
});

describe('options', () => {
  test.each([
    [{ chunkBytes: 0 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ chunkBytes: '2GiB' }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ growthFactor: 0.5 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ chunkBytes: 8192, maxChunkBytes: 4096 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ alignment: 24 }, 'ERR_MEMORY_INVALID_ALIGNMENT'],
    [{ provider: {} }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ budget: {} }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ onReset: 'free' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ chunkByte: 1 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ provider: new TestProvider(), carrier: 'shared' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ])('%j is refused', (options, code) => {
    expect(codeOf(() => new Arena(options as object))).toBe(code);
  });

  test('the size comes first or in the options, and not twice', () => {
    expect(codeOf(() => new Arena('4KiB', { chunkBytes: 1 }))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => new Arena({}, {}))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    for (const make of [
      'production',
      'performance',
      'debug',
      'conservative',
      'smallObjects',
      'largeObjects',
    ] as const) {
      using arena = Arena[make]({ name: make });
      arena.alloc(100).fill(1);
      expect(arena.name).toBe(make);
    }
  });
});
