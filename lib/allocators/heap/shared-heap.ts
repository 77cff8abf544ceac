import { checkOptions } from '../../core';
import type { MemorySource } from '../base';
import {
  attachMemory,
  checkMade,
  createMemory,
  HEADER,
  nameOf,
  type SharedAllocatorHandle,
  type SharedAllocatorOptions,
  type SharedMemory,
} from '../shared';
import { OwnSlabs } from './own-slabs';
import { auditSpans, type SharedHeapAudit } from './shared-audit';
import {
  LARGEST_SHARED_SMALL,
  mayBeOfClass,
  SHARED_BYTES,
  SHARED_CLASSES,
  SHARED_INVERSE,
  SHARED_SLOTS,
  sharedClassOf,
} from './shared-classes';
import { heapWords, SPAN_BYTES } from './shared-layout';
import { SharedRunsBase } from './shared-runs';
import { SharedSlabs } from './shared-slabs';
import { kindOf, ownerOf, SPAN } from './span-table';

const SIZES = SHARED_BYTES;
const INVERSES = SHARED_INVERSE;
const CLASSES = SHARED_CLASSES;

/**
 * Blocks of any size, freed in any order, for many threads and processes at once.
 *
 * Each attachment takes small blocks (up to 32 KiB, in classes of whole cache lines) from slabs that it alone owns, so
 * that two of them never wait for each other; larger blocks are runs of 64 KiB. Anybody frees any block, and of several
 * frees of one block exactly one succeeds. What an attachment allocated comes back when it is disposed or when its worker
 * or process ends, unless `disown()` let it stay. Whoever ends in the middle of a call leaves nothing that is lost.
 */
export class SharedHeapAllocator extends SharedRunsBase {
  private readonly slabs: SharedSlabs;
  private readonly own: OwnSlabs;
  private generation: number;

  private constructor(where: string, name: string, memory: SharedMemory) {
    checkMade('SharedHeapAllocator', memory);
    const slabs = new SharedSlabs(memory.words, memory.own, spansOf(memory.layout.dataBytes));
    super(name, memory, slabs.table, SPAN_BYTES);
    this.slabs = slabs;
    this.own = new OwnSlabs(slabs);
    this.generation = Atomics.load(this.words, HEADER.generation);
    this.enter(where);
    this.begin();
  }

  /**
   * Makes one, attached to it.
   *
   * @param source bytes (memory of Region.shared is made), `{ region }` or `{ provider, byteLength }` of shared memory;
   *   whole spans of 64 KiB of it are used
   * @throws ERR_MEMORY_OUT_OF_RANGE below one span, ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_INVALID_STATE for memory with
   *   carrier `local`, and what mapping throws
   */
  static create(source: MemorySource, options?: SharedAllocatorOptions): SharedHeapAllocator {
    const where = 'SharedHeapAllocator.create';
    const given = checkOptions<SharedAllocatorOptions>(where, options, ['name', 'owners', 'pages']);
    const name = nameOf(where, given.name, 'SharedHeapAllocator');
    const memory = createMemory(where, 'heap', source, given, (dataBytes) => ({
      ownWords: heapWords(SharedRunsBase.checkUnits(where, dataBytes, SPAN_BYTES)),
      parameters: [SPAN_BYTES],
    }));
    memory.publish();
    return new SharedHeapAllocator(where, name, memory);
  }

  /** Attaches from another thread or process. @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_STALE_HANDLE, ERR_MEMORY_CORRUPTION, ERR_MEMORY_UNSUPPORTED */
  static attach(handle: SharedAllocatorHandle): SharedHeapAllocator {
    const where = 'SharedHeapAllocator.attach';
    const { memory, name } = attachMemory(where, 'heap', handle, ({ parameters, ownWords, dataBytes }) => {
      return parameters[0] === SPAN_BYTES && heapWords(spansOf(dataBytes)) <= ownWords;
    });
    return new SharedHeapAllocator(where, name, memory);
  }

  /**
   * Gives a block back, whoever allocated it. A size of the same class passes.
   *
   * @throws ERR_MEMORY_DOUBLE_FREE, ERR_MEMORY_FOREIGN_FREE where no block begins, ERR_MEMORY_INVALID_ARGUMENT for a wrong
   *   size, ERR_MEMORY_CLOSED
   */
  deallocate(offset: number, byteLength: number): void {
    const { slabs } = this;
    const { table, words } = slabs;
    this.checkPlainFree(offset, byteLength);
    const span = Math.floor(offset / SPAN_BYTES);
    const state = table.stateAt(span);
    if (kindOf(state) !== SPAN.slab) {
      this.deallocateRun(offset, byteLength, LARGEST_SHARED_SMALL);
      return;
    }
    const index = slabs.classAt(span);
    const size = SIZES[index] as number;
    const slot = ((offset - span * SPAN_BYTES + 0.5) * (INVERSES[index] as number)) | 0;
    if (span * SPAN_BYTES + slot * size !== offset || slot >= (SHARED_SLOTS[index] as number)) {
      throw this.foreign('deallocate', offset, `begins no block: those around it have ${size} bytes`);
    }
    const at = slabs.bitmapAt(span) + (slot >> 5);
    const usual = byteLength <= LARGEST_SHARED_SMALL && CLASSES[(byteLength + 63) >> 6] === index;
    if (!usual && !mayBeOfClass(byteLength, offset, index)) {
      if (slabs.isFree(span, slot)) throw this.doubleFree('deallocate', offset);
      throw this.wrongSize('deallocate', offset, byteLength, `up to ${size}`);
    }
    const bit = 1 << slot;
    if ((Atomics.or(words, at, bit) & bit) !== 0) throw this.doubleFree('deallocate', offset);
    this.credit(size);
    const owner = ownerOf(state);
    if (owner === this.owner) this.own.noteFree(index, span, this.owner);
    // Looked at again after the bit: its owner may have left it meanwhile, and then one of the two sees it empty.
    else if (slabs.isOrphan(span) && slabs.isEmpty(span)) slabs.retireOrphan(span, this.owner);
  }

