import { CachedProvider, NumaProvider, PageProvider, Region, type RegionProvider } from '../../../lib';
import { expectRefusal } from '../../conformance/support';

const timer = () => () => {};

function ledger(limit = Number.POSITIVE_INFINITY) {
  const budget = {
    name: 'ledger',
    used: 0,
    reserve(bytes: number) {
      if (budget.used + bytes > limit) throw new Error('over');
      budget.used += bytes;
    },
    tryReserve: () => false,
    release(bytes: number) {
      budget.used -= bytes;
    },
  };
  return budget;
}

describe('CachedProvider', () => {
  test('a clock that throws at a release leaves the region with its holder', () => {
    let broken = false;
    const clock = {
      nowMs: () => {
        if (broken) throw new Error('clock');
        return 0;
      },
    };
    const budget = ledger();
    const pages = new PageProvider();
    const cached = new CachedProvider(pages, { clock: clock as never, timer, budget });
    const region = cached.acquire(4096);
    broken = true;
    expect(() => cached.release(region)).toThrow('clock');
    expect([cached.owns(region), region.state, cached.stats().liveRegions]).toEqual([true, 'live', 1]);
    broken = false;
    cached.release(region);
    cached.dispose();
    expect([budget.used, pages.stats().liveRegions]).toEqual([0, 0]);
  });

  test('an upstream that trims its user while it takes regions back is told of each region once', () => {
    const budget = ledger();
    const pages = new PageProvider();
    const told: Region[] = [];
    let cached: CachedProvider | undefined;
    const upstream = {
      name: 'caller',
      pageBytes: pages.pageBytes,
      acquire: (bytes: number) => pages.acquire(bytes),
      renew: (region: Region) => pages.renew(region),
      release(region: Region) {
        expect(told).not.toContain(region);
        told.push(region);
        cached?.trim();
        using again = pages.acquire(4096);
        const other = cached?.acquire(4096); // never the one that is leaving
        expect([other === region, again.state]).toEqual([false, 'live']);
        if (other !== undefined) held.push(other);
        pages.release(region);
      },
      trim: () => 0,
    };
    const held: Region[] = [];
    cached = new CachedProvider(upstream, { timer, budget });
    for (const region of [cached.acquire(4096), cached.acquire(8192), cached.acquire(4096)]) cached.release(region);
    cached.trim();
    expect(budget.used).toBe(cached.stats().liveBytes + cached.stats().cachedBytes);
    expect(budget.used).toBe(held.length * 4096);
  });

  test.each([
    ['nothing', () => undefined],
    ['another object', () => ({ byteLength: 1 })],
    ['too little', () => Region.map(4096)],
  ])('an upstream that returns %s is refused, and nothing stays charged', (_, acquire) => {
    const budget = ledger();
    const upstream = {
      name: 'bad',
      pageBytes: 4096,
      acquire,
      release: (region: Region) => region.free(),
      trim: () => 0,
    };
    const cached = new CachedProvider(upstream as unknown as RegionProvider<Region>, { timer, budget });
    expectRefusal('ERR_MEMORY_INVALID_ARGUMENT', () => cached.acquire(8192), 'acquire');
    expect([budget.used, cached.stats().liveRegions, cached.stats().failures]).toEqual([0, 0, 1]);
    const numa = new NumaProvider({ provider: () => upstream as unknown as RegionProvider<Region>, budget });
    expectRefusal('ERR_MEMORY_INVALID_ARGUMENT', () => numa.acquire(8192), 'numa');
    expect([budget.used, numa.stats().liveRegions, numa.stats().remote]).toEqual([0, 0, 0]);
  });

  test('a budget that refuses the rest of a larger region gets everything back', () => {
    const budget = ledger(8192);
    const taken: Region[] = [];
    const upstream: RegionProvider<Region> = {
      name: 'generous',
      pageBytes: 4096,
      acquire: (bytes) => Region.map(bytes * 4),
      release(region) {
        taken.push(region);
        region.free();
      },
      trim: () => 0,
    };
    const cached = new CachedProvider(upstream, { timer, budget });
    expect(() => cached.acquire(4096)).toThrow('over');
    expect([budget.used, taken.length]).toEqual([0, 1]);
  });
});

test('NumaProvider keeps one order for all nodes that do not exist', () => {
  let node = 1000;
  using numa = new NumaProvider({ currentNode: () => (node += 1) });
  for (let i = 0; i < 20; i += 1) numa.release(numa.acquire(4096));
  expect((numa as unknown as { orders: Map<number, unknown> }).orders.size).toBe(1);
});

test.each<[string, unknown]>([
  ['a number', 5],
  ['nothing', undefined],
  ['a promise', Promise.resolve(new PageProvider())],
  ['one without acquire', { name: 'x', pageBytes: 4096, release: () => {}, trim: () => 0 }],
  ['one without trim', { name: 'x', pageBytes: 4096, acquire: () => {}, release: () => {} }],
  ['one without pageBytes', { name: 'x', acquire: () => {}, release: () => {}, trim: () => 0 }],
  ['one with odd pages', { name: 'x', pageBytes: 5000, acquire: () => {}, release: () => {}, trim: () => 0 }],
])('NumaProvider refuses %s for a node', (_, made) => {
  expectRefusal('ERR_MEMORY_INVALID_ARGUMENT', () => new NumaProvider({ provider: () => made as never }), 'numa');
});
