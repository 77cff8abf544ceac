import type { GuardedBlock } from './canary';

/** Freed blocks in the order of their frees. */
export class Quarantine {
  private queue: GuardedBlock[] = [];
  private head = 0;
  /** Bytes with guards. */
  bytes = 0;

  get size(): number {
    return this.queue.length - this.head;
  }

  get oldest(): GuardedBlock | undefined {
    return this.queue[this.head];
  }

  push(block: GuardedBlock): void {
    this.queue.push(block);
    this.bytes += spanOf(block);
  }

  shift(): void {
    const block = this.queue[this.head];
    if (block === undefined) return;
    this.bytes -= spanOf(block);
    if (++this.head * 2 < this.queue.length) return;
    this.queue = this.queue.slice(this.head);
    this.head = 0;
  }

  /** Makes a block that was taken out the oldest again. */
  putBack(block: GuardedBlock): void {
    if (this.head > 0) this.queue[--this.head] = block;
    else this.queue.unshift(block);
    this.bytes += spanOf(block);
  }

  all(): readonly GuardedBlock[] {
    return this.queue.slice(this.head);
  }

  clear(): void {
    this.queue = [];
    this.head = 0;
    this.bytes = 0;
  }
}

/** Bytes of a block with both guards. */
export function spanOf({ byteLength, front, rear }: GuardedBlock): number {
  return front + byteLength + rear;
}
