// Runs of equal spans of shared memory, claimed and freed by many threads and processes at once. A span's state is one
// word, and every step is a compare-and-exchange of it, so whoever ends in any instruction leaves behind words that name
// it; `undo` frees those. Free is the truth and no list is kept: there is nothing that could be torn, and no ABA.
//
//   FREE                nothing
//   CLAIMING | owner    being put together, or being cut up before it was ever used
//   SLAB | owner        one span, cut into blocks; owner 0: left behind by somebody, with blocks that others hold
//   HEAD | owner        first span of a run in use; owner 0: it stays when whoever claimed it ends
//   BODY | head         another span of the run that begins there
//   FREEING | owner     first span of a run of which the bodies are freed, the last one first

export const SPAN = Object.freeze({ free: 0, claiming: 1, slab: 2, head: 3, body: 4, freeing: 5 });
const KIND_BITS = 3;
const KIND_MASK = 7;

/** Words of a table of so many spans: states, lengths, two counters. */
export function spanTableWords(spans: number): number {
  return spans * 2 + 2;
}

export function kindOf(state: number): number {
  return state & KIND_MASK;
}

export function ownerOf(state: number): number {
  return state >>> KIND_BITS;
}

export function stateOf(kind: number, owner: number): number {
  return (owner << KIND_BITS) | kind;
}

export class SpanTable {
  readonly spans: number;
  readonly words: Int32Array;
  /** Position of the states. */
  readonly states: number;
  /** Position of the lengths of runs, valid at their first span; elsewhere 0: never used, 1: used, -1: decommitted. */
  readonly lengths: number;
  /** Position of the count of slabs with owner 0. */
  readonly orphans: number;
  private readonly changes: number;
  /** Where this attachment looks first. */
  private hint = 0;

  constructor(words: Int32Array, at: number, spans: number) {
    this.words = words;
    this.spans = spans;
    this.states = at;
    this.lengths = at + spans;
    this.orphans = at + 2 * spans;
    this.changes = this.orphans + 1;
  }

  stateAt(span: number): number {
    return Atomics.load(this.words, this.states + span);
  }

  swap(span: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.words, this.states + span, from, to) === from;
  }

  /**
   * First of `count` free spans, now CLAIMING by the owner; -1 where there are none. Of several claims that meet, the one
   * that began highest goes on, so somebody always succeeds; a refusal is one of a moment in which no run was free.
   */
  claim(count: number, owner: number): number {
    for (;;) {
      const before = Atomics.load(this.words, this.changes);
      const found = this.scan(this.hint, this.spans, count, owner);
      const first = found >= 0 ? found : this.scan(0, Math.min(this.spans, this.hint + count - 1), count, owner);
      if (first >= 0) {
        this.hint = first + count;
        this.words[this.lengths + first] = count;
        return first;
      }
      if (Atomics.load(this.words, this.changes) === before) return -1;
    }
  }

  /** Frees spans that were claimed and not committed. */
  unclaim(first: number, count: number): void {
    for (let span = first + count - 1; span >= first; span -= 1)
      Atomics.store(this.words, this.states + span, SPAN.free);
    if (count > 0) Atomics.add(this.words, this.changes, 1);
  }

  /** Makes a claimed run one block: from here on it is in use. */
  commit(first: number, count: number, owner: number): void {
    const { words, states } = this;
    for (let span = first + 1; span < first + count; span += 1) {
      words[this.lengths + span] = 1;
      Atomics.store(words, states + span, stateOf(SPAN.body, first));
    }
    Atomics.store(words, states + first, stateOf(SPAN.head, owner));
  }

  /** Spans of the run that begins there; never more than there are, whatever was written over it. */
  lengthAt(first: number): number {
    return Math.min(Math.abs(this.words[this.lengths + first] ?? 0), this.spans - first);
  }

  /** False for a free span whose pages were never used since they were given back. */
  mayBePresent(span: number): boolean {
    return (this.words[this.lengths + span] ?? 0) > 0;
  }

  /** For who has claimed the span. */
  noteClean(span: number): void {
    this.words[this.lengths + span] = -1;
  }

  /** Frees a run whose first span is FREEING or CLAIMING by whoever calls. Can be done again by another one. */
  release(first: number): void {
    const { words, states } = this;
    const body = stateOf(SPAN.body, first);
    const end = first + this.lengthAt(first);
    for (let span = end - 1; span > first; span -= 1) Atomics.compareExchange(words, states + span, body, SPAN.free);
    Atomics.store(words, states + first, SPAN.free);
    Atomics.add(words, this.changes, 1);
    if (first < this.hint) this.hint = first;
  }

  /** The first span of the run in use that a span belongs to; -1 where it belongs to none. */
  headOf(span: number): number {
    const state = this.stateAt(span);
    if (kindOf(state) === SPAN.head) return span;
    if (kindOf(state) !== SPAN.body) return -1;
    const head = ownerOf(state);
    return head < this.spans && kindOf(this.stateAt(head)) === SPAN.head ? head : -1;
  }

  /** Everything is free. Collective. */
  clear(): void {
    this.words.fill(0, this.states, this.states + this.spans);
    Atomics.store(this.words, this.orphans, 0);
    Atomics.add(this.words, this.changes, 1);
    this.hint = 0;
  }

  private scan(from: number, end: number, count: number, owner: number): number {
    const { words, states } = this;
    for (let at = from; at + count <= end; ) {
      let last = at + count - 1;
      while (last >= at && words[states + last] === SPAN.free) last -= 1;
      if (last >= at) {
        at = last + 1;
        continue;
      }
      const taken = this.take(at, count, owner);
      if (taken === count) return at;
      at += taken + 1;
    }
    return -1;
  }

  // How many spans from `first` on were taken; all or, after rolling back, fewer than asked for.
  private take(first: number, count: number, owner: number): number {
    const { words, states } = this;
    const claiming = stateOf(SPAN.claiming, owner);
    for (let taken = 0; taken < count; taken += 1) {
      if (Atomics.compareExchange(words, states + first + taken, SPAN.free, claiming) === SPAN.free) continue;
      this.unclaim(first, taken);
      return taken;
    }
    return count;
  }
}
