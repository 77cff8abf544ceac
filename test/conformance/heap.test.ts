import { HeapAllocator, SharedHeapAllocator, SharedSystemAllocator } from '../../lib/allocators/heap';
import { Region } from '../../lib/platform';
import { allocatorConformance } from './allocator-suite';

const traits = { frees: 'any', wrongSize: 'class', noRoomCode: 'ERR_MEMORY_ARENA_EXHAUSTED' } as const;

allocatorConformance('HeapAllocator', () => ({ allocator: new HeapAllocator('1MiB') }), traits);
allocatorConformance('a larger HeapAllocator', () => ({ allocator: new HeapAllocator('16MiB') }), traits);
allocatorConformance('HeapAllocator.debug', () => ({ allocator: HeapAllocator.debug('1MiB') }), {
  ...traits,
  wrongSize: 'exact',
});
allocatorConformance(
  'HeapAllocator over a region',
  () => {
    const region = Region.map('1MiB');
    return { allocator: new HeapAllocator({ region }), cleanUp: () => region.free() };
  },
  { ...traits, afterDispose: 'kept' },
);
allocatorConformance('SharedHeapAllocator', () => ({ allocator: SharedHeapAllocator.create('4MiB') }), {
  ...traits,
  afterDispose: 'zeros',
});
allocatorConformance(
  'an attached SharedHeapAllocator',
  () => {
    const region = Region.map('4MiB', { carrier: 'shared' });
    const creator = SharedHeapAllocator.create({ region });
    return {
      allocator: SharedHeapAllocator.attach(creator.handle),
      cleanUp: () => {
        creator.dispose();
        region.free();
      },
    };
  },
  { ...traits, afterDispose: 'kept' },
);
allocatorConformance('SharedSystemAllocator', () => ({ allocator: SharedSystemAllocator.create('4MiB') }), {
  ...traits,
  wrongSize: 'none',
  afterDispose: 'zeros',
});
