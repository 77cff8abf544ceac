import { StackAllocator } from '../../lib/allocators/stack';
import { Region } from '../../lib/platform';
import { allocatorConformance } from './allocator-suite';

const traits = { frees: 'lifo', wrongSize: 'exact', noRoomCode: 'ERR_MEMORY_ARENA_EXHAUSTED' } as const;

allocatorConformance('StackAllocator', () => ({ allocator: new StackAllocator('1MiB') }), traits);
allocatorConformance('StackAllocator.debug', () => ({ allocator: StackAllocator.debug('1MiB') }), traits);
allocatorConformance(
  'StackAllocator over a region',
  () => {
    const region = Region.map('1MiB', { carrier: 'shared' });
    return { allocator: new StackAllocator({ region }), cleanUp: () => region.free() };
  },
  { ...traits, afterDispose: 'kept' },
);
