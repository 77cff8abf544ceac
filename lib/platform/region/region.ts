import { type ByteSize, checkInteger, describe, memoryError, notForUsers, systemClock } from '../../core';
import type { PageStats } from '../machine';
import { type Access, type Advice, native, type RegionKind } from '../native';
import { type Origin, RegionCore, type Span } from './core';
import type { RegionHandle } from './handle';
import { originOfFile, originOfHandle, originOfMap, originOfName, originOfSecret, originOfShared } from './making';
import type { NumaSpec } from './numa-spec';
import { unlinkNamed } from './objects';
import type { BindOptions, FreeWhenIdleOptions, Pin, RenewOptions, Residency } from './operations';
import * as operations from './operations';
import type { FileOptions, MapOptions, SecretOptions, SharedOptions } from './options';
import type { Placement } from './placement';
import type { Protection } from './secret';
import { type NodeReport, readNodes, readPageStats } from './stats';
import { checkWord, type WaitOptions, type WaitResult, waitOnWord } from './wait';

const MAKE = Symbol('make');

/**
 * Memory of the operating system, seen through an ArrayBuffer or SharedArrayBuffer.
 *
 * Freed by `free()` or `using`; the collector is a backstop and not a way to free. After `free()` every ordinary view has
 * length 0, what escaped reads zeros, and every call here throws ERR_MEMORY_FREED. No call and no stale view ends the
 * process. A Region object belongs to one thread; others attach by `handle`. Every call also throws ERR_MEMORY_FAULTED
 * once after pages vanished below a view, and ERR_MEMORY_INVALID_ARGUMENT on a `this` that is no Region.
 */
export class Region implements Disposable {
  readonly #core: RegionCore;

  /** Not for users: call `Region.map` and its like. @throws ERR_MEMORY_INVALID_STATE */
  constructor(key: symbol, origin: unknown) {
    if (key !== MAKE) throw notForUsers('Region', 'Region.map, mapFile, shared, open, secret or attach');
    this.#core = origin instanceof RegionCore ? origin : new RegionCore(origin as Origin);
  }

  // ---- making --------------------------------------------------------------------------------------------------

  /**
   * Maps private memory: zeros, present when touched.
   *
   * @param size at least this many bytes are mapped, in whole pages; `byteLength` is the number asked for
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_OUT_OF_MEMORY, ERR_MEMORY_MAP_LIMIT,
   *   ERR_MEMORY_NUMA_UNAVAILABLE for a node that is not there, and with `strict` the code of whatever was not to be had
   */
  static map(size: ByteSize, options?: MapOptions): Region {
    return new Region(MAKE, originOfMap(size, options));
  }

  /**
   * Maps a file. With mode `copy` (default) writes stay private; with `shared` they reach the file. A file that is
   * truncated meanwhile reads as zeros and makes the next call throw ERR_MEMORY_FAULTED; it never ends the process.
   * Holds one descriptor.
   *
   * @throws ERR_MEMORY_SYSCALL with errno where the file cannot be opened, ERR_MEMORY_PERMISSION, ERR_MEMORY_OUT_OF_RANGE
   *   for an empty file or one that is too short, ERR_MEMORY_INVALID_ALIGNMENT for an offset inside a page
   */
  static mapFile(path: string, options?: FileOptions): Region {
    return new Region(MAKE, originOfFile(path, options));
  }

  /**
   * Makes memory that other threads and processes can attach to by `handle`, and with `name` by Region.open(name).
   * Named memory stays after every process has gone, until Region.unlink(name). Holds one descriptor.
   *
   * @throws ERR_MEMORY_SYSCALL with EEXIST for a name that is taken, and as Region.map
   */
  static shared(size: ByteSize, options?: SharedOptions): Region {
    return new Region(MAKE, originOfShared(size, options));
  }

  /** Attaches to named shared memory. @throws ERR_MEMORY_SYSCALL with ENOENT where there is none of that name */
  static open(name: string): Region {
    return new Region(MAKE, originOfName(name));
  }

