import { checkInteger, checkOptions, isPowerOfTwo, memoryError } from '../../core';
import type { MemorySource, Recipe } from '../base';
import {
  attachMemory,
  checkMade,
  createMemory,
  nameOf,
  type SharedAllocatorHandle,
  type SharedAllocatorOptions,
  type SharedMemory,
} from '../shared';
import { SharedRunsBase } from './shared-runs';
import { kindOf, ownerOf, SPAN, SpanTable, spanTableWords, stateOf } from './span-table';

/** Options of a {@link SharedSystemAllocator}. */
export interface SharedSystemOptions extends SharedAllocatorOptions {
  /**
   * Unit of every block: a power of two from 4096 bytes to 1 GiB. Default: 4096, doubled until a million units span the
   * memory, because every attachment reads a word for each unit that it passes when it looks for room.
   */
  readonly pageBytes?: number;
}

const KEYS = ['name', 'owners', 'pages', 'pageBytes'] as const;
const COMFORTABLE_UNITS = 2 ** 20;
const LARGEST_PAGE = 2 ** 30;

/**
 * Whole pages of one large, sparse region, for many threads and processes: a block's pages are there when they are
 * touched, and are back at the system when `deallocate` returns, so they read as zeros at first. For large blocks that
 * live long; a call costs a system call at the free. Blocks belong to their attachment as those of `SharedHeapAllocator`.
 */
export class SharedSystemAllocator extends SharedRunsBase {
  /** Unit of every block, in bytes. */
  readonly pageBytes: number;
  /** Position of a word that is set once pages were freed and could not be given back at that moment. */
  private readonly stale: number;

  private constructor(where: string, name: string, memory: SharedMemory) {
    checkMade('SharedSystemAllocator', memory);
    const pageBytes = memory.layout.parameters[0] ?? 0;
    super(
      name,
      memory,
      new SpanTable(memory.words, memory.own, unitsOf(memory.layout.dataBytes, pageBytes)),
      pageBytes,
    );
    this.pageBytes = pageBytes;
    this.stale = memory.own + spanTableWords(this.spans.spans);
    this.enter(where);
    this.begin();
  }

  /** Makes one, attached to it. @throws as SharedHeapAllocator.create, ERR_MEMORY_INVALID_ALIGNMENT for pageBytes */
  static create(source: MemorySource, options?: SharedSystemOptions): SharedSystemAllocator {
    const where = 'SharedSystemAllocator.create';
    const given = checkOptions<SharedSystemOptions>(where, options, KEYS);
    const name = nameOf(where, given.name, 'SharedSystemAllocator');
    const asked = given.pageBytes === undefined ? 0 : checkPage(where, given.pageBytes);
    const memory = createMemory(where, 'system', source, given, (dataBytes) => {
      const pageBytes = asked === 0 ? comfortablePage(dataBytes) : asked;
      return {
        ownWords: spanTableWords(SharedRunsBase.checkUnits(where, dataBytes, pageBytes)) + 1,
        parameters: [pageBytes],
      };
    });
    memory.publish();
    return new SharedSystemAllocator(where, name, memory);
  }

  /** Attaches from another thread or process. @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_STALE_HANDLE, ERR_MEMORY_CORRUPTION, ERR_MEMORY_UNSUPPORTED */
  static attach(handle: SharedAllocatorHandle): SharedSystemAllocator {
    const where = 'SharedSystemAllocator.attach';
    const { memory, name } = attachMemory(where, 'system', handle, ({ parameters, ownWords, dataBytes }) => {
      const [pageBytes = 0] = parameters;
      const sound = isPowerOfTwo(pageBytes) && pageBytes >= 4096 && pageBytes <= LARGEST_PAGE;
      return sound && spanTableWords(unitsOf(dataBytes, pageBytes)) + 1 <= ownWords;
    });
    return new SharedSystemAllocator(where, name, memory);
  }

  /**
   * Gives a block and its pages back, whoever allocated it.
   *
   * @throws ERR_MEMORY_DOUBLE_FREE, ERR_MEMORY_FOREIGN_FREE, ERR_MEMORY_INVALID_ARGUMENT for a wrong size,
   *   ERR_MEMORY_INVALID_STATE while the region is locked: the block is still there then
   */
  deallocate(offset: number, byteLength: number): void {
    this.checkPlainFree(offset, byteLength);
    this.deallocateRun(offset, byteLength, 0, (first, count) => void this.decommit(first, count));
  }

  /** Lets a block stay when this attachment ends. @throws ERR_MEMORY_FOREIGN_FREE, ERR_MEMORY_DOUBLE_FREE */
  disown(offset: number): void {
    this.checkSpan('disown', offset, 1);
    this.disownRun(offset);
  }

  /** @internal */
  override recipe(): Recipe {
    return { ...super.recipe(), pageBytes: this.pageBytes };
  }

  protected take(byteLength: number, alignment: number, method: string): number {
    this.checkRequest(method, byteLength, alignment);
    return this.takeRun(byteLength);
  }

  protected override prepare(first: number, count: number): void {
    if (Atomics.load(this.words, this.stale) !== 0) this.decommit(first, count);
  }

  protected makeRoom(): void {} // nothing is kept ready

  protected reclaim(owner: number): number {
    const { spans } = this;
    let blocks = 0;
    let units = 0;
    for (let unit = 0; unit < spans.spans; unit += 1) {
      const state = spans.stateAt(unit);
      const kind = kindOf(state);
      if (kind === SPAN.free || kind === SPAN.body || ownerOf(state) !== owner) continue;
      if (kind === SPAN.head) {
        if (!spans.swap(unit, state, stateOf(SPAN.freeing, owner))) continue;
        if (!this.gaveBack(unit, spans.lengthAt(unit))) Atomics.store(this.words, this.stale, 1);
      } else {
        // Whoever ended here may have done so before its pages were given back, or after some were somebody else's.
        Atomics.store(this.words, this.stale, 1);
      }
      if (kind !== SPAN.claiming) {
        blocks += 1; // also one that was being freed: a free is counted when it is done
        units += spans.lengthAt(unit);
      }
      spans.release(unit);
    }
    this.discharge(owner, units * this.pageBytes);
    return blocks;
  }

  // Nobody is to be kept from ending by memory that is locked, protected or gone.
  private gaveBack(first: number, count: number): boolean {
    if (this.memory.data.region.state === 'freed') return false;
    try {
      this.decommit(first, count);
      return true;
    } catch {
      return false;
    }
  }

  protected blockEnd(offset: number): number {
    if (!(Number.isInteger(offset) && offset >= 0 && offset < this.spans.spans * this.pageBytes)) return -1;
    return this.runEnd(Math.floor(offset / this.pageBytes));
  }
}

function unitsOf(dataBytes: number, pageBytes: number): number {
  return Math.floor(dataBytes / pageBytes);
}

function comfortablePage(dataBytes: number): number {
  let pageBytes = 4096;
  while (dataBytes / pageBytes > COMFORTABLE_UNITS && pageBytes < LARGEST_PAGE) pageBytes *= 2;
  return pageBytes;
}

function checkPage(where: string, value: unknown): number {
  const pageBytes = checkInteger(`${where}: pageBytes`, value, 4096, LARGEST_PAGE);
  if ((pageBytes & (pageBytes - 1)) === 0) return pageBytes;
  throw memoryError('ERR_MEMORY_INVALID_ALIGNMENT', `${where}: pageBytes must be a power of two, got ${pageBytes}`);
}
