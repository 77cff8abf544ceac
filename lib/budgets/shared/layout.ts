import { OwnerTable, ownAreaOf } from '../../allocators';
import { memoryError } from '../../core';

// The region of a shared budget, in 32-bit words. Fresh memory is zeros, and zeros with a configuration are a budget of
// which nothing is granted; so one compare-and-exchange makes it, and there is no half-made state to wait for.
//
//   header       64 words: configuration, the cell of what is granted, who asks for more
//   owner table  who is a member: see the shared allocators
//   areas        32 words for each member
//
// Counts are units of 1, 2, 4 … bytes: the smallest unit of which four times the limit fits into 31 bits. So a limit below
// 512 MiB is counted to the byte, a larger one to 2^-28 of itself, by plain 32-bit words.

export const SHARED_BUDGET_VERSION = 1;
const MARK = 0x5b;

export const HEAD = Object.freeze({
  /** Two words: the limit in units, then mark, version, shift of the unit and number of places. */
  config: 2,
  /** Two words, changed together: units that members hold, and which operation of whom made it so. */
  granted: 16,
  /** When somebody last lacked capacity, in milliseconds of the machine; 0: nobody does. */
  wanted: 32,
  tickets: 33,
});

/** Positions in a member's area. */
export const AREA = Object.freeze({
  /** Units held, when no operation is open. */
  settled: 0,
  /** The open operation: what is held after it, and its number; 0: none is open. */
  after: 1,
  open: 2,
  /** Number of the last operation that was done. */
  last: 3,
  /** The same, as noted by whoever replaced its mark in the cell. */
  noted: 4,
  /** Place in the line of those who wait; 0: does not wait. */
  ticket: 5,
  /** When it last looked whether it is served. */
  beat: 6,
  pid: 7,
  thread: 8,
  /** 1 once it has taken the limit as it is; before, it may still want another one. */
  agreed: 9,
  /** A 64-bit float: bytes in use. */
  used: 16,
});

export const MAX_UNITS = 2 ** 31 - 1;
const AREA_WORDS = 32;
const MAX_SHIFT = 25;
const MAX_MEMBERS = 1023;

/** What a region says of itself. */
export interface SharedBudgetConfig {
  readonly limitUnits: number;
  readonly unitBytes: number;
  readonly members: number;
}

export function areaOf(members: number, owner: number): number {
  return ownAreaOf(members) + (owner - 1) * AREA_WORDS;
}

export function bytesFor(members: number): number {
  return areaOf(members, members + 1) * 4;
}

/** The configuration of a new budget. The limit is rounded down to whole units. */
export function configFor(limitBytes: number, members: number): SharedBudgetConfig {
  let unitBytes = 1;
  while (limitBytes / unitBytes > MAX_UNITS / 4) unitBytes *= 2;
  return { limitUnits: Math.floor(limitBytes / unitBytes), unitBytes, members };
}

const halves = new Int32Array(2);
const whole = new BigInt64Array(halves.buffer);

/** Two words as one, in the order in which they lie in memory. */
export function joined(first: number, second: number): bigint {
  halves[0] = first;
  halves[1] = second;
  return whole[0] as bigint;
}

/** Makes fresh memory a budget; false where it was made before or meanwhile. */
export function writeConfig(cells: BigInt64Array, { limitUnits, unitBytes, members }: SharedBudgetConfig): boolean {
  const shape = (MARK << 24) | (SHARED_BUDGET_VERSION << 16) | (Math.log2(unitBytes) << 10) | members;
  return Atomics.compareExchange(cells, HEAD.config / 2, 0n, joined(limitUnits, shape)) === 0n;
}

function corrupt(where: string, why: string): Error {
  return memoryError('ERR_MEMORY_CORRUPTION', `${where}: the region is no shared budget that can be used: ${why}`, {
    hint: 'Attach with the handle or the name of a shared budget, as it was given.',
  });
}

/**
 * Reads and checks what a region says of itself; null for fresh memory.
 *
 * @throws ERR_MEMORY_CORRUPTION, ERR_MEMORY_UNSUPPORTED for the layout of another version
 */
export function readConfig(where: string, words: Int32Array): SharedBudgetConfig | null {
  if (words.length * 4 < bytesFor(1)) throw corrupt(where, `it has ${words.length * 4} bytes`);
  const limitUnits = Atomics.load(words, HEAD.config);
  const shape = Atomics.load(words, HEAD.config + 1);
  if (shape === 0 && limitUnits === 0) return null;
  if (shape >>> 24 !== MARK) throw corrupt(where, 'it does not begin with the mark of one');
  const version = (shape >>> 16) & 0xff;
  if (version !== SHARED_BUDGET_VERSION) {
    throw memoryError(
      'ERR_MEMORY_UNSUPPORTED',
      `${where}: the budget has layout ${version}, this version of the package knows ${SHARED_BUDGET_VERSION}`,
      { hint: 'Use the same version of the package in every process that shares a budget.' },
    );
  }
  const members = shape & MAX_MEMBERS;
  const shift = (shape >>> 10) & 0x3f;
  const granted = Atomics.load(words, HEAD.granted);
  if (members < 1 || bytesFor(members) > words.length * 4) throw corrupt(where, `it names ${members} places`);
  if (shift > MAX_SHIFT) throw corrupt(where, `it counts units of 2^${shift} bytes`);
  if (limitUnits < 1) throw corrupt(where, `it has a limit of ${limitUnits} units`);
  if (granted < 0) throw corrupt(where, `${granted} units of it are granted`);
  return { limitUnits, unitBytes: 2 ** shift, members };
}

/** The parts of a region that was checked. */
export class BudgetBook {
  readonly words: Int32Array;
  readonly cells: BigInt64Array;
  readonly doubles: Float64Array;
  readonly unitBytes: number;
  readonly members: number;
  readonly table: OwnerTable;
  private readonly areas: number;

  constructor(words: Int32Array, { unitBytes, members }: SharedBudgetConfig) {
    const { buffer, byteOffset } = words;
    this.words = words;
    this.cells = new BigInt64Array(buffer, byteOffset, words.length >> 1);
    this.doubles = new Float64Array(buffer, byteOffset, words.length >> 1);
    this.unitBytes = unitBytes;
    this.members = members;
    this.table = new OwnerTable(words, members);
    this.areas = areaOf(members, 1);
  }

  areaOf(owner: number): number {
    return this.areas + (owner - 1) * AREA_WORDS;
  }

  /** Position of a member's use in `doubles`. */
  usedOf(owner: number): number {
    return (this.areaOf(owner) + AREA.used) / 2;
  }

  get limitUnits(): number {
    return Atomics.load(this.words, HEAD.config);
  }

  /** Sets the limit, if it is what is expected. */
  exchangeLimit(expected: number, units: number): boolean {
    return Atomics.compareExchange(this.words, HEAD.config, expected, units) === expected;
  }
}
