import { BlockAllocator, Region, type RegionProvider } from '../../../lib';

test('a provider that calls dispose() back while it takes memory gets every region once', () => {
  const released: Region[] = [];
  let refuse = true;
  let pool: BlockAllocator | undefined;
  const provider: RegionProvider<Region> = {
    name: 'caller',
    pageBytes: 4096,
    acquire: (byteLength) => Region.map(byteLength),
    release(region) {
      if (released.length === 1 && refuse) throw new Error('not now');
      if (released.includes(region)) throw new Error('twice');
      released.push(region);
      if (pool?.disposed) pool.dispose();
      region.free();
    },
    trim: () => 0,
  };
  pool = new BlockAllocator({ blockBytes: 4096, blocks: 1, maxBlocks: 4, provider });
  for (let block = 0; block < 4; block += 1) pool.allocate(4096);
  expect(() => pool?.dispose()).toThrow('not now');
  expect([pool.disposed, pool.stats().reservedBytes]).toEqual([true, 3 * 4096]);
  refuse = false;
  pool.dispose();
  expect([released.length, new Set(released).size, pool.stats().reservedBytes]).toEqual([4, 4, 0]);
});
