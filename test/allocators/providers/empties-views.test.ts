import { BumpAllocator, CachedProvider, NumaProvider, PageProvider } from '../../../lib/allocators';
import type { RegionProvider } from '../../../lib/core';
import { Region } from '../../../lib/platform';
import { isEmptied } from '../../support/emptied';

// Views are emptied once: by the provider where it does that itself, by who gives the region back where not.

/** As users write them: it keeps what comes back and hands it out as it is. */
class Careless implements RegionProvider<Region> {
  readonly name = 'careless';
  readonly pageBytes = 4096;
  readonly kept: Region[] = [];
  acquire(byteLength: number): Region {
    return this.kept.pop() ?? Region.map(byteLength);
  }
  release(region: Region): void {
    this.kept.push(region);
  }
  trim(): number {
    return 0;
  }
}

class Renewing extends Careless {
  renew(region: Region): Region {
    return region.renew({ views: 'keep' });
  }
}

const pages = (): PageProvider => new PageProvider();

test.each<[string, () => RegionProvider<Region>, boolean, number]>([
  ['a PageProvider', pages, true, 0],
  ['a safe cache of one', () => new CachedProvider(pages()), true, 0],
  ['a safe cache of a safe cache', () => new CachedProvider(new CachedProvider(pages())), true, 0],
  ['a fast cache', () => CachedProvider.performance(pages()), false, 1],
  ['a safe cache of a fast one', () => new CachedProvider(CachedProvider.performance(pages())), false, 1],
  ['nodes of PageProviders', () => new NumaProvider(), true, 0],
  ['nodes of a cache that is fast', () => new NumaProvider({ provider: () => CachedProvider.performance() }), false, 1],
  ["a user's own", () => new Careless(), false, 1],
  ["a safe cache of a user's own", () => new CachedProvider(new Renewing()), false, 1],
])('%s', (_, make, empties, remaps) => {
  const provider = make();
  expect((provider as { emptiesViews?: boolean }).emptiesViews === true).toBe(empties);
  const allocator = new BumpAllocator({ provider, byteLength: 64 * 1024 });
  const view = allocator.view(allocator.allocate(100), 100).fill(7);
  const remap = jest.spyOn(Region.prototype, 'remap');
  allocator.dispose();
  expect(remap).toHaveBeenCalledTimes(remaps);
  remap.mockRestore();
  expect(isEmptied(view)).toBe(true);
  const next = new BumpAllocator({ provider, byteLength: 64 * 1024 });
  next.view(next.allocate(100), 100).fill(9);
  expect(isEmptied(view)).toBe(true);
  next.dispose();
});
