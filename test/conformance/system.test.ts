import { SystemAllocator } from '../../lib/allocators/system';
import { allocatorConformance } from './allocator-suite';

const traits = { frees: 'any', wrongSize: 'exact', noRoomCode: 'ERR_MEMORY_ARENA_EXHAUSTED' } as const;

allocatorConformance('SystemAllocator', () => ({ allocator: new SystemAllocator() }), { ...traits, bounded: false });
allocatorConformance(
  'SystemAllocator with a limit',
  () => ({ allocator: new SystemAllocator({ maxBytes: '1MiB' }) }),
  traits,
);
allocatorConformance(
  'SystemAllocator.debug',
  () => ({ allocator: SystemAllocator.debug({ maxBytes: '1MiB' }) }),
  traits,
);
