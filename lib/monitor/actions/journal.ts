import type { PressureLevel } from '../../core';
import type { ActionKind } from './action';

/**
 * Done: it answered. Asked: it answers later. Late: it answered after its time was up. Unanswered: its time is up. Denying
 * and allowing: large allocations are refused from now on, or not any more. DryRun: it would have been asked.
 */
export type ActionOutcome = 'done' | 'asked' | 'late' | 'failed' | 'unanswered' | 'denying' | 'allowing' | 'dryRun';

/** One thing that was done, or would have been. Sizes are bytes. */
export interface JournalEntry {
  /** Counts from 1 without gaps: what the journal has dropped can be seen. */
  readonly sequence: number;
  /** The monitor's clock. */
  readonly atMs: number;
  readonly action: string;
  readonly kind: ActionKind;
  readonly outcome: ActionOutcome;
  readonly level: PressureLevel;
  /** The source that raised the level, and its words. */
  readonly reason: string;
  /** What the target said that it could give, and what it was asked for; null where it cannot say. */
  readonly reclaimableBytes: number | null;
  readonly askedBytes: number | null;
  /** What was freed: measured before and after where that can be done, otherwise what it said; null when not known. */
  readonly freedBytes: number | null;
  readonly measured: boolean;
  readonly error: { readonly code: string | null; readonly message: string } | null;
}

/** The last entries, in a ring. */
export class Journal {
  private readonly ring: JournalEntry[] = [];
  private readonly capacity: number;
  private count = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  add(entry: Omit<JournalEntry, 'sequence'>): JournalEntry {
    const made = Object.freeze({ sequence: this.count + 1, ...entry });
    this.ring[this.count % this.capacity] = made;
    this.count += 1;
    return made;
  }

  /** Entries so far, kept or dropped. */
  get total(): number {
    return this.count;
  }

  /** The oldest first. */
  entries(): JournalEntry[] {
    const start = this.count <= this.capacity ? 0 : this.count % this.capacity;
    return [...this.ring.slice(start), ...this.ring.slice(0, start)];
  }
}
