import { memoryError } from '../../core';
import { CLASS_BYTES, CLASS_COUNT, HEAP_PAGE_BYTES } from './size-classes';
import { BITMAP, CLASS, FIRST_PAGE, LIVE, NEXT, PAGES, PREVIOUS, SLOTS, type Slabs, SUMMARY } from './slabs';

function bitsOf(word: number): number {
  let count = 0;
  for (let bits = word; bits !== 0; bits &= bits - 1) count += 1;
  return count;
}

function insist(holds: boolean, what: string): void {
  if (!holds) throw memoryError('ERR_MEMORY_CORRUPTION', `the heap's bookkeeping is wrong: ${what}`);
}

function checkSlab(slabs: Slabs, page: number, listed: ReadonlySet<number>): { blocks: number; bytes: number } {
  const { records, map } = slabs;
  const record = map[page] as number;
  const at = (field: number): number => records[record + field] as number;
  insist(at(FIRST_PAGE) === page, `the slab of page ${page} begins at page ${at(FIRST_PAGE)}`);
  for (let i = 0; i < at(PAGES); i += 1) {
    insist(map[page + i] === record, `page ${page + i} is not mapped to its slab`);
    insist(i === 0 || slabs.runs.startOf(page + i) === page, `a run begins inside the slab of page ${page}`);
  }
  let free = 0;
  for (let word = 0; word < 32; word += 1) {
    const bits = word << 5 < at(SLOTS) ? at(BITMAP + word) : 0;
    free += bitsOf(bits);
    insist((bits !== 0) === ((at(SUMMARY) & (1 << word)) !== 0), `summary of the slab at page ${page}`);
  }
  insist(at(LIVE) === at(SLOTS) - free, `slab at page ${page} counts ${at(LIVE)} live of ${at(SLOTS)}, ${free} free`);
  insist(listed.has(record) === free > 0, `slab at page ${page} is ${listed.has(record) ? '' : 'not '}listed`);
  return { blocks: at(LIVE), bytes: at(LIVE) * (CLASS_BYTES[at(CLASS)] as number) };
}

function listedSlabs(slabs: Slabs): Set<number> {
  const listed = new Set<number>();
  for (let index = 0; index < CLASS_COUNT; index += 1) {
    let previous = 0;
    for (let record = slabs.heads[index] as number; record !== 0; ) {
      insist(!listed.has(record), `record ${record} is listed twice`);
      insist(slabs.records[record + PREVIOUS] === previous, `the list of class ${index} is torn`);
      insist(slabs.records[record + CLASS] === index, `record ${record} is in the list of another class`);
      listed.add(record);
      previous = record;
      record = slabs.records[record + NEXT] as number;
    }
  }
  return listed;
}

/**
 * Reads all of a heap's books and compares them with each other. O(pages).
 *
 * @throws ERR_MEMORY_CORRUPTION
 */
export function validateHeap(slabs: Slabs, usedBytes: number, liveBlocks: number): void {
  const { runs, map } = slabs;
  const listed = listedSlabs(slabs);
  const freeRuns = new Set(runs.freeRuns());
  let used = 0;
  let blocks = 0;
  let free = 0;
  let freeBefore = false;
  for (let page = 0; page < runs.pages; ) {
    insist(runs.startOf(page) === page, `no run begins at page ${page}`);
    const what = map[page] as number;
    const length = runs.lengths[page] as number;
    if (length > 0) {
      insist(what === 0 && !freeBefore, `the free run at page ${page} was not joined with the one before`);
      insist(freeRuns.delete(page), `the free run at page ${page} is in no bin`);
      insist(runs.lengths[page + length - 1] === length, `the free run at page ${page} has another length at its end`);
      insist(length === 1 || runs.startOf(page + length - 1) === page, `a run begins inside the one at page ${page}`);
      free += length;
      page += length;
      freeBefore = true;
      continue;
    }
    freeBefore = false;
    insist(what !== 0, `page ${page} belongs to nothing`);
    if (what < 0) {
      insist(what === -1 || runs.startOf(page - what - 1) === page, `a run begins inside the block at page ${page}`);
      used -= what * HEAP_PAGE_BYTES;
      blocks += 1;
      page -= what;
      continue;
    }
    const slab = checkSlab(slabs, page, listed);
    used += slab.bytes;
    blocks += slab.blocks;
    listed.delete(what);
    page += slabs.records[what + PAGES] as number;
  }
  insist(listed.size === 0, 'a list holds slabs that are not mapped');
  insist(freeRuns.size === 0, 'a bin holds runs that are not there');
  insist(free === runs.free, `${free} pages are free, ${runs.free} are counted`);
  insist(used === usedBytes, `${used} bytes are used, ${usedBytes} are counted`);
  insist(blocks === liveBlocks, `${blocks} blocks are live, ${liveBlocks} are counted`);
}
