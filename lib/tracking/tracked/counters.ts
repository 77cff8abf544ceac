import { memoryError } from '../../core';

/** A number that goes up and down. */
export interface Counter {
  /** Now. In a nested scope: the change since it began, below 0 where blocks of before were freed. */
  readonly value: number;
  /** Greatest value so far; at least 0. */
  readonly peak: number;
  /** Sum of all additions. */
  readonly total: number;
}

/** What passed through one scope. */
export interface TrackedCounters {
  readonly bytes: Counter;
  readonly allocations: Counter;
}

/** Counters with nested scopes: what a scope saw is added to the one around it when it ends. */
export class ScopedCounters {
  /** Fields of the innermost scope: bytes, then blocks. */
  private bytes = 0;
  private bytesPeak = 0;
  private bytesTotal = 0;
  private blocks = 0;
  private blocksPeak = 0;
  private blocksTotal = 0;
  private readonly outer: TrackedCounters[] = [];

  get depth(): number {
    return this.outer.length;
  }

  add(byteLength: number): void {
    this.bytesTotal += byteLength;
    this.blocksTotal++;
    if ((this.bytes += byteLength) > this.bytesPeak) this.bytesPeak = this.bytes;
    if (++this.blocks > this.blocksPeak) this.blocksPeak = this.blocks;
  }

  /** The outermost scope never goes below 0, whatever was allocated before it was there. */
  remove(byteLength: number): void {
    this.bytes -= byteLength;
    this.blocks--;
    if (this.outer.length === 0) this.clamp();
  }

  /** Everything is gone at once: each scope's share of it leaves with it. */
  removeAll(): void {
    const outside = sum(this.outer);
    this.bytes = -outside.bytes;
    this.blocks = -outside.blocks;
  }

  /** What lives, over all scopes. */
  total(): { readonly allocations: number; readonly bytes: number } {
    const outside = sum(this.outer);
    return { allocations: Math.max(0, outside.blocks + this.blocks), bytes: Math.max(0, outside.bytes + this.bytes) };
  }

  snapshot(): TrackedCounters {
    return {
      bytes: counter(this.bytes, this.bytesPeak, this.bytesTotal),
      allocations: counter(this.blocks, this.blocksPeak, this.blocksTotal),
    };
  }

  push(): void {
    this.outer.push(this.snapshot());
    this.load({ bytes: counter(0, 0, 0), allocations: counter(0, 0, 0) });
  }

  /** @throws ERR_MEMORY_INVALID_STATE without a scope */
  pop(where: string): TrackedCounters {
    const outer = this.outer.pop();
    if (outer === undefined) {
      throw memoryError('ERR_MEMORY_INVALID_STATE', `${where}: there is no scope of counters to end`, {
        hint: 'Every popCounters() belongs to a pushCounters().',
      });
    }
    const ended = this.snapshot();
    this.load({ bytes: merge(outer.bytes, ended.bytes), allocations: merge(outer.allocations, ended.allocations) });
    if (this.outer.length === 0) this.clamp();
    return ended;
  }

  private clamp(): void {
    if (this.bytes < 0) this.bytes = 0;
    if (this.blocks < 0) this.blocks = 0;
  }

  private load({ bytes, allocations }: TrackedCounters): void {
    this.bytes = bytes.value;
    this.bytesPeak = bytes.peak;
    this.bytesTotal = bytes.total;
    this.blocks = allocations.value;
    this.blocksPeak = allocations.peak;
    this.blocksTotal = allocations.total;
  }
}

function counter(value: number, peak: number, total: number): Counter {
  return { value, peak, total: Math.min(total, Number.MAX_SAFE_INTEGER) };
}

function merge(outer: Counter, ended: Counter): Counter {
  return counter(outer.value + ended.value, Math.max(outer.peak, outer.value + ended.peak), outer.total + ended.total);
}

function sum(scopes: readonly TrackedCounters[]): { bytes: number; blocks: number } {
  let bytes = 0;
  let blocks = 0;
  for (const scope of scopes) {
    bytes += scope.bytes.value;
    blocks += scope.allocations.value;
  }
  return { bytes, blocks };
}
