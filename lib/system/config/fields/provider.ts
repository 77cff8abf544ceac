import { bytes, choice, durationOr, flag } from '../field';

const MADE_ONCE = 'the provider was made with it, and its regions are in use';

/** Where pages come from. Read by PageProvider, HugePageProvider and CachedProvider. */
export const PROVIDER = {
  pages: choice(['default', 'base', 'thp', '2MiB', '1GiB'], 'default', {
    help: "Size of the pages below allocators and arenas; default is the system's own choice",
    restart: MADE_ONCE,
  }),
  carrier: choice(['local', 'shared'], 'local', {
    help: 'local buffers can be emptied when freed; shared ones cost the garbage collector nothing',
    restart: MADE_ONCE,
  }),
  populate: flag(false, { help: 'Make all pages present when a region is mapped', restart: MADE_ONCE }),
  lock: flag(false, { help: 'Keep the pages in memory, never in swap', restart: MADE_ONCE }),
  strict: flag(false, {
    help: 'Refuse a region that cannot have what is asked for here, instead of taking what there is',
    restart: MADE_ONCE,
  }),
  maxCachedBytes: bytes(256 * 2 ** 20, {
    help: 'Most bytes of freed regions that are kept for reuse; 0 keeps none',
    restart: MADE_ONCE,
  }),
  decayMs: durationOr('never', 10_000, {
    max: 2 ** 31 - 1, // a timer of Node.js takes no more
    help: 'Time in which kept regions that nobody asks for go back to the system',
    restart: MADE_ONCE,
  }),
  reuse: choice(['safe', 'fast'], 'safe', {
    help: 'safe empties the views of the former holder; fast leaves them, for owners that let none out',
    restart: MADE_ONCE,
  }),
  zero: flag(true, { help: 'Reused regions begin as zeros', restart: MADE_ONCE }),
} as const;
