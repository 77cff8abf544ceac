import { BlockAllocator } from '../../lib/allocators/block';
import { Region } from '../../lib/platform';
import { allocatorConformance } from './allocator-suite';

const traits = { frees: 'any', wrongSize: 'exact', noRoomCode: 'ERR_MEMORY_POOL_EXHAUSTED' } as const;
const pages = { ...traits, maxBlockBytes: 4096, maxAlignment: 4096 };
const provider = {
  name: 'test',
  pageBytes: 4096,
  acquire: (byteLength: number) => Region.map(byteLength),
  release: (region: Region) => region.free(),
  trim: () => 0,
};

allocatorConformance(
  'BlockAllocator',
  () => ({ allocator: new BlockAllocator({ blockBytes: 4096, blocks: 256 }) }),
  pages,
);
allocatorConformance(
  'BlockAllocator of odd blocks',
  () => ({ allocator: new BlockAllocator({ blockBytes: 1000, blocks: 256 }) }),
  { ...traits, maxBlockBytes: 1000, maxAlignment: 8 },
);
allocatorConformance(
  'BlockAllocator that grows',
  () => ({
    allocator: new BlockAllocator({ blockBytes: '4KiB', blocks: 3, growBlocks: 7, maxBlocks: 256, provider }),
  }),
  pages,
);
allocatorConformance(
  'BlockAllocator.debug',
  () => ({ allocator: BlockAllocator.debug({ blockBytes: 4096, blocks: 100, maxBlocks: 256, growBlocks: 50 }) }),
  pages,
);
allocatorConformance(
  'BlockAllocator over a region',
  () => {
    const region = Region.map('1MiB');
    return { allocator: new BlockAllocator({ blockBytes: 4096, region }), cleanUp: () => region.free() };
  },
  { ...pages, afterDispose: 'kept' },
);
