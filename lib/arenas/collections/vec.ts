import { checkInteger, checkOneOf, checkOptions, describe, INSPECT, memoryError } from '../../core';
import { Arena, type ArenaRef } from '../arena';
import { arrayLength, FITS, isArrayOf, misfit } from '../typed/ranges';
import { shown } from '../typed/shown';

/** What the elements of an ArenaVec can be. */
export const ELEMENT_KINDS = ['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'f32', 'f64', 'u64', 'i64'] as const;
/** A kind of number: unsigned, signed, float, with its bits; 64-bit integers are bigints. */
export type ElementKind = (typeof ELEMENT_KINDS)[number];

const ARRAYS = {
  u8: Uint8Array,
  i8: Int8Array,
  u16: Uint16Array,
  i16: Int16Array,
  u32: Uint32Array,
  i32: Int32Array,
  f32: Float32Array,
  f64: Float64Array,
  u64: BigUint64Array,
  i64: BigInt64Array,
} as const;

/** The typed array of a kind. */
export type ElementArray<K extends ElementKind> = InstanceType<(typeof ARRAYS)[K]>;
/** What one element is. */
export type ElementValue<K extends ElementKind> = K extends 'u64' | 'i64' ? bigint : number;

/** Options of {@link ArenaVec}. */
export interface ArenaVecOptions {
  /** Elements to make room for at once. Default 8. */
  readonly capacity?: number;
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT */
export function checkArena(where: string, arena: unknown): Arena {
  if (arena instanceof Arena) return arena;
  throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: arena must be an Arena, got ${describe(arena)}`);
}

/**
 * A growable list of numbers in an arena's memory. It grows in place while it is the arena's newest block, and otherwise
 * moves to a block of twice the size and frees its old one.
 *
 * Ends with its arena: after a reset(), a rewind() below its block, or dispose(), every call throws
 * ERR_MEMORY_STALE_HANDLE. Growing makes a new block: a list that grew inside a scope ends with the scope. Views taken by
 * view() are good until the list grows or the arena takes the memory back.
 */
export class ArenaVec<K extends ElementKind> implements Iterable<ElementValue<K>> {
  /** What the elements are. */
  readonly kind: K;
  private readonly arena: Arena;
  private readonly elementBytes: number;
  private readonly fits: (value: unknown) => boolean;
  private ref: ArenaRef;
  private items: ElementArray<K>;
  private count = 0;
  /** As the arena's when `items` was made. */
  private moves: number;
  /** Shared memory that moved leaves its former buffer as it was: where it is now is asked for then. */
  private readonly lookAgain = (): void => {
    if (this.moves === this.arena.moves) return;
    this.moves = this.arena.moves;
    this.items = this.itemsOf(this.ref);
  };

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, and as Arena.allocate */
  constructor(arena: Arena, kind: K, options?: ArenaVecOptions) {
    const where = 'new ArenaVec()';
    this.arena = checkArena(where, arena);
    this.kind = checkOneOf(`${where}: kind`, kind, ELEMENT_KINDS) as K;
    const { capacity = 8 } = checkOptions<ArenaVecOptions>(where, options, ['capacity']);
    this.elementBytes = ARRAYS[kind].BYTES_PER_ELEMENT;
    this.fits = FITS[kind];
    const elements = checkInteger(`${where}: capacity`, capacity, 1, 2 ** 30);
    this.ref = this.arena.allocateRef(elements * this.elementBytes, 8);
    this.items = this.itemsOf(this.ref);
    this.moves = this.arena.moves;
    this.ref.onLook = this.lookAgain;
  }

  /** How many elements. @throws ERR_MEMORY_STALE_HANDLE */
  get length(): number {
    this.ref.check('length');
    return this.count;
  }
  /** How many elements there is room for without growing. @throws ERR_MEMORY_STALE_HANDLE */
  get capacity(): number {
    this.ref.check('capacity');
    return this.ref.byteLength / this.elementBytes;
  }
  /** False once the arena took the memory back. */
  get valid(): boolean {
    return this.ref.valid;
  }

  /** The element at an index. @throws ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_STALE_HANDLE */
  get(index: number): ElementValue<K> {
    this.ref.check('get');
    if (typeof index !== 'number' || !(index >= 0 && index < this.count)) throw this.outside('get', index);
    const value = this.items[index];
    return (value === undefined ? this.getAgain(index) : value) as ElementValue<K>;
  }

  /** Nothing lies there: a fraction, or somebody transferred the buffer away. */
  private getAgain(index: number): unknown {
    const value = this.open()[index];
    if (value === undefined) throw this.outside('get', index);
    return value;
  }

  /**
   * Replaces an element.
   *
   * @throws ERR_MEMORY_OUT_OF_RANGE for an index or a value that does not fit, ERR_MEMORY_INVALID_ARGUMENT for a value of
   *   another type or a fraction among integers, ERR_MEMORY_STALE_HANDLE
   */
  set(index: number, value: ElementValue<K>): void {
    this.ref.check('set');
    if (!Number.isInteger(index) || index < 0 || index >= this.count) throw this.outside('set', index);
    if (!this.fits(value)) throw this.misfit('set', value);
    (this.open() as Float64Array)[index] = value as number;
  }

  /** Appends; returns the new length. @throws as set(), and as Arena.allocate when it has to grow: unchanged then */
  push(value: ElementValue<K>): number {
    this.ref.check('push');
    if (!this.fits(value)) throw this.misfit('push', value);
    if (this.count >= this.items.length && this.count >= this.open().length) this.grow(this.count + 1);
    (this.items as Float64Array)[this.count] = value as number;
    this.count += 1;
    return this.count;
  }

  /** Appends all; returns the new length. @throws as push(): nothing was appended then */
  extend(values: ArrayLike<ElementValue<K>>): number {
    this.ref.check('extend');
    const same = isArrayOf(ARRAYS[this.kind].name, values);
    const length = same ? arrayLength(values) : this.checkAll(values);
    const before = this.count;
    if (before + length > this.open().length) this.grow(before + length);
    if (same) {
      (this.items as Float64Array).set(values as unknown as ArrayLike<number>, before);
      this.count = before + length;
      return this.count;
    }
    try {
      for (let i = 0; i < length; i += 1) this.push(values[i] as ElementValue<K>); // a getter may give another value now
    } catch (error) {
      this.count = before;
      throw error;
    }
    return this.count;
  }

  private checkAll(values: ArrayLike<unknown>): number {
    const list: Partial<ArrayLike<unknown>> | null | undefined = values;
    if (typeof list !== 'object' || list === null) {
      throw memoryError(
        'ERR_MEMORY_INVALID_ARGUMENT',
        `ArenaVec.extend: values must be an array, got ${describe(values)}`,
      );
    }
    const length = checkInteger('ArenaVec.extend: values.length', list.length, 0, 2 ** 30 - this.count);
    for (let i = 0; i < length; i += 1) if (!this.fits(values[i])) throw this.misfit('extend', values[i]);
    return length;
  }

  /** Takes the last element away; undefined when there is none. @throws ERR_MEMORY_STALE_HANDLE */
  pop(): ElementValue<K> | undefined {
    this.ref.check('pop');
    if (this.count === 0) return undefined;
    this.count -= 1;
    return this.open()[this.count] as ElementValue<K>;
  }

  /** Makes room for so many elements in all. @throws ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_STALE_HANDLE, and as Arena.allocate */
  reserve(capacity: number): void {
    this.ref.check('reserve');
    checkInteger('ArenaVec.reserve: capacity', capacity, 0, 2 ** 30);
    if (capacity > this.open().length) this.grow(capacity);
  }

  /** Shortens the list; the room stays. @throws ERR_MEMORY_OUT_OF_RANGE above length, ERR_MEMORY_STALE_HANDLE */
  truncate(length: number): void {
    this.ref.check('truncate');
    this.count = checkInteger('ArenaVec.truncate: length', length, 0, this.count);
  }

  /** Empties the list; the room stays. @throws ERR_MEMORY_STALE_HANDLE */
  clear(): void {
    this.truncate(0);
  }

  /** The elements in place. @throws ERR_MEMORY_STALE_HANDLE */
  view(): ElementArray<K> {
    this.ref.check('view');
    return (this.open() as Float64Array).subarray(0, this.count) as ElementArray<K>;
  }

  /** A copy of some elements in the JavaScript heap, as Array.slice. @throws ERR_MEMORY_STALE_HANDLE */
  slice(begin?: number, end?: number): ElementArray<K> {
    const view = this.view() as Float64Array;
    const part = view.subarray(begin, end);
    const copy = new ARRAYS[this.kind](part.length) as Float64Array;
    copy.set(part);
    return copy as ElementArray<K>;
  }

  /** The first index of a value, or -1. @throws ERR_MEMORY_STALE_HANDLE */
  indexOf(value: ElementValue<K>): number {
    return (this.view() as Float64Array).indexOf(value as number);
  }

  /** Same kind and same elements. @throws ERR_MEMORY_STALE_HANDLE */
  equals(other: ArenaVec<K>): boolean {
    if (!(other instanceof ArenaVec) || other.kind !== this.kind || other.length !== this.length) return false;
    const mine = this.view();
    const theirs = other.view();
    for (let i = 0; i < this.count; i += 1) if (mine[i] !== theirs[i]) return false;
    return true;
  }

  /** Every element, with those that are appended meanwhile. @throws ERR_MEMORY_STALE_HANDLE */
  *[Symbol.iterator](): Iterator<ElementValue<K>> {
    for (let index = 0; index < this.length; index += 1) yield this.get(index);
  }

  /** @internal Gives the block back; the list is stale then. Does nothing for one that is stale already. */
  release(): void {
    if (this.ref.valid) this.arena.deallocate(this.ref.offset, this.ref.byteLength);
  }

  /** @internal @throws ERR_MEMORY_STALE_HANDLE */
  check(method: string): void {
    this.ref.check(method);
  }

  /** @internal Moves elements to a lower index. */
  moveDown(to: number, from: number, length: number): void {
    (this.open() as Float64Array).copyWithin(to, from, from + length);
  }

  [INSPECT](): object {
    if (!this.valid) return shown('ArenaVec', { kind: this.kind, valid: false });
    const { kind, length, capacity } = this;
    return shown('ArenaVec', { kind, length, capacity, items: this.slice(0, 100) });
  }

  /** The elements with room; looked at again where somebody transferred the buffer away. There is room for one at least. */
  private open(): ElementArray<K> {
    if (this.items.length === 0) this.items = this.itemsOf(this.ref);
    return this.items;
  }

  private itemsOf(ref: ArenaRef): ElementArray<K> {
    const { buffer, byteOffset } = ref.view();
    return new ARRAYS[this.kind](
      buffer as ArrayBuffer,
      byteOffset,
      ref.byteLength / this.elementBytes,
    ) as ElementArray<K>;
  }

  /** To twice the size, or to what is needed where there is no room for that. */
  private grow(atLeast: number): void {
    const { ref, elementBytes, arena } = this;
    const least = atLeast * elementBytes;
    const wished = Math.max(least, ref.byteLength * 2);
    for (const bytes of [wished, least]) {
      if (!arena.tryResize(ref.offset, ref.byteLength, bytes)) continue;
      this.ref = arena.ref(ref.offset, bytes);
      this.ref.onLook = this.lookAgain;
      this.items = this.itemsOf(this.ref);
      return;
    }
    let bytes = wished;
    let offset = wished > least ? arena.tryAllocate(wished, 8) : -1;
    if (offset === -1) {
      bytes = least;
      offset = arena.allocate(least, 8);
    }
    const moved = arena.ref(offset, bytes);
    const items = this.itemsOf(moved);
    (items as Float64Array).set((this.open() as Float64Array).subarray(0, this.count));
    arena.deallocate(ref.offset, ref.byteLength);
    this.ref = moved;
    moved.onLook = this.lookAgain;
    this.items = items;
  }

  private misfit(method: string, value: unknown): Error {
    return misfit(`ArenaVec.${method}: an element of kind ${this.kind}`, this.kind, value);
  }

  private outside(method: string, index: unknown): Error {
    return memoryError(
      'ERR_MEMORY_OUT_OF_RANGE',
      `ArenaVec.${method}: index must be an integer below ${this.count}, got ${describe(index)}`,
    );
  }
}
