import { bytes, bytesOr, choice, decimal, flag, integer } from '../field';

const MADE_ONCE = 'the arena was made with it and is in use by several threads';
const RING = 'the ring of buffers was made with it and is in use';
const GIB = 2 ** 30;
const ALIGNMENTS = Array.from({ length: 13 }, (_, power) => 2 ** power);

/** Arenas. A change counts for every Arena that is made afterwards. */
export const ARENA = {
  chunkBytes: bytes(65_536, { min: 1, max: GIB, help: 'First chunk of an arena, rounded up to 4 KiB' }),
  growthFactor: decimal(2, { min: 1, max: 16, unit: 'factor', help: 'Each further chunk is this many times larger' }),
  maxChunkBytes: bytes(16 * 2 ** 20, {
    min: 1,
    max: GIB,
    help: 'Where the growth of chunks ends; a larger request gets a chunk of its own',
  }),
  limitBytes: bytesOr('none', 'none', { min: 4096, help: 'Most bytes of all chunks of an arena' }),
  alignment: integer(8, {
    min: 1,
    max: 4096,
    choices: ALIGNMENTS,
    unit: 'bytes',
    help: 'Alignment of blocks where allocate() names none',
  }),
  zero: flag(false, { help: 'Blocks begin as zeros' }),
  onReset: choice(['reuse', 'detach'], 'reuse', {
    help: 'What reset() does with the views of the former generation: leave them, or empty them',
  }),
  segmentBytes: bytes(65_536, {
    min: 4096,
    max: 2 ** 26,
    multipleOf: 4096,
    help: 'What a thread takes at once from a ThreadSafeArena',
    restart: MADE_ONCE,
  }),
  bufferBytes: bytes(65_536, { min: 1, max: GIB, help: 'Size of a buffer of a StreamingArena', restart: RING }),
  buffers: integer(16, {
    min: 1,
    max: 65_536,
    unit: 'buffers',
    help: 'Buffers of a StreamingArena',
    restart: RING,
  }),
  onRelease: choice(['reuse', 'detach'], 'reuse', {
    help: 'What a StreamingArena does with the views of a released buffer: leave them, or empty them',
    restart: RING,
  }),
} as const;
