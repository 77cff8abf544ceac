// A plain first-fit allocator over an ordinary buffer: exact, strict and slow, so that adaptors are tested for themselves.
import { type Allocator, type AllocatorStats, checkAlignment, checkInteger, memoryError } from '../../../lib/core';

interface Block {
  readonly offset: number;
  readonly byteLength: number;
  readonly span: number;
}

export class ListAllocator implements Allocator {
  readonly capacityBytes: number;
  blocks: Block[] = [];
  private readonly memory: ArrayBuffer;
  private readonly freed = new Set<number>();
  private readonly counts = { allocations: 0, deallocations: 0, failures: 0, resets: 0 };
  private peak = 0;
  private closed = false;

  constructor(capacityBytes: number = 65_536) {
    this.capacityBytes = capacityBytes;
    this.memory = new ArrayBuffer(capacityBytes);
  }

  allocate(byteLength: number, alignment: number = 8): number {
    const offset = this.tryAllocate(byteLength, alignment);
    if (offset !== -1) return offset;
    const never = byteLength > this.capacityBytes;
    throw memoryError(never ? 'ERR_MEMORY_TOO_LARGE' : 'ERR_MEMORY_ARENA_EXHAUSTED', `list: no ${byteLength} bytes`, {
      requestedBytes: byteLength,
      hint: 'Free something.',
    });
  }

  tryAllocate(byteLength: number, alignment: number = 8): number {
    this.checkOpen();
    checkInteger('byteLength', byteLength, 1);
    checkAlignment(alignment, 4096);
    const span = Math.ceil(byteLength / 8) * 8;
    let offset = 0;
    let index = 0;
    for (const block of this.blocks) {
      if (offset + span <= block.offset) break;
      offset = Math.ceil((block.offset + block.span) / alignment) * alignment;
      index++;
    }
    if (offset + span > this.capacityBytes) {
      this.counts.failures++;
      return -1;
    }
    this.blocks.splice(index, 0, { offset, byteLength, span });
    this.freed.delete(offset);
    this.counts.allocations++;
    this.peak = Math.max(this.peak, this.usedBytes);
    return offset;
  }

  deallocate(offset: number, byteLength: number): void {
    this.checkOpen();
    checkInteger('offset', offset);
    checkInteger('byteLength', byteLength, 1);
    const index = this.blocks.findIndex((block) => block.offset === offset);
    const block = this.blocks[index];
    if (block === undefined) {
      throw memoryError(
        this.freed.has(offset) ? 'ERR_MEMORY_DOUBLE_FREE' : 'ERR_MEMORY_FOREIGN_FREE',
        `list: ${offset}`,
      );
    }
    if (block.byteLength !== byteLength) throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `list: size ${byteLength}`);
    this.blocks.splice(index, 1);
    this.freed.add(offset);
    this.counts.deallocations++;
  }

  view(offset: number, byteLength: number): Uint8Array {
    this.checkOpen();
    checkInteger('offset', offset);
    checkInteger('byteLength', byteLength, 1);
    const holds = (block: Block) => offset >= block.offset && offset + byteLength <= block.offset + block.span;
    if (!this.blocks.some(holds)) throw memoryError('ERR_MEMORY_OUT_OF_RANGE', `list: view ${offset} + ${byteLength}`);
    return new Uint8Array(this.memory, offset, byteLength);
  }

  /** The memory, whoever holds it: for stray writes. */
  get raw(): Uint8Array {
    return new Uint8Array(this.memory);
  }

  reset(): void {
    this.checkOpen();
    this.blocks = [];
    this.freed.clear();
    this.counts.resets++;
  }

  owns(offset: number): boolean {
    if (!Number.isSafeInteger(offset)) return false;
    return this.blocks.some((block) => offset >= block.offset && offset < block.offset + block.span);
  }

  get usedBytes(): number {
    return this.blocks.reduce((sum, { span }) => sum + span, 0);
  }

  stats(): AllocatorStats {
    return {
      name: 'list',
      ...this.counts,
      liveAllocations: this.blocks.length,
      usedBytes: this.usedBytes,
      peakUsedBytes: this.peak,
      capacityBytes: this.capacityBytes,
      reservedBytes: this.capacityBytes,
    };
  }

  [Symbol.dispose](): void {
    this.closed = true;
    this.blocks = [];
  }

  private checkOpen(): void {
    if (this.closed) throw memoryError('ERR_MEMORY_CLOSED', 'list: disposed');
  }
}
