import { type AllocatorStats, formatBytes, type MemoryError, memoryError } from '../../core';
import { AllocatorBase, type Recipe } from '../base';
import { HEADER, HEADER_DOUBLES } from './layout';
import { checkMade, type SharedAllocatorHandle, type SharedMemory } from './memory';
import { COUNTERS, type OwnerTable } from './owner-table';

/** What recover() found. */
export interface Recovery {
  /** Attachments whose worker or process had ended without dispose(). */
  readonly owners: number;
  /** Blocks of theirs that were taken back. */
  readonly blocks: number;
}

/** tryAllocate looks for dead owners at its first refusal and then at each of these: looking costs microseconds. */
const REFUSALS_BETWEEN_CHECKS = 64;

/**
 * What the shared allocators have in common: the owner table, counters of each attachment, recovery and the end.
 *
 * One object belongs to one thread; others attach by `handle`. Counters are written by their own attachment alone and
 * summed by stats(): they are exact unless somebody died inside an operation, which can make them differ by that one.
 */
export abstract class SharedAllocatorBase extends AllocatorBase {
  protected readonly memory: SharedMemory;
  /** The bookkeeping, and the same bytes as 64-bit floats. */
  protected readonly words: Int32Array;
  protected readonly doubles: Float64Array;
  protected readonly table: OwnerTable;
  /** This attachment's number, 1 to 1023. */
  owner: number;
  /** Where this attachment's counters begin. */
  protected counters: number;
  private refusals = 0;

  protected constructor(name: string, memory: SharedMemory) {
    checkMade(new.target.name, memory);
    super(name, true);
    this.memory = memory;
    this.words = memory.words;
    this.doubles = memory.doubles;
    this.table = memory.table;
    this.owner = 0;
    this.counters = memory.table.countersOf(1);
  }

  /** Takes back what an owner held, who is dead or leaves. Repeatable; runs beside living owners. @returns blocks */
  protected abstract reclaim(owner: number): number;
  /** Forgets everything that was handed out. */
  protected abstract clear(): void;

  /** What another thread or process needs to attach: plain data for postMessage and IPC. @throws ERR_MEMORY_CLOSED */
  get handle(): SharedAllocatorHandle {
    if (this.closed) throw this.closedError('handle');
    return this.memory.handleFor(this.name);
  }

  /** Bytes of the memory that is shared out. */
  get capacityBytes(): number {
    return this.memory.layout.dataBytes;
  }

  /**
   * Takes back what attachments held whose worker was terminated or whose process ended without dispose(). Also done by
   * itself before a request is refused. Any attachment may call it at any time, several at once too.
   *
   * @throws ERR_MEMORY_CLOSED, and what stopped it from cleaning up after one of them, such as ERR_MEMORY_CORRUPTION: the
   *   others were cleaned up after, and that one is tried again by the next call of any attachment
   */
  recover(): Recovery {
    if (this.closed) throw this.closedError('recover');
    const { owners, amount } = this.table.recover((owner) => this.clean(owner));
    return { owners, blocks: amount };
  }

  /**
   * Gives everything back at once, whoever holds it. Collective: nobody else may be inside a call, and whatever any
   * attachment still holds of before is not its own any more. Checkpoints, markers and leases of before are stale.
   */
  reset(): void {
    if (this.closed) throw this.closedError('reset');
    Atomics.add(this.words, HEADER.era, 1);
    Atomics.add(this.words, HEADER.generation, 1);
    this.clear();
    this.doubles[HEADER_DOUBLES.dropped] =
      this.table.sum(this.doubles, COUNTERS.allocations) - this.table.sum(this.doubles, COUNTERS.deallocations);
    this.count(COUNTERS.resets, 1);
  }

  /** @internal */
  override recipe(): Recipe {
    return { ...super.recipe(), owners: this.memory.layout.owners };
  }

  /** A snapshot over all attachments, past ones included. */
  override stats(): AllocatorStats {
    if (this.closed) return this.lastStats ?? super.stats();
    const total = (counter: number): number => Math.max(0, this.table.sum(this.doubles, counter));
    return Object.freeze({
      name: this.name,
      allocations: total(COUNTERS.allocations),
      deallocations: total(COUNTERS.deallocations),
      failures: total(COUNTERS.failures),
      resets: total(COUNTERS.resets),
      liveAllocations: this.liveAllocations,
      usedBytes: this.usedBytes,
      peakUsedBytes: this.peakUsedBytes,
      capacityBytes: this.capacityBytes,
      reservedBytes: this.reservedBytes,
    });
  }

