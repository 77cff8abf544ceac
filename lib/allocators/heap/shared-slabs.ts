import { SHARED_COUNT, SHARED_SLOTS } from './shared-classes';
import { BITMAP_WORDS, bitsOf, fullWord, heapWords, RECORD_WORDS } from './shared-layout';
import { kindOf, ownerOf, SPAN, SpanTable, spanTableWords, stateOf } from './span-table';

const CLASSES = SHARED_COUNT; // a constant of this file is folded, an imported one is looked up
const ORPHAN = stateOf(SPAN.slab, 0);

/**
 * The spans of a shared heap and the bitmaps of those that are slabs. A set bit is a free block. Only a slab's owner
 * clears bits, so what it sees free it gets; anybody sets them, and the word's former value tells who freed first.
 */
export class SharedSlabs {
  readonly table: SpanTable;
  readonly words: Int32Array;
  private readonly classes: number;
  private readonly records: number;

  constructor(words: Int32Array, at: number, spans: number) {
    this.words = words;
    this.table = new SpanTable(words, at, spans);
    this.classes = at + spanTableWords(spans);
    this.records = this.classes + spans;
  }

  static words(spans: number): number {
    return heapWords(spans);
  }

  /** The class of a slab; 0 for what was overwritten and is none. */
  classAt(span: number): number {
    const index = this.words[this.classes + span] ?? 0;
    return index >>> 0 < CLASSES ? index : 0;
  }

  /** Position of a slab's bitmap of free blocks; that of those which stay follows it. */
  bitmapAt(span: number): number {
    return this.records + span * RECORD_WORDS;
  }

  /** Cuts a claimed span into blocks of a class. */
  begin(span: number, index: number, owner: number): void {
    const slots = SHARED_SLOTS[index] as number;
    const bitmap = this.bitmapAt(span);
    this.words[this.classes + span] = index;
    this.words.fill(0, bitmap, bitmap + RECORD_WORDS);
    for (let word = 0; word << 5 < slots; word += 1) this.words[bitmap + word] = fullWord(slots, word);
    Atomics.store(this.words, this.table.states + span, stateOf(SPAN.slab, owner));
  }

  isFree(span: number, slot: number): boolean {
    return ((Atomics.load(this.words, this.bitmapAt(span) + (slot >> 5)) >>> (slot & 31)) & 1) === 1;
  }

  keep(span: number, slot: number): void {
    Atomics.or(this.words, this.bitmapAt(span) + BITMAP_WORDS + (slot >> 5), 1 << slot);
  }

  freeBlocks(span: number): number {
    const slots = SHARED_SLOTS[this.classAt(span)] as number;
    const bitmap = this.bitmapAt(span);
    let free = 0;
    for (let word = 0; word << 5 < slots; word += 1) free += bitsOf(Atomics.load(this.words, bitmap + word));
    return free;
  }

  /** True for a slab of nobody's. */
  isOrphan(span: number): boolean {
    return Atomics.load(this.words, this.table.states + span) === ORPHAN;
  }

  isEmpty(span: number): boolean {
    return this.freeBlocks(span) === SHARED_SLOTS[this.classAt(span)];
  }

  /** Gives an empty slab back, which `holder` owns: nobody else can take from it meanwhile. */
  retire(span: number, holder: number): void {
    if (this.table.swap(span, stateOf(SPAN.slab, holder), stateOf(SPAN.freeing, holder))) this.table.release(span);
  }

  /** Gives a slab of nobody's back if it is empty. Owned for the moment of looking, so that it stays what it is. */
  retireOrphan(span: number, owner: number): void {
    if (!this.table.swap(span, ORPHAN, stateOf(SPAN.slab, owner))) return;
    Atomics.sub(this.words, this.table.orphans, 1);
    if (this.isEmpty(span)) this.retire(span, owner);
    else this.abandon(span, owner);
  }

  /** Gives all empty slabs of nobody's back. */
  retireOrphans(owner: number): void {
    if (Atomics.load(this.words, this.table.orphans) <= 0) return;
    for (let span = 0; span < this.table.spans; span += 1) {
      if (this.words[this.table.states + span] === ORPHAN && this.isEmpty(span)) this.retireOrphan(span, owner);
    }
  }

  // The count comes first: it may say too many for whoever ends here, and never too few.
  private abandon(span: number, owner: number): void {
    Atomics.add(this.words, this.table.orphans, 1);
    if (!this.table.swap(span, stateOf(SPAN.slab, owner), ORPHAN)) return;
    // Its last block may have been freed by somebody who still saw an owner here, and left it to that one.
    if (this.isEmpty(span)) this.retireOrphan(span, owner);
  }

  /** A slab of nobody's with a free block, now the owner's; -1 where there is none. */
  adopt(index: number, owner: number): number {
    const { table } = this;
    if (Atomics.load(this.words, table.orphans) <= 0) return -1;
    for (let span = 0; span < table.spans; span += 1) {
      if (this.words[table.states + span] !== ORPHAN || this.classAt(span) !== index || this.freeBlocks(span) === 0) {
        continue;
      }
      if (!table.swap(span, ORPHAN, stateOf(SPAN.slab, owner))) continue;
      Atomics.sub(this.words, table.orphans, 1);
      // Between our look and our claim it can have become a slab of another class.
      if (this.classAt(span) === index) return span;
      this.abandon(span, owner);
    }
    return -1;
  }

  /**
   * Takes back all that an owner held, half-done claims and frees too. Repeatable: whoever does it may end in the middle.
   *
   * @param freed told the class of each slab and how many blocks of it came back; class -1 for runs, with their spans
   */
  reclaim(owner: number, freed: (index: number, blocks: number, spans: number) => void): void {
    const { table } = this;
    for (let span = 0; span < table.spans; span += 1) {
      const state = table.stateAt(span);
      const kind = kindOf(state);
      if (kind === SPAN.free || kind === SPAN.body || ownerOf(state) !== owner) continue;
      if (kind === SPAN.slab) this.reclaimSlab(span, owner, freed);
      else if (kind !== SPAN.head) table.release(span);
      else if (table.swap(span, state, stateOf(SPAN.freeing, owner))) {
        freed(-1, 1, table.lengthAt(span));
        table.release(span);
      }
    }
  }

  private reclaimSlab(
    span: number,
    owner: number,
    freed: (index: number, blocks: number, spans: number) => void,
  ): void {
    const { words } = this;
    const index = this.classAt(span);
    const slots = SHARED_SLOTS[index] as number;
    const bitmap = this.bitmapAt(span);
    let blocks = 0;
    for (let word = 0; word << 5 < slots; word += 1) {
      const back = fullWord(slots, word) & ~Atomics.load(words, bitmap + BITMAP_WORDS + word);
      blocks += bitsOf(back & ~Atomics.or(words, bitmap + word, back));
    }
    freed(index, blocks, 0);
    if (this.isEmpty(span)) this.retire(span, owner);
    else this.abandon(span, owner);
  }
}
