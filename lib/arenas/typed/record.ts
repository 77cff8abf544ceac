import { describe, memoryError } from '../../core';
import type { ChunkViews } from './views';

/** Who owns the records. Internal. */
export interface RecordHost {
  readonly name: string;
  /** Changes with every reset and dispose. */
  stamp: number;
  /** @throws ERR_MEMORY_OUT_OF_RANGE where no record begins */
  locate(offset: number): { readonly views: ChunkViews; readonly at: number };
  /** Views of the chunk around an offset, made anew after somebody transferred the former buffer away. */
  reopen(offset: number): ChunkViews;
}

/** @internal The memory of a record, looked at again where its buffer was transferred. @throws ERR_MEMORY_STALE_HANDLE */
export let openRecord: (record: RecordBase, name: string) => ChunkViews;
/** @internal Where the record begins in its chunk. */
export let beginOf: (record: RecordBase) => number;
/** @internal Shows another record, which lies at `begin` of its chunk and at `place` of the arena's space. */
export let placeRecord: (record: RecordBase, views: ChunkViews, begin: number, place: number) => void;
/** @internal A record inside of a record, made when first asked for. */
export let innerOf: (
  record: RecordBase,
  name: string,
  slot: number,
  make: (host: RecordHost, views: ChunkViews, begin: number) => RecordBase,
) => RecordBase;

/** What all records share. Fields of the layout are properties of the sub-class that a layout is given. */
export class RecordBase {
  // Private for real: a record that is printed or spread shows its fields, not the chunk that it lies in.
  readonly #host: RecordHost;
  #views: ChunkViews;
  #begin: number;
  #stamp: number;
  #place: number;
  #inner: RecordBase[] | undefined = undefined;

  constructor(host: RecordHost, views: ChunkViews, begin: number, place: number) {
    this.#host = host;
    this.#views = views;
    this.#begin = begin;
    this.#place = place;
    this.#stamp = host.stamp;
  }

  static {
    openRecord = (record, name) => {
      if (!(#views in record)) throw noRecord(name, record);
      if (record.#stamp !== record.#host.stamp) throw stale(record.#host, name);
      if (record.#views.u8.length === 0) record.#views = record.#host.reopen(record.#place);
      return record.#views;
    };
    beginOf = (record) => record.#begin;
    placeRecord = (record, views, begin, place) => {
      record.#views = views;
      record.#begin = begin;
      record.#place = place;
      record.#stamp = record.#host.stamp;
      record.#inner = undefined;
    };
    innerOf = (record, name, slot, make) => {
      const views = openRecord(record, name);
      record.#inner ??= [];
      record.#inner[slot] ??= make(record.#host, views, record.#begin);
      return record.#inner[slot];
    };
  }

  /** Where the record lies in the arena's space. */
  get offset(): number {
    if (!(#place in this)) throw noRecord('offset', this);
    return this.#place;
  }

  /** False once the arena was reset or disposed. */
  get valid(): boolean {
    return #stamp in this && this.#stamp === this.#host.stamp;
  }

  /**
   * Shows another record through this object, so that a loop over many makes no garbage. Nested records of before show
   * the former place.
   *
   * @throws ERR_MEMORY_OUT_OF_RANGE for an offset where no record begins
   */
  moveTo(offset: number): this {
    if (!(#host in this)) throw noRecord('moveTo', this);
    const { views, at } = this.#host.locate(offset);
    placeRecord(this, views, at, offset);
    return this;
  }
}

function stale(host: RecordHost, name: string): Error {
  return memoryError(
    'ERR_MEMORY_STALE_HANDLE',
    `${host.name}: field '${name}' of a record that a reset() or dispose() took back`,
    { source: host.name, hint: 'Copy out of the arena what must live longer.' },
  );
}

function noRecord(name: string, value: unknown): Error {
  return memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `field '${name}' was asked of something that is no record: ${describe(value)}`,
    { hint: 'Read a record itself, not a proxy of it, its prototype, or an object made from it.' },
  );
}
