import { PageProvider } from '../../lib/allocators';
import { Arena } from '../../lib/arenas';
import { memoryError } from '../../lib/core';

it('writes where the pages are now when a reset that moves chunks fails half-way', () => {
  const regions: ReturnType<PageProvider['acquire']>[] = [];
  const pages = new PageProvider({ carrier: 'shared' });
  const provider = {
    name: 'watched',
    pageBytes: pages.pageBytes,
    acquire: (bytes: number) => {
      const region = pages.acquire(bytes);
      regions.push(region);
      return region;
    },
    release: (region: (typeof regions)[number]) => pages.release(region),
    trim: () => 0,
  };
  using arena = new Arena({ provider, chunkBytes: 4096, onReset: 'detach' });
  const first = arena.allocate(4000);
  arena.view(first, 4000).fill(1);
  const mark = arena.mark();
  const second = arena.allocate(4000);
  arena.view(second, 4000).fill(2);
  arena.rewind(mark);
  expect(regions).toHaveLength(2);
  Object.defineProperty(regions[1], 'remap', {
    value: () => {
      throw memoryError('ERR_MEMORY_OUT_OF_MEMORY', 'no room to move');
    },
  });
  expect(() => arena.reset()).toThrow('no room to move');
  arena.view(first, 4000).fill(9);
  expect(regions[0]?.bytes[0]).toBe(9);
});
