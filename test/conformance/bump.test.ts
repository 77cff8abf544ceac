import { BumpAllocator } from '../../lib/allocators/bump';
import { Region } from '../../lib/platform';
import { allocatorConformance } from './allocator-suite';

const loose = {
  frees: 'reset',
  wrongSize: 'none',
  detectsInnerFree: false,
  noRoomCode: 'ERR_MEMORY_ARENA_EXHAUSTED',
} as const;

allocatorConformance('BumpAllocator', () => ({ allocator: new BumpAllocator('1MiB') }), loose);
allocatorConformance(
  'BumpAllocator.production',
  () => ({ allocator: BumpAllocator.production('1MiB', { stats: true }) }),
  loose,
);
allocatorConformance(
  'BumpAllocator.performance',
  () => ({ allocator: BumpAllocator.performance('1MiB', { stats: true }) }),
  loose,
);
allocatorConformance('BumpAllocator.debug', () => ({ allocator: BumpAllocator.debug('1MiB') }), {
  ...loose,
  wrongSize: 'exact',
  detectsInnerFree: true,
});
allocatorConformance(
  'BumpAllocator over a shared region',
  () => {
    const region = Region.shared('1MiB');
    return { allocator: new BumpAllocator({ region }), cleanUp: () => region.free() };
  },
  { ...loose, afterDispose: 'kept' },
);
