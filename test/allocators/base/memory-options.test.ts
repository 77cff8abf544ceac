// `provider` and `budget` beside a size, in every local allocator.
import {
  BlockAllocator,
  BumpAllocator,
  HeapAllocator,
  PageProvider,
  StackAllocator,
  SystemAllocator,
} from '../../../lib/allocators';
import { MemoryBudget } from '../../../lib/budgets';
import type { RegionLike, RegionProvider } from '../../../lib/core';
import { Region } from '../../../lib/platform';

const code = (expected: string) => expect.objectContaining({ code: expected });
const KIB = 1024;

/** A provider as users write them: their type says no more than RegionProvider. */
class Mine implements RegionProvider {
  readonly name = 'mine';
  readonly pageBytes = 16 * KIB;
  live = 0;
  acquire(byteLength: number): RegionLike {
    const region = Region.map(Math.ceil(byteLength / this.pageBytes) * this.pageBytes);
    this.live += 1;
    return region;
  }
  release(region: RegionLike): void {
    region.free();
    this.live -= 1;
  }
  trim(): number {
    return 0;
  }
}

interface Options {
  provider?: RegionProvider;
  budget?: MemoryBudget;
}

const SIZED = [
  ['BumpAllocator', (options: Options) => new BumpAllocator('100KiB', options)],
  ['StackAllocator', (options: Options) => new StackAllocator('100KiB', options)],
  ['HeapAllocator', (options: Options) => new HeapAllocator('100KiB', options)],
  ['HeapAllocator.debug', (options: Options) => HeapAllocator.debug('100KiB', options)],
  ['BlockAllocator', (options: Options) => new BlockAllocator({ blockBytes: 1000, blocks: 100, ...options })],
] as const;

describe.each(SIZED)('%s', (_name, make) => {
  test('charges its pages to a budget and gives them back at disposal', () => {
    const budget = new MemoryBudget('b', { limitBytes: '1MiB', quantumBytes: 1 });
    const allocator = make({ budget });
    expect(budget.stats().usedBytes).toBe(100 * KIB);
    allocator.view(allocator.allocate(500), 500).fill(1);
    allocator.dispose();
    expect(budget.stats().usedBytes).toBe(0);
    allocator.dispose();
    budget.close();
  });

  test('takes memory from a provider, and is charged for what that gives', () => {
    const budget = new MemoryBudget('b', { limitBytes: '1MiB', quantumBytes: 1 });
    const provider = new Mine();
    const allocator = make({ provider, budget });
    expect([provider.live, budget.stats().usedBytes]).toEqual([1, 112 * KIB]);
    allocator.dispose();
    expect([provider.live, budget.stats().usedBytes]).toEqual([0, 0]);
    const plain = make({ provider });
    expect(provider.live).toBe(1);
    plain.dispose();
    expect(provider.live).toBe(0);
  });

  test('what is refused leaves nothing charged and nothing acquired', () => {
    const budget = new MemoryBudget('b', { limitBytes: '128KiB', quantumBytes: 1 });
    budget.reserve(64 * KIB);
    const provider = new Mine();
    for (const options of [{ budget }, { budget, provider }]) {
      expect(() => make(options)).toThrow(code('ERR_MEMORY_BUDGET_EXCEEDED'));
    }
    const large = new MemoryBudget('l', { limitBytes: '3MiB', quantumBytes: 1 });
    large.reserve(2000 * KIB);
    const broken = { name: 'x', pageBytes: 4096, acquire: () => ({}) as Region, release: () => {}, trim: () => 0 };
    expect(() => make({ budget: large, provider: broken })).toThrow(code('ERR_MEMORY_INVALID_ARGUMENT'));
    const generous = new Mine();
    const given: RegionLike[] = [];
    generous.acquire = () => {
      given.push(Region.map('2MiB'));
      generous.live += 1;
      return given[0] as RegionLike;
    };
    expect(() => make({ budget: large, provider: generous })).toThrow(code('ERR_MEMORY_BUDGET_EXCEEDED'));
    expect([given.length, generous.live, provider.live]).toEqual([1, 0, 0]);
    expect([budget.stats().usedBytes, large.stats().usedBytes]).toEqual([64 * KIB, 2000 * KIB]);
  });

  test('what is no provider or budget is refused', () => {
    for (const options of [{ provider: {} }, { provider: 'pages' }, { budget: {} }, { budget: null }]) {
      expect(() => make(options as unknown as Options)).toThrow(code('ERR_MEMORY_INVALID_ARGUMENT'));
    }
  });
});

test('beside a provider in the first place a budget is charged, a second provider refused', () => {
  const budget = new MemoryBudget('b', { limitBytes: '1MiB', quantumBytes: 1 });
  const provider = new PageProvider();
  const bump = new BumpAllocator({ provider, byteLength: 5000 }, { budget });
  expect(budget.stats().usedBytes).toBe(8192);
  bump.dispose();
  expect(budget.stats().usedBytes).toBe(0);
  const refused = code('ERR_MEMORY_INVALID_ARGUMENT');
  expect(() => new BumpAllocator({ provider, byteLength: 5000 }, { provider })).toThrow(refused);
  const region = Region.map(4096);
  expect(() => new HeapAllocator({ region }, { budget })).toThrow(refused);
  expect(() => new HeapAllocator({ region }, { provider })).toThrow(refused);
  expect(() => new BlockAllocator({ blockBytes: 64, region, budget })).toThrow(refused);
  expect(() => new HeapAllocator({} as { region: Region }, { budget })).toThrow(refused);
  region.free();
  provider.dispose();
  expect(budget.stats().usedBytes).toBe(0);
});

test('BlockAllocator: growing is charged, and refused by the budget', () => {
  const budget = new MemoryBudget('b', { limitBytes: '12KiB', quantumBytes: 1 });
  const pool = new BlockAllocator({ blockBytes: 4096, blocks: 1, maxBlocks: 10, budget });
  for (let block = 0; block < 3; block += 1) pool.allocate(4096);
  expect(budget.stats().usedBytes).toBe(12 * KIB);
  expect(pool.tryAllocate(4096)).toBe(-1);
  expect(() => pool.allocate(4096)).toThrow(code('ERR_MEMORY_BUDGET_EXCEEDED'));
  pool.dispose();
  expect(budget.stats().usedBytes).toBe(0);
});

test('SystemAllocator: every block is charged until it is freed', () => {
  const budget = new MemoryBudget('b', { limitBytes: '64KiB', quantumBytes: 1 });
  for (const provider of [undefined, new Mine()]) {
    const system = new SystemAllocator(provider === undefined ? { budget } : { budget, provider });
    const page = provider?.pageBytes ?? 4096;
    const offset = system.allocate(page + 1);
    system.allocate(1);
    expect(budget.stats().usedBytes).toBe(3 * page);
    expect(system.tryAllocate(100 * KIB)).toBe(-1);
    system.deallocate(offset, page + 1);
    expect(budget.stats().usedBytes).toBe(page);
    system.dispose();
    expect(budget.stats().usedBytes).toBe(0);
  }
});
