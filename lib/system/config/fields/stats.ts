import { choice, flag, integer } from '../field';

const MADE_ONCE = 'the tracker was made with it';

/** What is counted and recorded. Read by every allocator and arena, and by TrackedAllocator. */
export const STATS = {
  counters: flag(true, {
    help: 'Count allocations and frees; sizes are known in any case',
    restart: 'allocators choose at construction whether they count',
  }),
  level: choice(['off', 'simple', 'advanced', 'paranoid'], 'off', {
    help: 'How much is recorded of who holds what: nothing, samples, samples with stacks, everything',
    restart: MADE_ONCE,
  }),
  sampleInterval: integer(1024, {
    min: 1,
    max: 2 ** 30,
    unit: 'allocations',
    help: 'One allocation in so many is recorded, at simple and advanced',
    restart: MADE_ONCE,
  }),
  stackDepth: integer(10, {
    min: 1,
    max: 64,
    unit: 'frames',
    help: 'Frames that are kept, at advanced and paranoid',
    restart: MADE_ONCE,
  }),
  maxSites: integer(10_000, {
    min: 1,
    max: 1_000_000,
    unit: 'stacks',
    help: 'Different stacks that are told apart',
    restart: MADE_ONCE,
  }),
} as const;
