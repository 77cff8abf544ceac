import { checkInteger, checkString, describe, memoryError, notForUsers, parseBytes } from '../../core';
import { Region, type RegionHandle, type SharedOptions } from '../../platform';
import { type Backing, type MemorySource, openSource } from '../base';
import {
  bookBytesOf,
  HEADER,
  KINDS,
  LAYOUT_VERSION,
  type Layout,
  MAX_OWNERS,
  ownAreaOf,
  readLayout,
  type SharedKind,
  writeLayout,
} from './layout';
import { OwnerTable } from './owner-table';

/**
 * What another thread or process needs to attach: plain data for `postMessage`, `workerData` or IPC. It names two
 * regions, so it works as long as somebody holds them, and in other processes only for memory of Region.shared (the
 * default) and while the process that made the handle lives: an attached process can pass on its own `handle`.
 */
export interface SharedAllocatorHandle {
  readonly type: 'nebula-memory.shared-allocator';
  /** Which class attaches. */
  readonly kind: SharedKind;
  /** Version of the bookkeeping: both sides must know the same. */
  readonly layout: number;
  /** As given to create(). */
  readonly name: string;
  /** The users' bytes. */
  readonly data: RegionHandle;
  /** The bookkeeping. */
  readonly book: RegionHandle;
}

/** Options that every shared allocator has. */
export interface SharedAllocatorOptions {
  /** For messages and stats. Default: the class's own word. */
  readonly name?: string;
  /** Attachments that can be there at once, over all threads and processes: 1 to 1023. Default 64. */
  readonly owners?: number;
  /** Pages of the data region, when it is made here. */
  readonly pages?: SharedOptions['pages'];
}

/** Two regions, attached: the users' bytes and the bookkeeping beside them. Internal to the shared allocators. */
export class SharedMemory {
  readonly data: Backing;
  readonly book: Region;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly layout: Layout;
  readonly table: OwnerTable;
  /** The word at which the kind's own area begins. */
  readonly own: number;

  constructor(data: Backing, book: Region, words: Int32Array, layout: Layout) {
    this.data = data;
    this.book = book;
    this.words = words;
    this.doubles = new Float64Array(words.buffer, words.byteOffset, words.length >> 1);
    this.layout = layout;
    this.table = new OwnerTable(words, layout.owners);
    this.own = ownAreaOf(layout.owners);
  }

  handleFor(name: string): SharedAllocatorHandle {
    return Object.freeze({
      type: 'nebula-memory.shared-allocator',
      kind: this.layout.kind,
      layout: LAYOUT_VERSION,
      name,
      data: this.data.region.handle,
      book: this.book.handle,
    });
  }

  /** Opens the way for others: called when the kind has written its own area. */
  publish(): void {
    Atomics.store(this.words, HEADER.ready, 1);
  }

  /** Lets go of both regions. The memory goes when the last holder has done so. */
  release(): void {
    this.data.release(); // may throw ERR_MEMORY_IN_USE: nothing is let go of then
    if (this.book.state === 'live') this.book.free();
  }
}

/** What create() and attach() hand to a constructor. @throws ERR_MEMORY_INVALID_STATE for what users hand to it */
export function checkMade(className: string, memory: unknown): asserts memory is SharedMemory {
  if (memory instanceof SharedMemory) return;
  throw notForUsers(className, `${className}.create() or ${className}.attach()`);
}

function wordsOf(book: Region): Int32Array {
  const { buffer } = book;
  return new Int32Array(buffer, 0, Math.floor(book.byteLength / 8) * 2);
}

function openData(where: string, source: MemorySource, pages: SharedOptions['pages']): Backing {
  if (typeof source === 'number' || typeof source === 'string') {
    const byteLength = parseBytes(source, `${where}: byteLength`, { minBytes: 1 });
    const region = Region.shared(byteLength, pages === undefined ? {} : { pages });
    // The same rules as for other sources: one buffer where one can span it.
    const backing = openSource(where, { region });
    return { ...backing, mayMove: false, release: () => region.free() };
  }
  const backing = openSource(where, source);
  try {
    void backing.region.handle; // throws for memory that no other thread can reach
    return backing;
  } catch (error) {
    backing.release();
    throw error;
  }
}

/** What a kind decides once it knows how much memory there is. */
export interface Plan {
  readonly ownWords: number;
  readonly parameters: readonly number[];
}

/**
 * Makes the memory of a shared allocator. The kind fills its own area and calls `publish()`.
 *
 * @throws what mapping throws, ERR_MEMORY_INVALID_STATE for a region with carrier `local`
 */
