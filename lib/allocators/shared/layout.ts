import { isPowerOfTwo, memoryError } from '../../core';

// The bookkeeping region of a shared allocator, in 32-bit words:
//
//   header         HEADER_WORDS   what it is, its sizes, collective counters, eight numbers of the kind's own
//   owner table    SLOT_WORDS for each attachment that can be there at once: who it is, and its counters
//   the rest       the kind's own: cursor, entries, states, hints
//
// Only numbers stand here, never an address. What is read from it is trusted for nothing that could end the process:
// every access goes through bounds-checked typed arrays.

export const LAYOUT_VERSION = 3;
export const MAGIC = 0x6e6d7368;

export const HEADER_WORDS = 64;
export const SLOT_WORDS = 32;
/** Owner numbers are 1 to this; 0 is nobody. Ten bits, so that a number fits beside a generation into one word. */
export const MAX_OWNERS = 1023;

/** Positions in the header. */
export const HEADER = Object.freeze({
  magic: 0,
  version: 1,
  kind: 2,
  ready: 3,
  owners: 4,
  ownWordsLow: 5,
  ownWordsHigh: 6,
  dataBytesLow: 7,
  dataBytesHigh: 8,
  /** Counts resets: what was handed out before belongs to an earlier generation. */
  generation: 9,
  /** Counts resets and restores. */
  era: 10,
});

/** Positions of 64-bit floats in the header, in units of eight bytes. */
export const HEADER_DOUBLES = Object.freeze({
  /** Blocks that were live when reset() gave everything back. */
  dropped: 8,
  parameters: 16,
});
export const PARAMETERS = 16;

export const KINDS = Object.freeze({ bump: 1, stack: 2, block: 3, heap: 4, system: 5 });
export type SharedKind = keyof typeof KINDS;

/** What a header says. */
export interface Layout {
  readonly kind: SharedKind;
  /** Attachments that can be there at once. */
  readonly owners: number;
  /** Usable bytes of the data region. */
  readonly dataBytes: number;
  /** Words of the kind's own area. */
  readonly ownWords: number;
  /** Up to 16 numbers that the kind needs to know again. */
  readonly parameters: readonly number[];
}

const BASE = 2 ** 32;

/** Where the kind's own area begins, in words; a multiple of 32. */
export function ownAreaOf(owners: number): number {
  return HEADER_WORDS + owners * SLOT_WORDS;
}

/** Bytes of bookkeeping that a layout needs. */
export function bookBytesOf({ owners, ownWords }: Pick<Layout, 'owners' | 'ownWords'>): number {
  return Math.ceil((ownAreaOf(owners) + ownWords) / 2) * 8;
}

/** Writes the header of fresh bookkeeping (zeros); `ready` comes last and by its own call. */
export function writeLayout(words: Int32Array, doubles: Float64Array, layout: Layout): void {
  words[HEADER.magic] = MAGIC;
  words[HEADER.version] = LAYOUT_VERSION;
  words[HEADER.kind] = KINDS[layout.kind];
  words[HEADER.owners] = layout.owners;
  words[HEADER.ownWordsLow] = layout.ownWords;
  words[HEADER.ownWordsHigh] = Math.floor(layout.ownWords / BASE);
  words[HEADER.dataBytesLow] = layout.dataBytes;
  words[HEADER.dataBytesHigh] = Math.floor(layout.dataBytes / BASE);
  layout.parameters.forEach((value, index) => {
    doubles[HEADER_DOUBLES.parameters + index] = value;
  });
}

function corrupt(where: string, why: string): Error {
  return memoryError('ERR_MEMORY_CORRUPTION', `${where}: the bookkeeping region cannot be used: ${why}`, {
    hint: 'Attach with the handle of an allocator that is in use, as it was given.',
  });
}

function wide(words: Int32Array, low: number, high: number): number {
  return ((words[low] ?? 0) >>> 0) + ((words[high] ?? 0) >>> 0) * BASE;
}

/**
 * Reads and checks a header against the regions that were attached.
 *
 * @throws ERR_MEMORY_CORRUPTION for a region that is too short, was never finished or is something else,
 *   ERR_MEMORY_UNSUPPORTED for the layout of another version, ERR_MEMORY_INVALID_ARGUMENT for another kind of allocator
 */
export function readLayout(where: string, words: Int32Array, doubles: Float64Array, expected: Expected): Layout {
  if (words.length < HEADER_WORDS) throw corrupt(where, `it has ${words.length * 4} bytes`);
  if (words[HEADER.magic] !== MAGIC) throw corrupt(where, 'it does not begin with the mark of one');
  const version = words[HEADER.version];
  if (version !== LAYOUT_VERSION) {
    throw memoryError(
      'ERR_MEMORY_UNSUPPORTED',
      `${where}: the bookkeeping has layout ${version}, this version of the package knows ${LAYOUT_VERSION}`,
      { hint: 'Use the same version of the package in every process that shares an allocator.' },
    );
  }
  if (Atomics.load(words, HEADER.ready) !== 1) throw corrupt(where, 'it was never finished');
  if (words[HEADER.kind] !== KINDS[expected.kind]) {
    const [found] = Object.entries(KINDS).find(([, number]) => number === words[HEADER.kind]) ?? ['something else'];
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${where}: the handle is of a ${found}, not of a ${expected.kind}`,
    );
  }
  const owners = words[HEADER.owners] ?? 0;
  const ownWords = wide(words, HEADER.ownWordsLow, HEADER.ownWordsHigh);
  const dataBytes = wide(words, HEADER.dataBytesLow, HEADER.dataBytesHigh);
  if (owners < 1 || owners > MAX_OWNERS) throw corrupt(where, `it names ${owners} owners`);
  const needed = bookBytesOf({ owners, ownWords });
  if (needed > words.length * 4) throw corrupt(where, `it needs ${needed} bytes and has ${words.length * 4}`);
  if (dataBytes < 1 || dataBytes > expected.dataBytes) {
    throw corrupt(where, `it is made for ${dataBytes} bytes of memory, the region beside it has ${expected.dataBytes}`);
  }
  const from = HEADER_DOUBLES.parameters;
  return { kind: expected.kind, owners, ownWords, dataBytes, parameters: [...doubles.slice(from, from + PARAMETERS)] };
}

/** Granules that a 32-bit word can count. */
const MOST_GRANULES = 2 ** 30;
const LARGEST_GRANULE = 2 ** 22;

/** The least granule from `least` on in which a 32-bit word can count so many bytes. */
export function granuleFor(least: number, dataBytes: number): number {
  let granuleBytes = least;
  while (dataBytes / granuleBytes > MOST_GRANULES) granuleBytes *= 2;
  return granuleBytes;
}

/** True for what granuleFor can have given. */
export function isGranule(granuleBytes: number, least: number, dataBytes: number): boolean {
  const power = isPowerOfTwo(granuleBytes) && granuleBytes >= least && granuleBytes <= LARGEST_GRANULE;
  return power && dataBytes / granuleBytes <= MOST_GRANULES;
}

/** What the attaching side knows by itself. */
export interface Expected {
  readonly kind: SharedKind;
  readonly dataBytes: number;
}
