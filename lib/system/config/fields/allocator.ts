import { bytes, bytesOr, choice, flag, integer, integerOr } from '../field';

const MADE_ONCE = 'the allocator was made with it, and its blocks are in use';

/** The default allocator and the adaptors around it. */
export const ALLOCATOR = {
  kind: choice(['heap', 'bump', 'stack', 'block', 'system'], 'heap', {
    help: 'Kind of the default allocator; block takes its sizes from [pool]',
    restart: MADE_ONCE,
  }),
  capacityBytes: bytes(64 * 2 ** 20, {
    min: 4096,
    help: 'Memory of the default allocator; of a system allocator the most in use at a time',
    restart: MADE_ONCE,
  }),
  maxAllocationBytes: bytesOr('none', 'none', {
    min: 1,
    help: 'Largest block that is granted while memory is not short; [monitor] says how large it may be when it is',
    restart: MADE_ONCE,
  }),
  allocFill: integerOr('none', 'none', {
    max: 255,
    unit: 'byte value',
    help: 'Byte that new blocks are filled with',
    restart: MADE_ONCE,
  }),
  freeFill: integerOr('none', 'none', {
    max: 255,
    unit: 'byte value',
    help: 'Byte that freed blocks are filled with',
    restart: MADE_ONCE,
  }),
  exactFrees: flag(false, {
    help: 'bump and heap remember each block, so that any wrong free throws; costs a list entry a block',
    restart: MADE_ONCE,
  }),
  guard: flag(false, {
    help: 'Put guard bytes around blocks and hold freed ones back, so that writes out of bounds are found',
    restart: MADE_ONCE,
  }),
  guardBytes: integer(16, {
    max: 65_536,
    unit: 'bytes',
    help: 'Guard bytes behind each block, with guard',
    restart: MADE_ONCE,
  }),
  quarantineBytes: bytes(2 ** 20, {
    help: 'Freed memory that is held back, with guard; the oldest leaves first',
    restart: MADE_ONCE,
  }),
} as const;