  /** Takes the name away; who is attached keeps the memory. @throws ERR_MEMORY_SYSCALL with ENOENT */
  static unlink(name: string): void {
    unlinkNamed(name);
  }

  /**
   * Makes memory for secrets: outside the kernel's own map where that can be had, locked, not dumped, between guard
   * pages, zeroed by free(). `protection` tells what was obtained; with `strict` anything less throws.
   */
  static secret(size: ByteSize, options?: SecretOptions): Region {
    return new Region(MAKE, originOfSecret(size, options));
  }

  /**
   * Attaches to a region by its handle, from any thread of the process, or from another process to one made by
   * Region.shared. Counts as one holder: the memory goes when the last holder frees it.
   *
   * @throws ERR_MEMORY_STALE_HANDLE for a region that is gone
   */
  static attach(handle: RegionHandle): Region {
    return new Region(MAKE, originOfHandle(handle));
  }

  // ---- what it is: readable after free() too, but for `faults` ---------------------------------------------------

  get kind(): RegionKind {
    return Region.#of(this, 'kind').origin.kind;
  }

  get state(): 'live' | 'freed' {
    return Region.#of(this, 'state').freed ? 'freed' : 'live';
  }

  get name(): string | null {
    return Region.#of(this, 'name').origin.name ?? null;
  }

  /** 0 once freed. */
  get byteLength(): number {
    return Region.#of(this, 'byteLength').byteLength;
  }

  get access(): Access {
    return Region.#of(this, 'access').access;
  }

  /** What was asked, what was got, and why they differ. */
  get placement(): Placement {
    return Region.#of(this, 'placement').placement;
  }

  /** What guards a secret region; null for the other kinds. */
  get protection(): Protection | null {
    return Region.#of(this, 'protection').origin.protection ?? null;
  }

  /** Accesses that met a vanished page and were given zeros, since the region was made. */
  get faults(): number {
    return Region.#of(this, 'faults').describe('Region.faults').faults;
  }

  // ---- the bytes -----------------------------------------------------------------------------------------------

  /**
   * The memory. Made at the first call and then the same, until protect() or remap() empties it.
   *
   * @throws ERR_MEMORY_TOO_LARGE beyond what one buffer can span (4 GiB on Node 20): take windows
   */
  get buffer(): ArrayBuffer | SharedArrayBuffer {
    return Region.#of(this, 'buffer').buffer('Region.buffer');
  }

  /** A view of the whole region. Hot loops take it once and keep it, and its length too. */
  get bytes(): Uint8Array {
    return Region.#of(this, 'bytes').bytes('Region.bytes');
  }

  /** A view of a part; works for regions of any size. @throws ERR_MEMORY_OUT_OF_RANGE */
  window(offset: ByteSize, length: ByteSize): Uint8Array {
    return Region.#of(this, 'window').window('Region.window', offset, length);
  }

