import { checkInteger, INSPECT, notForUsers } from '../../core';
import type { RecordFields, RecordInit, RecordLayout } from './layout';
import { shown } from './shown';

/** A record of a layout: its fields as properties, and where it lies. Nothing to free: it ends with its arena. */
export type ArenaRecord<L extends RecordLayout> = RecordFields<L> & {
  /** Where the record lies in the arena's space, in bytes: at() and moveTo() take it. */
  readonly offset: number;
  /** Bytes of a record, with what alignment adds. */
  readonly byteLength: number;
  /** False once the arena was reset or disposed; reading a field throws ERR_MEMORY_STALE_HANDLE then. */
  readonly valid: boolean;
  /** Shows another record through this object, without garbage. @throws ERR_MEMORY_OUT_OF_RANGE where none begins */
  moveTo(offset: number): ArenaRecord<L>;
  /**
   * Writes the fields that `values` names, as alloc() does: arrays from any iterable, records by part.
   *
   * @throws ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_INVALID_ARGUMENT for the first value that does not fit, with the ones
   *   before it written; ERR_MEMORY_STALE_HANDLE
   */
  assign(values: RecordInit<L>): ArenaRecord<L>;
  /** The fields as plain data: arrays as arrays, 64-bit integers as decimal strings. @throws ERR_MEMORY_STALE_HANDLE */
  toJSON(): Record<string, unknown>;
};

/** Records one after the other in one piece of memory. Nothing to free: it ends with its arena. */
export class RecordSlice<L extends RecordLayout> implements Iterable<ArenaRecord<L>> {
  /** How many records. */
  readonly length: number;
  /** Of the first record, in bytes. */
  readonly offset: number;
  private readonly stride: number;
  private readonly make: (offset: number) => ArenaRecord<L>;

  /** Not for users: call TypedArena.allocSlice(). @throws ERR_MEMORY_INVALID_STATE */
  constructor(offset: number, length: number, stride: number, make: (offset: number) => ArenaRecord<L>) {
    if (typeof make !== 'function') {
      throw notForUsers('RecordSlice', 'TypedArena.allocSlice');
    }
    this.offset = offset;
    this.length = length;
    this.stride = stride;
    this.make = make;
  }

  /** The record at an index. @throws ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_STALE_HANDLE */
  at(index: number): ArenaRecord<L> {
    return this.make(this.offset + checkInteger('RecordSlice.at: index', index, 0, this.length - 1) * this.stride);
  }

  /** Every record in its order. @throws ERR_MEMORY_STALE_HANDLE */
  *[Symbol.iterator](): Iterator<ArenaRecord<L>> {
    for (let index = 0; index < this.length; index += 1) yield this.at(index);
  }

  [INSPECT](): object {
    return shown('RecordSlice', { length: this.length, offset: this.offset });
  }
}
