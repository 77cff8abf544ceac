import { checkInteger, describe, memoryError } from '../../core';
import { type EnvironmentIdentity, environments, type RegionHandle } from '../../platform';

// The bookkeeping region of a ThreadSafeArena, as 32-bit words: a head, a row for each attachment, a word for each segment
// (how many blocks its log holds), then the logs: two words a block.

export const LAYOUT_VERSION = 1;
const MAGIC = 0x6e6d7361;

export const HEAD = Object.freeze({
  magic: 0,
  version: 1,
  segmentBytes: 2,
  segments: 3,
  entries: 4,
  alignment: 5,
  /** Counts resets; every thread compares it with what it saw. */
  generation: 6,
  /** The next free segment in the low bits, the low bits of its generation above. */
  cursor: 7,
  closed: 8,
  resets: 9,
  rows: 10,
});
const HEAD_WORDS = 32;

/** Bits of the cursor that count segments. */
const SEGMENT_BITS = 20;
export const MAX_SEGMENTS = 2 ** SEGMENT_BITS - 1;

// A row is a cache line and a half of its own, so that threads do not share lines: 32 words.
export const ROW = Object.freeze({
  /** 0 free, 1 being taken, 2 taken by whom the identity says. */
  state: 0,
  generation: 1,
  // 64-bit floats, two words each: counters that outlive the attachment …
  allocations: 2,
  deallocations: 4,
  failures: 6,
  // … and what it holds in the row's generation,
  usedBytes: 8,
  live: 10,
  // and who it is.
  pid: 12,
  startTicks: 14,
  namespace: 16,
  serial: 18,
});
const ROW_WORDS = 32;
export const ROWS = 64;

export interface SharedShape {
  readonly segmentBytes: number;
  readonly segments: number;
  /** Blocks that the log of a segment can hold. */
  readonly entries: number;
  readonly alignment: number;
}

/** Plain data for postMessage: what another thread or process needs to attach. */
export interface ThreadSafeArenaHandle {
  readonly type: 'nebula-memory.thread-safe-arena';
  readonly version: number;
  readonly name: string;
  readonly data: RegionHandle;
  readonly books: RegionHandle;
}

export function booksBytes({ segments, entries }: SharedShape): number {
  return 4 * (HEAD_WORDS + ROWS * ROW_WORDS + segments + 2 * segments * entries);
}

/** Words of the bookkeeping region by their meaning. All indexes count 32-bit words. */
export class Books {
  readonly words: Int32Array;
  /** The same memory as 64-bit floats. */
  readonly numbers: Float64Array;
  readonly shape: SharedShape;
  readonly counts: number;
  readonly logs: number;

  private constructor(words: Int32Array, shape: SharedShape) {
    this.words = words;
    this.numbers = new Float64Array(words.buffer, words.byteOffset, words.length >> 1);
    this.shape = shape;
    this.counts = HEAD_WORDS + ROWS * ROW_WORDS;
    this.logs = this.counts + shape.segments;
  }

  static create(bytes: Uint8Array, shape: SharedShape): Books {
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
    words[HEAD.version] = LAYOUT_VERSION;
    words[HEAD.segmentBytes] = shape.segmentBytes;
    words[HEAD.segments] = shape.segments;
    words[HEAD.entries] = shape.entries;
    words[HEAD.alignment] = shape.alignment;
    words[HEAD.rows] = ROWS;
    Atomics.store(words, HEAD.magic, MAGIC);
    return new Books(words, shape);
  }

  /** @throws ERR_MEMORY_CORRUPTION for a region that holds no such books */
  static open(where: string, bytes: Uint8Array, dataBytes: number): Books {
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
    const at = (index: number) => words[index] ?? 0;
    const shape = {
      segmentBytes: at(HEAD.segmentBytes),
      segments: at(HEAD.segments),
      entries: at(HEAD.entries),
      alignment: at(HEAD.alignment),
    };
    const right =
      Atomics.load(words, HEAD.magic) === MAGIC &&
      at(HEAD.version) === LAYOUT_VERSION &&
      at(HEAD.rows) === ROWS &&
      shape.segments > 0 &&
      shape.segmentBytes * shape.segments <= dataBytes &&
      booksBytes(shape) <= bytes.byteLength;
    if (right) return new Books(words, shape);
    throw memoryError('ERR_MEMORY_CORRUPTION', `${where}: the bookkeeping region holds no books of this version`);
  }

  row(index: number): number {
    return HEAD_WORDS + index * ROW_WORDS;
  }

