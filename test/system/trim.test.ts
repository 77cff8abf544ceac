import { PageProvider } from '../../lib/allocators';
import { MemoryBudget } from '../../lib/budgets';
import type { RegionProvider } from '../../lib/core';
import type { Region } from '../../lib/platform';
import type { SystemOptions } from '../../lib/system';
import { codeOf, FakeMonitor, KIB, small, thrown } from './support';

// trim() where a part of the memory cannot be given back.

/** Keeps what it handed out, and refuses to take back what `refuses` says. */
function watchedPages() {
  const page = new PageProvider();
  const regions: Region[] = [];
  const refused = new Set<Region>();
  const provider: RegionProvider<Region> = {
    name: 'watched',
    pageBytes: page.pageBytes,
    acquire(byteLength) {
      const region = page.acquire(byteLength);
      regions.push(region);
      return region;
    },
    release(region) {
      if (refused.has(region)) throw new RangeError('not now');
      page.release(region);
    },
    trim: () => 0,
  };
  return { page, provider, regions, refused };
}

function threeHeaps(options: SystemOptions = {}) {
  const pages = watchedPages();
  const budget = new MemoryBudget('b', { limitBytes: '1GiB' });
  const pool = { bytes: '64KiB', maxBytes: '192KiB', upToBytes: '16KiB', provider: pages.provider } as const;
  const system = small({ budget, stack: false, arena: false, pool, ...options }).start();
  const handles: number[] = [];
  while (pages.regions.length < 3) handles.push(system.allocate(8192));
  for (const handle of handles) system.free(handle, 8192);
  return { ...pages, budget, system };
}

test('a heap that is pinned while trim() runs: the others go, and small requests are served', () => {
  const { system, budget, regions, page } = threeHeaps();
  const pin = (regions[1] as Region).pin();
  expect(codeOf(() => system.trim())).toBe('ERR_MEMORY_IN_USE');
  const [one, two] = [system.allocate(64), system.tryAllocate(64)];
  system.view(one, 64).fill(1);
  expect(budget.usedBytes).toBe(128);
  system.free(one, 64);
  system.free(two, 64);
  pin[Symbol.dispose]();
  expect(system.stats().tiers[0]?.allocators).toBe(2);
  system.trim();
  expect([system.stats().tiers[0]?.allocators, page.stats().liveRegions, budget.usedBytes]).toEqual([1, 1, 0]);
  system.dispose();
  expect(page.stats().liveRegions).toBe(0);
});

test.each([1, 2])('heap %i whose provider does not take it back serves nobody, and is offered again', (which) => {
  const { system, budget, regions, refused, page } = threeHeaps();
  const region = regions[which] as Region;
  refused.add(region);
  expect(() => system.trim()).toThrow(RangeError);
  const handles: number[] = [];
  // Room of the first heap, and of one more in the place of the one that went.
  for (let i = 0; i < 12; i += 1) handles.push(system.allocate(8192));
  for (const handle of handles) system.view(handle, 8192).fill(1);
  expect(region.state === 'live' && Buffer.from(region.buffer).every((byte) => byte === 0)).toBe(true);
  for (const handle of handles) system.free(handle, 8192);
  expect(() => system.trim()).toThrow(RangeError);
  expect([system.stats().tiers[0]?.allocators, budget.usedBytes]).toEqual([2, 0]);
  refused.clear();
  system.trim();
  expect([system.stats().tiers[0]?.allocators, page.stats().liveRegions]).toEqual([1, 1]);
  system.dispose();
});

test('an arena whose chunk is pinned while trim() runs has no room any more, and holds up nobody', () => {
  const { provider, regions } = watchedPages();
  const arena = { bytes: '64KiB', chunkBytes: '64KiB', arenas: 3, upToBytes: '64KiB', retainBytes: '1MiB', provider };
  using system = small({ stack: false, pool: false, arena } as SystemOptions).start();
  const leases = [1, 2, 3].map(() => system.request(60 * KIB));
  expect(regions.length).toBe(3);
  const pin = (regions[2] as Region).pin();
  for (const lease of leases) lease.free();
  system.reclaimer.reclaim(); // what it cannot have stops nobody
  const handles = [1, 2, 3, 4].map(() => system.allocate(60 * KIB));
  for (const handle of handles) system.view(handle, 60 * KIB).fill(1);
  for (const handle of handles) system.free(handle, 60 * KIB);
  pin[Symbol.dispose]();
  system.trim();
  expect(system.stats().tiers[0]?.allocators).toBe(1);
});

test('a tier or tenant that cannot be trimmed stops no other one', () => {
  const { system, regions, page } = threeHeaps({ monitor: new FakeMonitor() });
  const tenant = system.tenant('t', { limitBytes: '1MiB' });
  tenant.request('64KiB').free();
  const { space } = tenant as unknown as { space: { trim(): number } };
  const trim = jest.spyOn(space, 'trim');
  using pin = (regions[1] as Region).pin();
  expect(thrown(() => system.trim()).code).toBe('ERR_MEMORY_IN_USE');
  expect([trim.mock.calls.length, page.stats().liveRegions]).toEqual([1, 2]);
  pin[Symbol.dispose]();
  system.dispose();
});

test('what the fast path charged goes back when an allocator throws', () => {
  const { system, budget } = threeHeaps();
  const { space } = system as unknown as { space: { heap: { tryAllocate(bytes: number): number } } };
  const spy = jest.spyOn(space.heap, 'tryAllocate').mockImplementation(() => {
    throw new RangeError('broken');
  });
  expect(() => system.allocate(64)).toThrow(RangeError);
  expect(() => system.tryAllocate(64)).toThrow(RangeError);
  expect([budget.usedBytes, system.stats().chargedBytes]).toEqual([0, 0]);
  spy.mockRestore();
  system.free(system.allocate(64), 64);
  system.dispose();
});
