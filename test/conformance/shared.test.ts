import { SharedBlockAllocator, SharedBumpAllocator, SharedStackAllocator } from '../../lib/allocators/shared';
import { Region } from '../../lib/platform';
import { allocatorConformance } from './allocator-suite';

allocatorConformance('SharedBumpAllocator', () => ({ allocator: SharedBumpAllocator.create('1MiB') }), {
  frees: 'reset',
  wrongSize: 'none',
  noRoomCode: 'ERR_MEMORY_ARENA_EXHAUSTED',
  afterDispose: 'zeros',
});

allocatorConformance('SharedStackAllocator', () => ({ allocator: SharedStackAllocator.create('1MiB') }), {
  frees: 'lifo',
  wrongSize: 'exact',
  noRoomCode: 'ERR_MEMORY_ARENA_EXHAUSTED',
  afterDispose: 'zeros',
});

allocatorConformance(
  'SharedBlockAllocator',
  () => ({ allocator: SharedBlockAllocator.create({ blockBytes: 4096, blocks: 256 }) }),
  {
    frees: 'any',
    wrongSize: 'exact',
    maxBlockBytes: 4096,
    noRoomCode: 'ERR_MEMORY_POOL_EXHAUSTED',
    afterDispose: 'zeros',
  },
);

// The second attachment does the work, over memory of somebody else's: its views stay after dispose().
allocatorConformance(
  'an attached SharedBlockAllocator',
  () => {
    const region = Region.map('1MiB', { carrier: 'shared' });
    const creator = SharedBlockAllocator.create({ region }, { blockBytes: 2048 });
    return {
      allocator: SharedBlockAllocator.attach(creator.handle),
      cleanUp: () => {
        creator.dispose();
        region.free();
      },
    };
  },
  {
    frees: 'any',
    wrongSize: 'exact',
    maxBlockBytes: 2048,
    maxAlignment: 2048,
    noRoomCode: 'ERR_MEMORY_POOL_EXHAUSTED',
    afterDispose: 'kept',
  },
);
