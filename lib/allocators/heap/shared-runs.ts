import { isMemoryError, memoryError } from '../../core';
import { windowOf } from '../base';
import { COUNTERS, PHASES, SharedAllocatorBase, type SharedMemory } from '../shared';
import { kindOf, ownerOf, SPAN, type SpanTable, stateOf } from './span-table';

const MOST_UNITS = 2 ** 24;

/** What the shared heap and the shared system allocator have in common: runs of equal units, and the books. */
export abstract class SharedRunsBase extends SharedAllocatorBase {
  protected readonly spans: SpanTable;
  protected readonly unitBytes: number;
  private usedAt = 0;
  private peakAt = 0;

  protected constructor(name: string, memory: SharedMemory, spans: SpanTable, unitBytes: number) {
    super(name, memory);
    this.spans = spans;
    this.unitBytes = unitBytes;
  }

  /** Units in so many bytes. @throws ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_TOO_LARGE */
  static checkUnits(where: string, dataBytes: number, unitBytes: number): number {
    const units = Math.floor(dataBytes / unitBytes);
    if (units < 1) {
      throw memoryError(
        'ERR_MEMORY_OUT_OF_RANGE',
        `${where}: at least ${unitBytes} bytes are needed, got ${dataBytes}`,
      );
    }
    if (units > MOST_UNITS) {
      throw memoryError('ERR_MEMORY_TOO_LARGE', `${where}: ${dataBytes} bytes are more than it can manage`, {
        requestedBytes: dataBytes,
        limitBytes: MOST_UNITS * unitBytes,
        hint: 'Make several, or take larger pages.',
      });
    }
    return units;
  }

  /** Takes a block, or gives -1; checks its arguments. */
  protected abstract take(byteLength: number, alignment: number, method: string): number;
  /** Gives up what this attachment keeps ready, so that a request is worth another try. */
  protected abstract makeRoom(): void;
  /** Runs between a run's claim and its use. */
  protected prepare(_first: number, _count: number): void {}
  /** End of the block that is handed out and holds the offset, or -1. */
  protected abstract blockEnd(offset: number): number;

  /**
   * The offset of a block of at least `byteLength` bytes.
   *
   * @param alignment a power of two from 1 to 4096
   * @throws ERR_MEMORY_ARENA_EXHAUSTED, ERR_MEMORY_TOO_LARGE, ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE,
   *   ERR_MEMORY_INVALID_ALIGNMENT, ERR_MEMORY_CLOSED
   */
  allocate(byteLength: number, alignment: number = 16): number {
    let offset = this.take(byteLength, alignment, 'allocate');
    if (offset < 0) offset = this.tryAgain(byteLength, alignment, true);
    if (offset >= 0) return offset;
    this.count(COUNTERS.failures, 1);
    throw this.noRoom(byteLength, this.capacityBytes, 'ERR_MEMORY_ARENA_EXHAUSTED');
  }

  /** As allocate(), but -1 where there is no room. */
  tryAllocate(byteLength: number, alignment: number = 16): number {
    let offset = this.take(byteLength, alignment, 'tryAllocate');
    if (offset < 0) offset = this.tryAgain(byteLength, alignment, false);
    if (offset < 0) this.count(COUNTERS.failures, 1);
    return offset;
  }

  /** A window of a block that somebody holds, or of a part of it. @throws ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_CLOSED */
  view(offset: number, byteLength: number): Uint8Array {
    this.checkSpan('view', offset, byteLength);
    if (!(offset + byteLength <= this.blockEnd(offset))) throw this.outside('view', offset, byteLength);
    return windowOf(this.where('view'), this.memory.data, offset, byteLength);
  }

  /** True inside a block that any attachment holds. */
  owns(offset: number): boolean {
    if (this.closed) return false;
    const end = this.blockEnd(offset); // -1 also for what is no offset
    return end >= 0 && offset < end;
  }

  /** Bytes that all attachments hold, rounded up to classes and units; exact while nobody is inside a call. */
  get usedBytes(): number {
    return this.closed ? 0 : Math.max(0, this.table.sum(this.doubles, COUNTERS.used));
  }

  /** Whole units of the memory. */
  override get capacityBytes(): number {
    return this.spans.spans * this.unitBytes;
  }

  /** Exact with one attachment; with several the sum of their own peaks, which is never less than the peak. */
  protected get peakUsedBytes(): number {
    if (this.closed) return 0;
    return Math.max(0, Math.min(this.capacityBytes, this.table.sum(this.doubles, COUNTERS.peak)));
  }

  protected clear(): void {
    this.spans.clear();
    this.doubles[this.usedAt] = (this.doubles[this.usedAt] ?? 0) - this.table.sum(this.doubles, COUNTERS.used);
  }

  /** Called when `owner` is known. */
  protected begin(): void {
    this.usedAt = this.counters + COUNTERS.used;
    this.peakAt = this.counters + COUNTERS.peak;
  }

  // ---- books -------------------------------------------------------------------------------------------------------

  protected charge(bytes: number): void {
    const { doubles, usedAt, peakAt, counters } = this;
    const used = (doubles[usedAt] as number) + bytes;
    doubles[usedAt] = used;
    if (used > (doubles[peakAt] as number)) doubles[peakAt] = used;
    doubles[counters + COUNTERS.allocations] = (doubles[counters + COUNTERS.allocations] as number) + 1;
  }

