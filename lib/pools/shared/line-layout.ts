import { checkWhole, OwnerTable, ownAreaOf } from '../../allocators';
import { Region, type RegionHandle } from '../../platform';
import { badLine, otherVersion } from './errors';

// The region of a ThreadSafePool beside its slots, in 32-bit words:
//
//   header       64 words: what it is, the gate, the counter of tickets
//   owner table  who is attached: see the shared allocators
//   areas        32 words for each attachment: its place in the line
//
// All of it is about whose turn it is. Who has a slot stands in the slot's own word; so what somebody leaves behind here
// who ends in any instruction can cost others a little time, and never a slot.

export const LINE_VERSION = 1;
const MAGIC = 0x6e6d6c6e;

export const HEAD = Object.freeze({
  magic: 0,
  version: 1,
  owners: 2,
  idLow: 3,
  idHigh: 4,
  /** Bits of GATE. */
  gate: 16,
  tickets: 32,
});

export const GATE = Object.freeze({
  /** Somebody may wait. */
  waiting: 1,
  /** Nothing is lent any more. */
  shut: 2,
});

/** Positions in an attachment's area. */
export const PLACE = Object.freeze({
  /** Of the first of this attachment who waits; 0: nobody does. */
  ticket: 0,
  priority: 1,
  /** Counts its looks: one that stays the same is of somebody who does not look. */
  beat: 2,
  /** How many wait. */
  count: 3,
  /** 1 while its thread sleeps on the bell. */
  sleeping: 4,
  bell: 5,
  /** Requests that it refused, as a 64-bit float that outlives it: the sum is the pool's. */
  refusals: 8,
});

const PLACE_WORDS = 32;
const BASE = 2 ** 32;
const MOST_OWNERS = 1023;

function wordsFor(owners: number): number {
  return ownAreaOf(owners) + owners * PLACE_WORDS;
}

/** The line's memory, attached. */
export class LineBook {
  readonly region: Region;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly owners: number;
  readonly table: OwnerTable;
  private readonly places: number;

  private constructor(region: Region, words: Int32Array, owners: number) {
    this.region = region;
    this.words = words;
    this.doubles = new Float64Array(words.buffer, words.byteOffset, words.length >> 1);
    this.owners = owners;
    this.table = new OwnerTable(words, owners);
    this.places = ownAreaOf(owners);
  }

  static create(owners: number, id: number): LineBook {
    const region = Region.shared(wordsFor(owners) * 4);
    const words = wordsOf(region);
    words[HEAD.owners] = owners;
    words[HEAD.idLow] = id | 0;
    words[HEAD.idHigh] = Math.floor(id / BASE);
    words[HEAD.version] = LINE_VERSION;
    Atomics.store(words, HEAD.magic, MAGIC);
    return new LineBook(region, words, owners);
  }

  /** @throws ERR_MEMORY_CORRUPTION, ERR_MEMORY_UNSUPPORTED, ERR_MEMORY_FAULTED, and as Region.attach */
  static attach(where: string, handle: RegionHandle, id: number): LineBook {
    const region = Region.attach(handle);
    try {
      const words = wordsOf(region);
      const owners = checkHeader(where, words, id);
      checkWhole(where, region);
      return new LineBook(region, words, owners);
    } catch (error) {
      region.free();
      throw error;
    }
  }

  /** First word of an attachment's place. */
  placeOf(owner: number): number {
    return this.places + (owner - 1) * PLACE_WORDS;
  }

  /** Where an attachment counts its refusals, in `doubles`. */
  refusalsOf(owner: number): number {
    return (this.placeOf(owner) + PLACE.refusals) / 2;
  }
}

function wordsOf(region: Region): Int32Array {
  return new Int32Array(region.buffer, 0, Math.floor(region.byteLength / 8) * 2);
}

function checkHeader(where: string, words: Int32Array, id: number): number {
  if (words.length < wordsFor(1)) throw badLine(where, `it has ${words.length * 4} bytes`);
  if (Atomics.load(words, HEAD.magic) !== MAGIC) throw badLine(where, 'it does not begin with the mark of one');
  const version = words[HEAD.version];
  if (version !== LINE_VERSION) throw otherVersion(where, version, LINE_VERSION);
  const owners = words[HEAD.owners] ?? 0;
  if (owners < 1 || owners > MOST_OWNERS || wordsFor(owners) > words.length) {
    throw badLine(where, `it names ${owners} places and has ${words.length * 4} bytes`);
  }
  const found = ((words[HEAD.idLow] ?? 0) >>> 0) + ((words[HEAD.idHigh] ?? 0) >>> 0) * BASE;
  if (found !== id) throw badLine(where, 'it belongs to another pool');
  return owners;
}
