import type { Arena } from '../arena';
import { ArenaVec } from './vec';

/** Strings in one growing block, each by its begin and length. Room that is lost to replaced ones is used again. */
export class StringColumn {
  private readonly bytes: ArenaVec<'u8'>;
  private readonly begins: ArenaVec<'u32'>;
  private readonly lengths: ArenaVec<'u32'>;
  /** Bytes that no string lies in any more. */
  private lostBytes = 0;

  constructor(arena: Arena, capacity: number, made: ArenaVec<never>[]) {
    const keep = <V>(vec: V): V => {
      made.push(vec as never);
      return vec;
    };
    this.bytes = keep(new ArenaVec(arena, 'u8', { capacity: capacity * 8 }));
    this.begins = keep(new ArenaVec(arena, 'u32', { capacity }));
    this.lengths = keep(new ArenaVec(arena, 'u32', { capacity }));
  }

  push(utf8: Uint8Array): void {
    this.begins.reserve(this.begins.length + 1);
    this.lengths.reserve(this.lengths.length + 1);
    this.begins.push(this.append(utf8));
    this.lengths.push(utf8.length);
  }

  /** In place where the new string is not longer. */
  set(entry: number, utf8: Uint8Array): void {
    const length = this.lengths.get(entry);
    if (utf8.length <= length) {
      this.bytes.view().set(utf8, this.begins.get(entry));
      this.lostBytes += length - utf8.length;
    } else {
      this.begins.set(entry, this.append(utf8));
      this.lostBytes += length;
    }
    this.lengths.set(entry, utf8.length);
  }

  /** Takes the newest string away. */
  drop(): void {
    const begin = this.begins.pop();
    if (begin === undefined) return;
    this.lengths.pop();
    this.bytes.truncate(begin);
  }

  /** A string that is not needed any more; its entry stays, empty. */
  forget(entry: number): void {
    this.lostBytes += this.lengths.get(entry);
    this.lengths.set(entry, 0);
  }

  /** Puts a string in the place of an entry before. */
  move(to: number, from: number): void {
    this.begins.set(to, this.begins.get(from));
    this.lengths.set(to, this.lengths.get(from));
  }

  /** Drops the entries from `count` on, which must have been moved or forgotten. */
  truncate(count: number): void {
    this.begins.truncate(count);
    this.lengths.truncate(count);
    if (count === 0) this.compact();
  }

  at(entry: number): Uint8Array {
    const begin = this.begins.get(entry);
    return this.bytes.view().subarray(begin, begin + this.lengths.get(entry));
  }

  text(entry: number): string {
    const { buffer, byteOffset, byteLength } = this.at(entry);
    return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString('utf8');
  }

  equals(entry: number, utf8: Uint8Array): boolean {
    if (this.lengths.get(entry) !== utf8.length) return false;
    return Buffer.compare(this.at(entry), utf8) === 0;
  }

  /** Where the bytes begin. Half lost, and no room: what is left moves together first. */
  private append(utf8: Uint8Array): number {
    const { bytes } = this;
    const full = bytes.length + utf8.length > bytes.capacity;
    if (full && this.lostBytes > 0 && this.lostBytes * 2 >= bytes.length) this.compact();
    try {
      bytes.reserve(bytes.length + utf8.length);
    } catch (error) {
      if (this.lostBytes === 0) throw error;
      this.compact(); // there is no memory, but room of lost strings
    }
    const begin = bytes.length;
    bytes.extend(utf8);
    return begin;
  }

  /** Moves the strings together, in the order in which they lie, so that none is overwritten before it has moved. */
  private compact(): void {
    const { bytes, begins, lengths } = this;
    const order = Array.from({ length: begins.length }, (_, entry) => entry);
    order.sort((a, b) => begins.get(a) - begins.get(b));
    let end = 0;
    for (const entry of order) {
      const length = lengths.get(entry);
      if (length > 0) bytes.moveDown(end, begins.get(entry), length);
      begins.set(entry, end);
      end += length;
    }
    bytes.truncate(end);
    this.lostBytes = 0;
  }
}