export function createMemory(
  where: string,
  kind: SharedKind,
  source: MemorySource,
  options: SharedAllocatorOptions,
  plan: (dataBytes: number, owners: number) => Plan,
): SharedMemory {
  const owners = checkInteger(`${where}: owners`, options.owners ?? 64, 1, MAX_OWNERS);
  const data = openData(where, source, options.pages);
  let book: Region | undefined;
  try {
    const layout: Layout = { kind, owners, dataBytes: data.byteLength, ...plan(data.byteLength, owners) };
    book = Region.shared(bookBytesOf(layout));
    const words = wordsOf(book);
    const memory = new SharedMemory(data, book, words, layout);
    writeLayout(words, memory.doubles, layout);
    return memory;
  } catch (error) {
    book?.free();
    data.release();
    throw error;
  }
}

/** The name for messages. @throws ERR_MEMORY_INVALID_ARGUMENT */
export function nameOf(where: string, name: unknown, fallback: string): string {
  return name === undefined ? fallback : checkString(`${where}: name`, name, 200);
}

function checkSharedHandle(where: string, kind: SharedKind, value: unknown): SharedAllocatorHandle {
  const refuse = (why: string, cause?: unknown): Error =>
    memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: the handle of a shared allocator is needed, ${why}`, {
      cause,
      hint: 'Send allocator.handle to the worker, and attach with the class that made it.',
    });
  if (typeof value !== 'object' || value === null) throw refuse(`got ${describe(value)}`);
  let copy: Partial<SharedAllocatorHandle>;
  try {
    const { type, kind: found, layout, name, data, book } = value as SharedAllocatorHandle;
    copy = { type, kind: found, layout, name, data, book };
  } catch (cause) {
    throw refuse('this one cannot be read', cause);
  }
  if (copy.type !== 'nebula-memory.shared-allocator') throw refuse(`got ${describe(value)}`);
  if (!Object.hasOwn(KINDS, String(copy.kind))) throw refuse(`this one is of kind ${describe(copy.kind)}`);
  if (copy.kind !== kind) throw refuse(`and of a ${kind}; this one is of a ${copy.kind}`);
  return { ...copy, name: nameOf(where, copy.name, kind) } as SharedAllocatorHandle;
}

/**
 * Attaches to the memory of a shared allocator.
 *
 * @param fits tells whether the kind can work with the numbers that stand in the bookkeeping
 * @throws ERR_MEMORY_INVALID_ARGUMENT for what is no such handle, ERR_MEMORY_STALE_HANDLE when the memory is gone,
 *   ERR_MEMORY_CORRUPTION for numbers that cannot be, and as readLayout
 */
export function attachMemory(
  where: string,
  kind: SharedKind,
  value: unknown,
  fits: (layout: Layout) => boolean,
): { memory: SharedMemory; name: string } {
  const handle = checkSharedHandle(where, kind, value);
  const region = Region.attach(handle.data);
  let book: Region | undefined;
  try {
    book = Region.attach(handle.book);
    const words = wordsOf(book);
    const doubles = new Float64Array(words.buffer, 0, words.length >> 1);
    const layout = readLayout(where, words, doubles, { kind, dataBytes: region.byteLength });
    if (!fits(layout)) throw badParameters(where, layout.parameters);
    checkWhole(where, region);
    checkWhole(where, book);
    const data = { ...openSource(where, { region }), mayMove: false, release: () => region.free() };
    return { memory: new SharedMemory(data, book, words, layout), name: handle.name };
  } catch (error) {
    book?.free();
    region.free();
    throw error;
  }
}

/**
 * A file that was cut off under its mapping reads as zeros, and zeros are blocks that are free. Whoever attaches to such
 * memory is told: its last page shows it. @throws ERR_MEMORY_FAULTED
 */
export function checkWhole(where: string, region: Region): void {
  region.window(region.byteLength - 1, 1).at(0);
  const { faults } = region;
  if (faults === 0) return;
  throw memoryError('ERR_MEMORY_FAULTED', `${where}: ${faults} access(es) met pages of the memory that are not there`, {
    hint: 'The file below it was cut off. Make the pool or allocator anew.',
  });
}

/** The error for numbers in the bookkeeping that cannot be. */
function badParameters(where: string, parameters: readonly number[]): Error {
  return memoryError(
    'ERR_MEMORY_CORRUPTION',
    `${where}: the bookkeeping region holds parameters that cannot be: ${parameters.slice(0, 4).join(', ')}`,
  );
}
