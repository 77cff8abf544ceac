import { Arena, CrossThreadArena, LocalArena, ThreadSafeArena } from '../../lib/arenas';
import { type AllocatorTraits, allocatorConformance } from './allocator-suite';

const TRAITS: AllocatorTraits = {
  frees: 'any',
  wrongSize: 'exact',
  noRoomCode: 'ERR_MEMORY_ARENA_EXHAUSTED',
};
const LIMITS = { limitBytes: '2MiB', maxChunkBytes: '64KiB' } as const;

allocatorConformance('Arena', () => ({ allocator: new Arena('8KiB', LIMITS) }), TRAITS);
allocatorConformance(
  "Arena with onReset 'detach'",
  () => ({ allocator: new Arena('8KiB', { ...LIMITS, onReset: 'detach' }) }),
  TRAITS,
);
allocatorConformance('Arena of zeros', () => ({ allocator: new Arena('8KiB', { ...LIMITS, zero: true }) }), TRAITS);
allocatorConformance(
  'Arena on shared memory',
  () => ({ allocator: new Arena('8KiB', { ...LIMITS, carrier: 'shared' }) }),
  { ...TRAITS, afterDispose: 'zeros' },
);
allocatorConformance('Arena without a limit', () => ({ allocator: new Arena('8KiB', { maxChunkBytes: '64KiB' }) }), {
  ...TRAITS,
  bounded: false,
});

allocatorConformance('LocalArena', () => ({ allocator: new LocalArena('8KiB', LIMITS) }), TRAITS);
allocatorConformance('CrossThreadArena', () => ({ allocator: new CrossThreadArena('8KiB', LIMITS) }), {
  ...TRAITS,
  afterDispose: 'zeros',
});
allocatorConformance(
  'ThreadSafeArena',
  () => ({ allocator: ThreadSafeArena.create('2MiB', { segmentBytes: '16KiB' }) }),
  { ...TRAITS, frees: 'reset', afterDispose: 'zeros' },
);
allocatorConformance(
  'ThreadSafeArena, attached',
  () => {
    const made = ThreadSafeArena.create('2MiB', { segmentBytes: '16KiB' });
    return { allocator: ThreadSafeArena.attach(made.handle), cleanUp: () => made.dispose() };
  },
  { ...TRAITS, frees: 'reset', afterDispose: 'kept' },
);
