import { BumpAllocator } from '../../../lib/allocators';
import { CachedProvider, PageProvider } from '../../../lib/allocators/providers';
import { Arena } from '../../../lib/arenas';
import type { BudgetLike } from '../../../lib/core';
import { codeOf, MIB, PAGE, TestBudget } from './support';

// A budget that refuses to take bytes back undoes no release: the region has gone, and the bytes follow with the next.

class Stubborn extends TestBudget {
  refuses = false;
  onRelease: (() => void) | undefined;
  override release(bytes: number): void {
    if (this.refuses) throw new RangeError('not now');
    super.release(bytes);
    this.onRelease?.();
  }
}

test('PageProvider: the region goes, and the bytes with the next call', () => {
  const budget = new Stubborn();
  const pages = new PageProvider({ budget });
  const [first, second] = [pages.acquire(PAGE), pages.acquire(PAGE)];
  budget.refuses = true;
  pages.release(first);
  expect([first.state, pages.stats().liveRegions, budget.used]).toEqual(['freed', 1, 2 * PAGE]);
  budget.refuses = false;
  const third = pages.acquire(3 * PAGE); // what is owed is offered before more is asked for
  expect(budget.used).toBe(4 * PAGE);
  budget.refuses = true;
  pages.release(second);
  pages.release(third);
  pages.dispose();
  expect([pages.disposed, budget.used]).toEqual([true, 4 * PAGE]);
  budget.refuses = false;
  pages.dispose(); // offers again
  expect(budget.used).toBe(0);
});

test('PageProvider: bytes that are owed leave room within the limit', () => {
  const budget = new Stubborn(PAGE);
  using pages = new PageProvider({ budget });
  budget.refuses = true;
  pages.release(pages.acquire(PAGE));
  budget.refuses = false;
  pages.release(pages.acquire(PAGE));
  expect(budget.used).toBe(0);
});

test('a mapping that fails says so itself, also when the budget refuses its bytes', () => {
  const budget = new Stubborn();
  const upstream = { name: 'none', pageBytes: PAGE, acquire: () => fail(), release: () => {}, trim: () => 0 };
  const fail = (): never => {
    budget.refuses = true;
    throw new TypeError('broken');
  };
  using cached = new CachedProvider(upstream, { budget, decayMs: null });
  expect(() => cached.acquire(PAGE)).toThrow(TypeError);
  expect(budget.used).toBe(PAGE);
  budget.refuses = false;
  cached.dispose();
  cached.dispose();
  expect(budget.used).toBe(0);
});

test('CachedProvider: no region is lost between its holder and the cache', () => {
  const budget = new Stubborn();
  const upstream = new PageProvider();
  const cached = new CachedProvider(upstream, { budget, maxCachedBytes: MIB, decayMs: null });
  const [first, second] = [cached.acquire(MIB), cached.acquire(MIB)];
  cached.release(first);
  budget.refuses = true;
  cached.release(second); // evicts the first
  expect(cached.stats()).toMatchObject({ liveRegions: 0, cachedRegions: 1, cachedBytes: MIB });
  expect([upstream.stats().liveRegions, budget.used]).toEqual([1, 2 * MIB]);
  expect(cached.trim()).toBe(MIB);
  budget.refuses = false;
  cached.dispose();
  cached.dispose();
  upstream.dispose();
  expect([upstream.stats().liveRegions, budget.used]).toEqual([0, 0]);
});

test('CachedProvider: dispose() from inside of the budget is refused while a region is on its way into the cache', () => {
  const budget = new Stubborn();
  const upstream = new PageProvider();
  const cached = new CachedProvider(upstream, { budget, maxCachedBytes: MIB, decayMs: null });
  const [first, second] = [cached.acquire(MIB), cached.acquire(MIB)];
  cached.release(first);
  const codes: string[] = [];
  budget.onRelease = () => codes.push(codeOf(() => cached.dispose()));
  cached.release(second);
  budget.onRelease = undefined;
  expect([codes, cached.disposed, cached.stats().cachedRegions]).toEqual([['ERR_MEMORY_IN_USE'], false, 1]);
  cached.dispose();
  upstream.dispose();
  expect(budget.used).toBe(0);
});

test('CachedProvider: what is called while it ends gets no region of it', () => {
  const budget = new Stubborn();
  const upstream = new PageProvider();
  const cached = new CachedProvider(upstream, { budget, decayMs: null });
  cached.release(cached.acquire(MIB));
  const codes: string[] = [];
  budget.onRelease = () => codes.push(codeOf(() => cached.acquire(PAGE)));
  cached.dispose();
  expect([codes, cached.stats().liveRegions, budget.used]).toEqual([['ERR_MEMORY_CLOSED'], 0, 0]);
  upstream.dispose();
});

describe('a budget whose reserve is async answers too late, and nothing is taken', () => {
  const late = (): BudgetLike => ({
    name: 'late',
    reserve: (async () => {
      throw new Error('over');
    }) as never,
    tryReserve: () => true,
    release: () => {
      throw new Error('nothing was reserved');
    },
  });
  const provider = new PageProvider();

  test.each<[string, () => unknown]>([
    ['PageProvider', () => new PageProvider({ budget: late() }).acquire(PAGE)],
    ['CachedProvider', () => new CachedProvider(provider, { budget: late() }).acquire(PAGE)],
    ['an allocator', () => new BumpAllocator('4KiB', { provider, budget: late() })],
    ['Arena', () => new Arena({ provider, budget: late() }).allocate(8)],
  ])('%s', async (_, work) => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => unhandled.push(error);
    process.on('unhandledRejection', note);
    try {
      expect(codeOf(work)).toBe('ERR_MEMORY_INVALID_ARGUMENT');
      await new Promise((done) => setImmediate(done));
      expect([unhandled, provider.stats().liveRegions]).toEqual([[], 0]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });
});