  private lastStats: AllocatorStats | undefined;

  protected get liveAllocations(): number {
    const { table, doubles } = this;
    const live = table.sum(doubles, COUNTERS.allocations) - table.sum(doubles, COUNTERS.deallocations);
    const dropped = doubles[HEADER_DOUBLES.dropped];
    return Math.max(0, Number.isSafeInteger(dropped) ? live - (dropped as number) : live);
  }

  protected get reservedBytes(): number {
    return this.memory.data.byteLength;
  }

  /** Adds to a counter of this attachment. */
  protected count(counter: number, by: number): void {
    const at = this.counters + counter;
    this.doubles[at] = (this.doubles[at] ?? 0) + by;
  }

  /** True when something was taken back, so that a request is worth another try. `sure`: look now, whatever it costs. */
  protected lookForRoom(sure: boolean): boolean {
    const due = sure || this.refusals % REFUSALS_BETWEEN_CHECKS === 0;
    this.refusals = (this.refusals + 1) % REFUSALS_BETWEEN_CHECKS;
    return due && this.recover().owners > 0;
  }

  protected letGo(): void {
    const last = this.stats();
    this.memory.data.release(); // may throw ERR_MEMORY_IN_USE: still attached then
    // Whoever ends from here on, inside this or before it, is cleaned up after by the others.
    try {
      this.table.cleanUp(this.owner, true, (owner) => this.clean(owner));
    } finally {
      this.closed = true; // also with bookkeeping that cannot be read: the memory is gone
      this.memory.book.free();
      this.lastStats = last;
    }
  }

  /** Who cleans a place is the only one that writes its counters. */
  private clean(owner: number): number {
    const blocks = this.reclaim(owner);
    const at = this.table.countersOf(owner) + COUNTERS.deallocations;
    this.doubles[at] = (this.doubles[at] ?? 0) + blocks;
    return blocks;
  }

  /** The checks of every call without their words; those are made by checkRequest and checkSpan, which throw. */
  protected isPlainRequest(byteLength: number, alignment: number): boolean {
    return (
      typeof byteLength === 'number' &&
      typeof alignment === 'number' &&
      (byteLength | 0) === byteLength &&
      byteLength >= 1 &&
      (alignment | 0) === alignment &&
      alignment >= 1 &&
      alignment <= 4096 &&
      (alignment & (alignment - 1)) === 0 &&
      !this.closed
    );
  }

  protected isPlainSpan(offset: number, byteLength: number): boolean {
    return (
      typeof byteLength === 'number' &&
      (byteLength | 0) === byteLength &&
      byteLength >= 1 &&
      Number.isSafeInteger(offset) &&
      offset >= 0 &&
      !this.closed
    );
  }

  /** The error for a span that is not handed out. */
  protected outside(method: string, offset: number, byteLength: number): MemoryError {
    return memoryError(
      'ERR_MEMORY_OUT_OF_RANGE',
      `${this.where(method)}: ${byteLength} bytes from ${offset} are not handed out; ${formatBytes(this.usedBytes)} are in use`,
      { requestedBytes: byteLength, source: this.name },
    );
  }

  /**
   * Takes a place in the owner table; the last thing that a constructor does, because places of the dead are cleaned up
   * here.
   *
   * @throws ERR_MEMORY_POOL_EXHAUSTED when all places are taken by the living, ERR_MEMORY_CORRUPTION; the memory is let go
   *   of then
   */
  protected enter(where: string): void {
    try {
      let owner = this.table.claim();
      if (owner === 0 && this.recover().owners > 0) owner = this.table.claim();
      if (owner === 0) {
        throw memoryError(
          'ERR_MEMORY_POOL_EXHAUSTED',
          `${where}: all ${this.table.owners} places for attachments are taken`,
          { source: this.name, hint: 'Dispose attachments, or create it with a larger `owners`.' },
        );
      }
      this.owner = owner;
      this.counters = this.table.countersOf(owner);
    } catch (error) {
      this.memory.release();
      throw error;
    }
  }
}