  /** Copies bytes out, also of a region protected to `read`. */
  read(offset: ByteSize, target: Uint8Array): void {
    operations.copy(Region.#of(this, 'read'), 'read', offset, target);
  }

  /** Copies bytes in. */
  write(offset: ByteSize, source: Uint8Array): void {
    operations.copy(Region.#of(this, 'write'), 'write', offset, source);
  }

  /**
   * What another thread or process needs to attach. Plain data: send it by postMessage, workerData or IPC.
   *
   * @throws ERR_MEMORY_INVALID_STATE for regions with carrier `local`, which belong to one thread
   */
  get handle(): RegionHandle {
    return operations.handleOf(Region.#of(this, 'handle'));
  }

  // ---- life ----------------------------------------------------------------------------------------------------

  /** Keeps the region from being freed, by any thread, until the pin is released. Pins nest. */
  pin(): Pin {
    return operations.pin(Region.#of(this, 'pin'));
  }

  /** Runs `work` on the bytes with the region pinned; for native work (zlib, fs, crypto) until its promise settles. */
  use<T>(work: (bytes: Uint8Array) => T): T {
    return operations.use(Region.#of(this, 'use'), work);
  }

  /**
   * Lets go: empties the views, and, when this was the last holder, gives the pages back to the system at once.
   *
   * @throws ERR_MEMORY_DOUBLE_FREE, ERR_MEMORY_IN_USE while pinned or while another thread is inside a call,
   *   ERR_MEMORY_CORRUPTION for a secret region whose canary was overwritten (it is freed all the same)
   */
  free(): void {
    const core = Region.#of(this, 'free');
    if (core.freed) {
      throw memoryError('ERR_MEMORY_DOUBLE_FREE', 'Region.free: the region was freed before', { source: core.label() });
    }
    const failure = core.release();
    if (failure !== null) throw failure;
  }

  /** As free(), but waits while the region is in use. Does not keep the process alive. @throws ERR_MEMORY_TIMEOUT, ERR_MEMORY_ABORTED */
  async freeWhenIdle(options?: FreeWhenIdleOptions): Promise<void> {
    await operations.freeWhenIdle(Region.#of(this, 'freeWhenIdle'), () => this.free(), options);
  }

  /**
   * Hands the pages and their bytes over to a new Region; this one is freed. For caches of regions: what the former holder
   * kept reaches nothing of the next one's. Where views were made the pages move to other addresses, which costs
   * microseconds and not the faults of fresh pages. With `views: 'keep'` only the Region object is replaced.
   *
   * @throws ERR_MEMORY_IN_USE while pinned or attached elsewhere, ERR_MEMORY_INVALID_STATE while locked or protected, for
   *   named shared memory and when its handle was ever read, ERR_MEMORY_UNSUPPORTED for secret memory
   */
  renew(options?: RenewOptions): Region {
    return new Region(MAKE, operations.renew(Region.#of(this, 'renew'), options));
  }

  /** Frees unless freed already: for `using`. */
  [Symbol.dispose](): void {
    if (!Region.#of(this, '[Symbol.dispose]').freed) this.free();
  }

  // ---- pages ---------------------------------------------------------------------------------------------------

  /** Tells the kernel how the range will be used, in the words of madvise(2). @throws ERR_MEMORY_SYSCALL, ERR_MEMORY_UNSUPPORTED */
  advise(advice: Advice, range?: Span): void {
    operations.advise(Region.#of(this, 'advise'), advice, range);
  }

  /** Makes the pages present, with an error where they cannot be had. @throws ERR_MEMORY_OUT_OF_MEMORY */
  populate(range?: Span): void {
    operations.populate(Region.#of(this, 'populate'), range);
  }

  /** Keeps the pages in RAM. @throws ERR_MEMORY_LOCK_LIMIT */
  lock(range?: Span): void {
    operations.lock(Region.#of(this, 'lock'), range);
  }

  unlock(range?: Span): void {
    operations.onSpan(Region.#of(this, 'unlock'), 'unlock', range);
  }

  /**
   * Changes what may be done with the whole region. Without `readwrite` there are no views: those that exist are emptied
   * (shared ones read zeros), and a region of `read` is read by read(). The bytes are kept.
   *
   * @throws ERR_MEMORY_IN_USE while pinned or attached elsewhere
   */
  protect(access: Access): void {
    operations.protect(Region.#of(this, 'protect'), access);
  }

  /**
   * Changes the length. The bytes up to the smaller length are kept, new ones are zeros (or the file's); a shared file
   * grows. Views are emptied (shared ones read zeros): take `bytes` anew.
   *
   * @throws ERR_MEMORY_IN_USE while pinned or attached elsewhere, ERR_MEMORY_INVALID_STATE while locked or protected
   */
  remap(size: ByteSize): void {
    operations.remap(Region.#of(this, 'remap'), size);
  }

  /** Writes changes of a shared file back and waits for the device. @throws ERR_MEMORY_INVALID_STATE for other kinds */
  flush(range?: Span): void {
    operations.flush(Region.#of(this, 'flush'), range);
  }

  /** As flush(), on another thread; the region is pinned meanwhile. */
  async flushAsync(range?: Span): Promise<void> {
    await operations.flushAsync(Region.#of(this, 'flushAsync'), range);
  }

  /**
   * Gives pages back to the system, whole ones inside the range only; returns the bytes given back. Private and shared
   * memory reads zeros afterwards, a private file copy the file again; a shared file keeps its contents.
   *
   * @throws ERR_MEMORY_INVALID_STATE while locked, ERR_MEMORY_UNSUPPORTED for huge pages of the pools
   */
  decommit(range?: Span): number {
    return operations.onSpan(Region.#of(this, 'decommit'), 'decommit', range) ?? 0;
  }

  /** Fills the range with zeros; the pages stay. */
  zero(range?: Span): void {
    operations.onSpan(Region.#of(this, 'zero'), 'zero', range);
  }

  /** Which pages are in RAM, by mincore(2). */
  residency(range?: Span): Residency {
    return operations.residency(Region.#of(this, 'residency'), range);
  }

  /** What the kernel says the region's pages are: /proc/self/smaps. Milliseconds. @throws ERR_MEMORY_UNSUPPORTED */
  pageStats(): PageStats {
    const core = Region.#of(this, 'pageStats');
    return readPageStats('Region.pageStats', core.open('Region.pageStats'));
  }

  // ---- placement -----------------------------------------------------------------------------------------------

  /** On which nodes the pages lie. */
  nodes(range?: Span): NodeReport {
    const what = 'Region.nodes';
    const core = Region.#of(this, 'nodes');
    const holder = core.open(what);
    const { offset, length } = core.span(what, range);
    return readNodes(what, holder, offset, length);
  }

  /** Sets the policy for pages to come; with `move`, present pages are moved too. @throws ERR_MEMORY_NUMA_UNAVAILABLE, ERR_MEMORY_PERMISSION */
  bind(spec: NumaSpec, options?: BindOptions): void {
    operations.bind(Region.#of(this, 'bind'), spec, options);
  }

  /**
   * Moves the present pages to a node; returns how many pages of the range lie there now.
   *
   * @throws ERR_MEMORY_NUMA_UNAVAILABLE for a node that is not there or too full, ERR_MEMORY_PERMISSION
   */
  migrate(node: number, range?: Span): number {
    return operations.migrate(Region.#of(this, 'migrate'), node, range);
  }

  // ---- waiting -------------------------------------------------------------------------------------------------

  /**
   * Blocks the thread until another thread or process notifies the 32-bit word at `offset`, unless it does not hold
   * `expected`. The region cannot be freed meanwhile. Works between processes, where Atomics.wait does not.
   *
   * @throws ERR_MEMORY_INVALID_STATE for regions with carrier `local`, which no other thread can reach
   */
  wait(offset: number, expected: number, options?: WaitOptions): WaitResult {
    const what = 'Region.wait';
    const core = Region.#of(this, 'wait');
    const holder = core.open(what);
    core.needSharing(what);
    return waitOnWord(what, holder, checkWord(what, offset, core.byteLength), expected, options, systemClock);
  }

  /** Wakes up to `count` waiters (default all); returns how many. */
  notify(offset: number, count: number = 0xffffffff): number {
    const what = 'Region.notify';
    const core = Region.#of(this, 'notify');
    const holder = core.open(what);
    core.needSharing(what);
    const at = checkWord(what, offset, core.byteLength);
    return core.take(what, native().notify(holder, at, checkInteger(`${what}: count`, count, 0, 0xffffffff)));
  }

  /** What the region that `this` is keeps. @throws ERR_MEMORY_INVALID_ARGUMENT for anything else */
  static #of(self: Region, method: string): RegionCore {
    const candidate: unknown = self;
    if (typeof candidate === 'object' && candidate !== null && #core in candidate) return self.#core;
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `Region.${method} was called on ${describe(candidate)}, which is no Region`,
    );
  }
}
