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

/** The same before a scope began, and the peaks that the ones around it had reached. */
interface Moment {
  readonly bytesTaken: number;
  readonly bytesFreed: number;
  readonly bytesPeak: number;
  readonly blocksTaken: number;
  readonly blocksFreed: number;
  readonly blocksPeak: number;
}

/**
 * Counters with nested scopes. What lives is what was taken less what was freed, and a peak is looked for before something
 * is freed only: an allocation adds two numbers, and stays small enough to be compiled into its caller.
 *
 * Plain fields, since typed arrays cost several nanoseconds more; bytes begin as -0 and are doubles from the start, or the
 * code would be compiled anew when they outgrow 31 bits.
 */
export class ScopedCounters {
  private bytesTaken = -0;
  private bytesFreed = -0;
  /** Since the innermost scope began, with what lived before. */
  private bytesPeak = -0;
  private blocksTaken = 0;
  private blocksFreed = 0;
  private blocksPeak = 0;
  private readonly outer: Moment[] = [];

  get depth(): number {
    return this.outer.length;
  }

  /** @returns the number of the allocation, from 1 */
  add(byteLength: number): number {
    this.bytesTaken += byteLength;
    return ++this.blocksTaken;
  }

  /** The outermost scope never goes below 0, whatever was allocated before it was there. */
  remove(byteLength: number): void {
    const bytes = this.bytesTaken - this.bytesFreed;
    if (bytes > this.bytesPeak) this.bytesPeak = bytes;
    const blocks = this.blocksTaken - this.blocksFreed;
    if (blocks > this.blocksPeak) this.blocksPeak = blocks;
    this.bytesFreed += byteLength;
    this.blocksFreed++;
    if (bytes < byteLength || blocks < 1) this.clamp();
  }

  /** An allocation that is undone: it was none. */
  undo(byteLength: number): void {
    this.bytesTaken -= byteLength;
    this.blocksTaken--;
  }

  /** Everything is gone at once: each scope's share of it leaves with it. */
  removeAll(): void {
    this.notePeak();
    this.bytesFreed = this.bytesTaken;
    this.blocksFreed = this.blocksTaken;
  }

  /** Of what lives no more than this is left. */
  keepAtMost(blocks: number, bytes: number): void {
    this.notePeak();
    this.bytesFreed = Math.max(this.bytesFreed, this.bytesTaken - bytes);
    this.blocksFreed = Math.max(this.blocksFreed, this.blocksTaken - blocks);
  }

  /** What lives, over all scopes. */
  total(): { readonly allocations: number; readonly bytes: number } {
    return {
      allocations: Math.max(0, this.blocksTaken - this.blocksFreed),
      bytes: Math.max(0, this.bytesTaken - this.bytesFreed),
    };
  }

  snapshot(): TrackedCounters {
    this.notePeak();
    const since = this.outer.at(-1) ?? START;
    const bytesBefore = since.bytesTaken - since.bytesFreed;
    const blocksBefore = since.blocksTaken - since.blocksFreed;
    return {
      bytes: {
        value: this.bytesTaken - this.bytesFreed - bytesBefore,
        peak: this.bytesPeak - bytesBefore,
        total: Math.min(this.bytesTaken - since.bytesTaken, Number.MAX_SAFE_INTEGER),
      },
      allocations: {
        value: this.blocksTaken - this.blocksFreed - blocksBefore,
        peak: this.blocksPeak - blocksBefore,
        total: this.blocksTaken - since.blocksTaken,
      },
    };
  }

  push(): void {
    this.notePeak();
    const { bytesTaken, bytesFreed, bytesPeak, blocksTaken, blocksFreed, blocksPeak } = this;
    this.outer.push({ bytesTaken, bytesFreed, bytesPeak, blocksTaken, blocksFreed, blocksPeak });
    this.bytesPeak = bytesTaken - bytesFreed;
    this.blocksPeak = blocksTaken - blocksFreed;
  }

  /** @throws ERR_MEMORY_INVALID_STATE without a scope */
  pop(where: string): TrackedCounters {
    if (this.outer.length === 0) {
      throw memoryError('ERR_MEMORY_INVALID_STATE', `${where}: there is no scope of counters to end`, {
        hint: 'Every popCounters() belongs to a pushCounters().',
      });
    }
    const ended = this.snapshot();
    const { bytesPeak, blocksPeak } = this.outer.pop() ?? START;
    this.bytesPeak = Math.max(this.bytesPeak, bytesPeak);
    this.blocksPeak = Math.max(this.blocksPeak, blocksPeak);
    this.clamp();
    return ended;
  }

  private notePeak(): void {
    this.bytesPeak = Math.max(this.bytesPeak, this.bytesTaken - this.bytesFreed);
    this.blocksPeak = Math.max(this.blocksPeak, this.blocksTaken - this.blocksFreed);
  }

  private clamp(): void {
    if (this.outer.length > 0) return;
    this.bytesFreed = Math.min(this.bytesFreed, this.bytesTaken);
    this.blocksFreed = Math.min(this.blocksFreed, this.blocksTaken);
  }
}

const START: Moment = {
  bytesTaken: 0,
  bytesFreed: 0,
  bytesPeak: 0,
  blocksTaken: 0,
  blocksFreed: 0,
  blocksPeak: 0,
};
