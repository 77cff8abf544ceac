import { bytes, integer } from '../field';

/** What a pool can count. */
export const MOST_BLOCKS = 2 ** 31 - 4;

const MADE_ONCE = 'the pool was made with it, and its blocks are in use';

/** Pools of equal blocks. Read by BlockAllocator. */
export const POOL = {
  blockBytes: bytes(4096, { min: 1, max: 2 ** 30, help: 'Size of every block of a pool', restart: MADE_ONCE }),
  blocks: integer(256, { min: 1, max: MOST_BLOCKS, unit: 'blocks', help: 'Blocks to begin with', restart: MADE_ONCE }),
  growBlocks: integer(256, {
    min: 1,
    max: MOST_BLOCKS,
    unit: 'blocks',
    help: 'Blocks that one step of growth adds',
    restart: MADE_ONCE,
  }),
  maxBytes: bytes(64 * 2 ** 20, { min: 1, help: 'Where the growth of a pool ends', restart: MADE_ONCE }),
} as const;
