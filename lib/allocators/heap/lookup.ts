import { CLASS_BYTES, GRANULE_BYTES, HEAP_PAGE_BYTES } from './size-classes';
import { BITMAP, CLASS, FIRST_PAGE, SLOTS, type Slabs } from './slabs';

// What lies at an offset: the slow halves of frees and views, and the questions that are asked seldom.

/** What a free of an offset meets. A live block's size was above `below` and at most `upTo` bytes. */
export type Verdict =
  | { readonly state: 'foreign'; readonly why: string }
  | { readonly state: 'free' }
  | { readonly state: 'live'; readonly below: number; readonly upTo: number };

function isFree(slabs: Slabs, record: number, slot: number): boolean {
  return ((slabs.records[record + BITMAP + (slot >> 5)] as number) & (1 << slot)) !== 0;
}

/** The slot of a slab that an offset falls into. */
export function slotOf(slabs: Slabs, record: number, offset: number): number {
  const { records } = slabs;
  const size = CLASS_BYTES[records[record + CLASS] as number] as number;
  return Math.floor((offset - (records[record + FIRST_PAGE] as number) * HEAP_PAGE_BYTES) / size);
}

/** End of the block that is handed out and holds the offset, or -1: also for what is no offset at all. */
export function blockEnd(slabs: Slabs, offset: number): number {
  const { map, runs, records } = slabs;
  if (!Number.isInteger(offset)) return -1;
  const page = Math.floor(offset / HEAP_PAGE_BYTES);
  if (page < 0 || page >= runs.pages) return -1;
  const record = map[page] as number;
  if (record > 0) {
    const slot = slotOf(slabs, record, offset);
    if (slot >= (records[record + SLOTS] as number) || isFree(slabs, record, slot)) return -1;
    const size = CLASS_BYTES[records[record + CLASS] as number] as number;
    return (records[record + FIRST_PAGE] as number) * HEAP_PAGE_BYTES + (slot + 1) * size;
  }
  const start = record < 0 ? page : runs.startOf(page);
  const pages = -(map[start] as number);
  return pages > 0 ? (start + pages) * HEAP_PAGE_BYTES : -1;
}

/** What a free of a checked offset meets. */
export function judge(slabs: Slabs, offset: number): Verdict {
  const { map, runs } = slabs;
  const page = Math.floor(offset / HEAP_PAGE_BYTES);
  if (page >= runs.pages) return { state: 'foreign', why: 'lies outside the heap' };
  const record = map[page] as number;
  if (record > 0) return judgeSlot(slabs, record, offset);
  if (record === 0) {
    const start = runs.startOf(page);
    if ((map[start] as number) < 0) return inside(start);
    if (page >= runs.everUsed || offset % GRANULE_BYTES !== 0) return { state: 'foreign', why: 'was never handed out' };
    return { state: 'free' };
  }
  if (offset % HEAP_PAGE_BYTES !== 0) return inside(page);
  return { state: 'live', below: (-record - 1) * HEAP_PAGE_BYTES, upTo: -record * HEAP_PAGE_BYTES };
}

function inside(page: number): Verdict {
  return { state: 'foreign', why: `lies inside the block at ${page * HEAP_PAGE_BYTES}` };
}

function judgeSlot(slabs: Slabs, record: number, offset: number): Verdict {
  const { records } = slabs;
  const slot = slotOf(slabs, record, offset);
  const index = records[record + CLASS] as number;
  const size = CLASS_BYTES[index] as number;
  const begins = (records[record + FIRST_PAGE] as number) * HEAP_PAGE_BYTES + slot * size === offset;
  if (!begins || slot >= (records[record + SLOTS] as number)) {
    return { state: 'foreign', why: `begins no block: those around it have ${size} bytes` };
  }
  if (isFree(slabs, record, slot)) return { state: 'free' };
  const below = index === 0 || slabs.isOdd(record, slot) ? 0 : (CLASS_BYTES[index - 1] as number);
  return { state: 'live', below, upTo: size };
}