  protected credit(bytes: number): void {
    const { doubles, usedAt, counters } = this;
    doubles[usedAt] = (doubles[usedAt] as number) - bytes;
    doubles[counters + COUNTERS.deallocations] = (doubles[counters + COUNTERS.deallocations] as number) + 1;
  }

  /** For who cleans up after an owner. */
  protected discharge(owner: number, bytes: number): void {
    const at = this.table.countersOf(owner) + COUNTERS.used;
    this.doubles[at] = (this.doubles[at] ?? 0) - bytes;
  }

  // ---- runs --------------------------------------------------------------------------------------------------------

  protected takeRun(byteLength: number): number {
    const count = Math.ceil(byteLength / this.unitBytes);
    if (count > this.spans.spans) return -1;
    const first = this.spans.claim(count, this.owner);
    if (first < 0) return -1;
    try {
      this.prepare(first, count);
    } catch (error) {
      this.spans.unclaim(first, count);
      throw error;
    }
    this.spans.commit(first, count, this.owner);
    this.charge(count * this.unitBytes);
    return first * this.unitBytes;
  }

  protected checkPlainFree(offset: number, byteLength: number): void {
    if (typeof byteLength !== 'number' || !this.isPlainSpan(offset, byteLength))
      this.checkSpan('deallocate', offset, byteLength);
    if (offset >= this.spans.spans * this.unitBytes) {
      throw this.foreign('deallocate', offset, 'lies outside the memory');
    }
  }

  /** Frees a block that is a run, of more than `above` bytes. `beforeFree` runs while nobody else can have its pages. */
  protected deallocateRun(
    offset: number,
    byteLength: number,
    above: number,
    beforeFree?: (first: number, count: number) => void,
  ): void {
    const { spans, unitBytes } = this;
    const first = Math.floor(offset / unitBytes);
    const state = this.checkRun('deallocate', offset);
    const count = spans.lengthAt(first);
    if (byteLength <= above || Math.ceil(byteLength / unitBytes) !== count) {
      const least = Math.max(above, (count - 1) * unitBytes) + 1;
      throw this.wrongSize('deallocate', offset, byteLength, `${least} to ${count * unitBytes}`);
    }
    const freeing = stateOf(SPAN.freeing, this.owner);
    if (!spans.swap(first, state, freeing)) throw this.doubleFree('deallocate', offset);
    try {
      beforeFree?.(first, count);
    } catch (error) {
      this.putBack(first, freeing, state);
      throw error;
    }
    spans.release(first);
    this.credit(count * unitBytes);
  }

  // A block that could not be freed is still there, as it was. Its owner may have ended meanwhile, after its blocks were
  // looked through: then it is this attachment's, or nobody would ever take it back.
  private putBack(first: number, freeing: number, state: number): void {
    const owner = ownerOf(state);
    if (!this.spans.swap(first, freeing, state) || owner === 0 || owner === this.owner) return;
    if (this.table.phaseOf(owner) !== PHASES.live) this.spans.swap(first, state, stateOf(SPAN.head, this.owner));
  }

  protected disownRun(offset: number): void {
    const state = this.checkRun('disown', offset);
    const first = Math.floor(offset / this.unitBytes);
    if (!this.spans.swap(first, state, stateOf(SPAN.head, 0)) && ownerOf(state) !== 0) {
      throw this.doubleFree('disown', offset);
    }
  }

  // The state of the run that begins at the offset.
  private checkRun(method: string, offset: number): number {
    const { spans, unitBytes } = this;
    const first = Math.floor(offset / unitBytes);
    if (first >= spans.spans) throw this.foreign(method, offset, 'lies outside the memory');
    const state = spans.stateAt(first);
    if (kindOf(state) === SPAN.head && offset % unitBytes === 0) return state;
    const head = spans.headOf(first);
    if (head >= 0) throw this.foreign(method, offset, `lies inside the block at ${head * unitBytes}`);
    if (spans.lengthAt(first) === 0) throw this.foreign(method, offset, 'was never handed out');
    throw this.doubleFree(method, offset);
  }

  protected runEnd(unit: number): number {
    const head = this.spans.headOf(unit);
    return head < 0 ? -1 : (head + this.spans.lengthAt(head)) * this.unitBytes;
  }

  /** Gives the pages of units back to the system that are nobody's while it lasts; returns the bytes. */
  protected decommit(first: number, count: number): number {
    const { region } = this.memory.data;
    if (region.state === 'freed') return 0;
    try {
      return region.decommit({ offset: first * this.unitBytes, length: count * this.unitBytes });
    } catch (error) {
      if (isMemoryError(error) && error.code === 'ERR_MEMORY_UNSUPPORTED') return 0; // huge pages of the pools
      throw error;
    }
  }

  /** Claims each free unit for a moment and gives its pages back. */
  protected decommitFree(): number {
    const { spans } = this;
    const claiming = stateOf(SPAN.claiming, this.owner);
    let given = 0;
    for (let unit = 0; unit < spans.spans; unit += 1) {
      if (!spans.mayBePresent(unit) || !spans.swap(unit, SPAN.free, claiming)) continue;
      try {
        given += this.decommit(unit, 1);
        spans.noteClean(unit);
      } finally {
        spans.release(unit);
      }
    }
    return given;
  }

  private tryAgain(byteLength: number, alignment: number, sure: boolean): number {
    if (byteLength > this.capacityBytes) return -1;
    this.makeRoom();
    const offset = this.take(byteLength, alignment, 'allocate');
    if (offset >= 0 || !this.lookForRoom(sure)) return offset;
    return this.take(byteLength, alignment, 'allocate');
  }
}