  /**
   * Lets a block stay when this attachment ends: somebody else is to free it. For blocks that are handed over.
   *
   * @throws ERR_MEMORY_FOREIGN_FREE where no block begins, ERR_MEMORY_DOUBLE_FREE for one that is free
   */
  disown(offset: number): void {
    this.checkSpan('disown', offset, 1);
    const span = Math.floor(offset / SPAN_BYTES);
    const state = span < this.spans.spans ? this.spans.stateAt(span) : 0;
    if (kindOf(state) !== SPAN.slab) {
      this.disownRun(offset);
      return;
    }
    const index = this.slabs.classAt(span);
    const slot = (offset - span * SPAN_BYTES) / (SIZES[index] as number);
    if (!Number.isInteger(slot) || slot >= (SHARED_SLOTS[index] as number)) {
      throw this.foreign('disown', offset, 'begins no block');
    }
    if (this.slabs.isFree(span, slot)) throw this.doubleFree('disown', offset);
    this.slabs.keep(span, slot);
  }

  /** Gives the empty slabs of this attachment to all others, and free pages back to the system; returns their bytes. */
  trim(): number {
    if (this.closed) throw this.closedError('trim');
    this.follow();
    this.own.retireEmpty(this.owner);
    return this.decommitFree();
  }

  /** Counts what is handed out from the bitmaps themselves. O(memory). Exact while nobody is inside a call. */
  audit(): SharedHeapAudit {
    if (this.closed) throw this.closedError('audit');
    return auditSpans(this.slabs);
  }

  // ---- what the base asks ----------------------------------------------------------------------------------------

  protected take(byteLength: number, alignment: number, method: string): number {
    if (typeof byteLength !== 'number' || !this.isPlainRequest(byteLength, alignment))
      this.checkRequest(method, byteLength, alignment);
    this.follow();
    const index =
      alignment <= 64 && byteLength <= LARGEST_SHARED_SMALL
        ? (CLASSES[(byteLength + 63) >> 6] as number)
        : sharedClassOf(byteLength, alignment);
    if (index < 0) return this.takeRun(byteLength);
    const span = this.own.current(index);
    let slot = span < 0 ? -1 : this.own.takeSlot(index, span);
    if (slot < 0) {
      const next = this.own.next(index, this.owner);
      if (next < 0) return -1;
      slot = this.own.takeSlot(index, next);
      if (slot < 0) return -1;
    }
    const size = SIZES[index] as number;
    this.charge(size);
    return this.own.current(index) * SPAN_BYTES + slot * size;
  }

  protected makeRoom(): void {
    this.own.retireEmpty(this.owner);
  }

  protected reclaim(owner: number): number {
    let blocks = 0;
    let bytes = 0;
    this.slabs.reclaim(owner, (index, count, spans) => {
      blocks += count;
      bytes += index < 0 ? spans * SPAN_BYTES : count * (SIZES[index] as number);
    });
    this.discharge(owner, bytes);
    return blocks;
  }

  protected blockEnd(offset: number): number {
    if (!(Number.isInteger(offset) && offset >= 0 && offset < this.spans.spans * SPAN_BYTES)) return -1;
    const span = Math.floor(offset / SPAN_BYTES);
    if (kindOf(this.spans.stateAt(span)) !== SPAN.slab) return this.runEnd(span);
    const index = this.slabs.classAt(span);
    const size = SIZES[index] as number;
    const slot = Math.floor((offset - span * SPAN_BYTES) / size);
    if (slot >= (SHARED_SLOTS[index] as number) || this.slabs.isFree(span, slot)) return -1;
    return span * SPAN_BYTES + (slot + 1) * size;
  }

  // Somebody reset it: the slabs that we knew are not ours any more.
  private follow(): void {
    const now = this.words[HEADER.generation] as number;
    if (now === this.generation) return;
    this.generation = now;
    this.own.forget();
  }
}

function spansOf(dataBytes: number): number {
  return Math.floor(dataBytes / SPAN_BYTES);
}
