import { checkInteger, type MemoryError, memoryError } from '../../core';
import { BlockTable } from './block-table';

/** Freed offsets in a generation; two are remembered: a double free past them is told as a foreign one. */
const GENERATION = 65_536;

/** Every live block and the offsets that were freed lately: tells a double, a foreign and a wrongly sized free apart. */
export class BlockBook {
  readonly table = new BlockTable();
  private freed = new Set<number>();
  private freedBefore = new Set<number>();

  enter(offset: number, byteLength: number, first: number, second: number): void {
    this.table.set(offset, byteLength, first, second);
    if (this.freed.size > 0) this.freed.delete(offset);
    if (this.freedBefore.size > 0) this.freedBefore.delete(offset);
  }

  /** Takes a block out; nothing happens for an unknown one. */
  leave(offset: number): void {
    const slot = this.table.find(offset);
    if (slot !== -1) this.table.removeAt(slot);
    this.remember(offset);
  }

  wasFreed(offset: number): boolean {
    return this.freed.has(offset) || this.freedBefore.has(offset);
  }

  remember(offset: number): void {
    this.freed.add(offset);
    if (this.freed.size < GENERATION) return;
    // Dropped by generation: taking the oldest out of a Set one by one walks over the holes of those before.
    this.freedBefore = this.freed;
    this.freed = new Set();
  }

  clear(): void {
    this.table.clear();
    this.freed.clear();
    this.freedBefore.clear();
  }

  /** @throws ERR_MEMORY_INVALID_ARGUMENT when the live block in this slot has another size */
  checkSize(where: string, source: string, slot: number, byteLength: number, origin: string): void {
    const size = this.table.sizes[slot];
    if (size === byteLength) return;
    checkInteger(`${where}: byteLength`, byteLength, 1);
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${where}: the block at ${this.table.offsetAt(slot)} was allocated with ${size} bytes, not ${byteLength}${origin}`,
      { requestedBytes: byteLength, limitBytes: size, source, hint: 'Free with the size that was asked for.' },
    );
  }

  /** The error for an offset at which no live block begins. */
  unknown(where: string, source: string, offset: number): MemoryError {
    if (this.wasFreed(offset)) {
      return memoryError('ERR_MEMORY_DOUBLE_FREE', `${where}: the block at ${offset} was freed before`, {
        source,
        hint: 'Somebody keeps an offset after freeing it.',
      });
    }
    return memoryError('ERR_MEMORY_FOREIGN_FREE', `${where}: no block of this allocator begins at ${offset}`, {
      source,
      hint: 'Free only what this very allocator handed out, with the offset as it was returned.',
    });
  }
}