  /** A row for the calling thread: a free one, or one whose thread has ended; -1 when all are in use. */
  takeRow(): number {
    const { words } = this;
    for (const from of [0, 2]) {
      for (let index = 0; index < ROWS; index += 1) {
        const at = this.row(index);
        if (from === 2 && environments.isAlive(this.identityAt(at))) continue;
        if (Atomics.compareExchange(words, at + ROW.state, from, 1) !== from) continue;
        const { pid, startTicks, namespace, serial } = environments.current();
        this.writeNumber(at + ROW.pid, pid);
        this.writeNumber(at + ROW.startTicks, startTicks);
        this.writeNumber(at + ROW.namespace, namespace);
        this.writeNumber(at + ROW.serial, serial);
        Atomics.store(words, at + ROW.state, 2);
        return index;
      }
    }
    return -1;
  }

  private identityAt(at: number): EnvironmentIdentity {
    return {
      pid: this.readNumber(at + ROW.pid),
      startTicks: this.readNumber(at + ROW.startTicks),
      namespace: this.readNumber(at + ROW.namespace),
      serial: this.readNumber(at + ROW.serial),
    };
  }

  readNumber(word: number): number {
    return this.numbers[word >> 1] as number;
  }

  writeNumber(word: number, value: number): void {
    this.numbers[word >> 1] = value;
  }

  /** The sum of a counter over all rows; `generation` leaves out rows that hold another one's. */
  sum(counter: number, generation?: number): number {
    let sum = 0;
    for (let index = 0; index < ROWS; index += 1) {
      const at = this.row(index);
      if (generation === undefined || this.words[at + ROW.generation] === generation)
        sum += this.readNumber(at + counter);
    }
    return sum;
  }

  generation(): number {
    return Atomics.load(this.words, HEAD.generation);
  }

  /**
   * Takes `count` neighboring segments of a generation: lock-free, repeated only when another thread succeeded.
   *
   * @returns the first one; -1 when there are not so many left; -2 when the generation is over
   */
  claim(generation: number, count: number): number {
    const { words, shape } = this;
    const tag = (generation << SEGMENT_BITS) | 0;
    for (;;) {
      const cursor = Atomics.load(words, HEAD.cursor);
      if (Atomics.load(words, HEAD.generation) !== generation) return -2;
      // A reset that is half done, or whose thread died in between: finish it, whoever comes first.
      if (((cursor ^ tag) & ~MAX_SEGMENTS) !== 0) {
        Atomics.compareExchange(words, HEAD.cursor, cursor, tag);
        continue;
      }
      const first = cursor & MAX_SEGMENTS;
      if (first + count > shape.segments) return -1;
      if (Atomics.compareExchange(words, HEAD.cursor, cursor, tag | (first + count)) !== cursor) continue;
      if (Atomics.load(words, HEAD.generation) !== generation) return -2; // of a reset meanwhile: left unused
      for (let segment = first; segment < first + count; segment += 1) {
        Atomics.store(words, this.counts + segment, 0);
      }
      return first;
    }
  }

  /** Segments that are taken in the present generation. */
  taken(): number {
    const cursor = Atomics.load(this.words, HEAD.cursor);
    const tag = (this.generation() << SEGMENT_BITS) | 0;
    return ((cursor ^ tag) & ~MAX_SEGMENTS) === 0 ? cursor & MAX_SEGMENTS : 0;
  }

  /** Begins a new generation. @returns it */
  nextGeneration(): number {
    const { words } = this;
    const generation = (Atomics.add(words, HEAD.generation, 1) + 1) | 0;
    const cursor = Atomics.load(words, HEAD.cursor);
    const tag = (generation << SEGMENT_BITS) | 0;
    // Fails when another thread has finished this reset already, or begun the next one.
    Atomics.compareExchange(words, HEAD.cursor, cursor, tag);
    Atomics.add(words, HEAD.resets, 1);
    return generation;
  }
}

/** Copies and checks a handle from anywhere. @throws ERR_MEMORY_INVALID_ARGUMENT */
export function checkArenaHandle(where: string, value: unknown): ThreadSafeArenaHandle {
  const handle = value as Partial<ThreadSafeArenaHandle> | null | undefined;
  if (handle?.type !== 'nebula-memory.thread-safe-arena') {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: an arena's handle is needed, got ${describe(value)}`, {
      hint: 'Send arena.handle to the worker.',
    });
  }
  checkInteger(`${where}: handle.version`, handle.version, LAYOUT_VERSION, LAYOUT_VERSION);
  return handle as ThreadSafeArenaHandle;
}
