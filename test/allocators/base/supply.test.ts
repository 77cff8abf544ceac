import { BumpAllocator, SystemAllocator } from '../../../lib/allocators';
import { Supply } from '../../../lib/allocators/base';
import { memoryError } from '../../../lib/core';
import { Region } from '../../../lib/platform';
import { TestBudget } from '../../arenas/support';

/** Hands out twice what is asked for; gives and takes as it is told. */
class Generous {
  readonly name = 'generous';
  readonly pageBytes = 4096;
  refuses = 0;
  readonly out = new Set<Region>();
  acquire(byteLength: number): Region {
    const region = Region.map(2 * byteLength);
    this.out.add(region);
    return region;
  }
  release(region: Region): void {
    if (this.refuses-- > 0) throw new TypeError('not back');
    this.out.delete(region);
    if (region.state === 'live') region.free();
  }
  trim(): number {
    return 0;
  }
}

class Stubborn extends TestBudget {
  refuses = 0;
  override release(bytes: number): void {
    if (this.refuses-- > 0) throw new RangeError('not now');
    super.release(bytes);
  }
}

test('more than was asked for is charged, and what cannot be charged goes back', () => {
  const provider = new Generous();
  const budget = new Stubborn(3 * 4096);
  const supply = new Supply({ provider, budget });
  const region = supply.acquire('test', 4096);
  expect([budget.used, provider.out.size]).toEqual([2 * 4096, 1]);
  expect(() => supply.acquire('test', 4096)).toThrow(expect.objectContaining({ code: 'ERR_MEMORY_BUDGET_EXCEEDED' }));
  expect([budget.used, provider.out.size]).toEqual([2 * 4096, 1]);
  supply.release(region);
  expect([budget.used, provider.out.size]).toEqual([0, 0]);
});

test('nothing stays charged for a region that the provider does not take back', () => {
  const provider = new Generous();
  const budget = new TestBudget(4096);
  const supply = new Supply({ provider, budget });
  provider.refuses = 1;
  provider.acquire = (byteLength: number) => {
    const region = Region.map(2 * byteLength);
    region.pin(); // it cannot be emptied, so that the provider is asked with a live one
    provider.out.add(region);
    return region;
  };
  expect(() => supply.acquire('test', 4096)).toThrow(TypeError);
  expect(budget.used).toBe(0);
});

test('a budget that refuses its bytes gets them with the next', () => {
  const provider = new Generous();
  const budget = new Stubborn();
  const supply = new Supply({ provider, budget });
  const [first, second] = [supply.acquire('test', 4096), supply.acquire('test', 4096)];
  budget.refuses = 1;
  supply.release(first);
  expect([budget.used, provider.out.size]).toEqual([4 * 4096, 1]);
  expect(supply.acquire('test', 4096)).toBeDefined();
  expect(budget.used).toBe(4 * 4096);
  supply.release(second);
  expect(budget.used).toBe(2 * 4096);
});

test('a promise that a budget answers with and that fails is a refusal as well', async () => {
  const provider = new Generous();
  const budget = new TestBudget();
  const supply = new Supply({ provider, budget });
  const region = supply.acquire('test', 4096);
  const { release } = budget;
  budget.release = (() => Promise.reject(memoryError('ERR_MEMORY_INVALID_STATE', 'later'))) as never;
  supply.release(region);
  await new Promise((resolve) => setImmediate(resolve));
  budget.release = release;
  supply.acquire('test', 4096);
  expect(budget.used).toBe(2 * 4096);
});

describe('memory of the system, with a budget', () => {
  test('goes once, whatever the budget says, and the bytes with the next', () => {
    const budget = new Stubborn();
    using system = new SystemAllocator({ budget });
    const [first, second] = [system.allocate(4096), system.allocate(4096)];
    budget.refuses = 1;
    system.deallocate(first, 4096);
    expect([budget.used, system.stats().liveAllocations]).toEqual([8192, 1]);
    system.deallocate(second, 4096);
    expect(budget.used).toBe(0);
  });

  test('an allocator ends at the first dispose()', () => {
    const budget = new Stubborn();
    const bump = new BumpAllocator('64KiB', { budget });
    budget.refuses = 1;
    bump.dispose();
    expect(bump.disposed).toBe(true);
    expect(() => bump.allocate(8)).toThrow(expect.objectContaining({ code: 'ERR_MEMORY_CLOSED' }));
  });

  test('a reserve that answers by a promise is refused', async () => {
    const reserve = async () => {
      throw new Error('over');
    };
    const budget = { name: 'late', reserve: reserve as never, tryReserve: () => true, release: () => {} };
    const unhandled: unknown[] = [];
    const note = (error: unknown) => unhandled.push(error);
    process.on('unhandledRejection', note);
    try {
      expect(() => new BumpAllocator('64KiB', { budget })).toThrow(
        expect.objectContaining({ code: 'ERR_MEMORY_INVALID_ARGUMENT' }),
      );
      await new Promise((done) => setImmediate(done));
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });
});
