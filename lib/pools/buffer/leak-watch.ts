import { join, sep } from 'node:path';
import type { Clock } from '../../core';
import type { TrackingLevel } from '../../tracking';
import type { LoanWatcher, Slot } from './slab';

/** A loan that is out and was recorded. */
export interface BufferLeak {
  /** Where it was acquired: a line for each frame, nearest first. */
  readonly site: string;
  readonly byteLength: number;
  readonly heldMs: number;
  /** The lease is gone and was never released: nobody can give this buffer back any more. */
  readonly collected: boolean;
}

interface Loan {
  readonly site: string;
  readonly byteLength: number;
  readonly sinceMs: number;
  collected: boolean;
}

const INTERVALS: Readonly<Record<TrackingLevel, number>> = { off: 2 ** 30, simple: 1024, advanced: 128, paranoid: 1 };
const FRAMES = 10;

/** Frames of this package above a user's one, at most. */
const OWN_FRAMES = 8;
/** Folder of this package's code; a bundle has none of its own. */
const OWN_FOLDER = typeof __dirname === 'string' ? join(__dirname, '..', '..') + sep : '\0';

/** The nearest frames that are not this package's, one a line; settings of `Error` are put back. Nothing here throws. */
function captureSite(depth: number): string {
  const { stackTraceLimit } = Error;
  const holder: { stack?: unknown } = {};
  try {
    Error.stackTraceLimit = depth + OWN_FRAMES;
    Error.captureStackTrace(holder, captureSite);
    const lines = String(holder.stack).split('\n').slice(1);
    const users = lines.findIndex((line) => !line.includes(OWN_FOLDER));
    const shown = (users === -1 ? lines : lines.slice(users)).slice(0, depth);
    return shown.map((line) => line.trim().replace(/^at /, '')).join('\n') || '(no stack)';
  } catch {
    return '(no stack)'; // frozen intrinsics
  } finally {
    try {
      Error.stackTraceLimit = stackTraceLimit;
    } catch {
      // It could not be changed in the first place.
    }
  }
}

/** Remembers where a sample of the loans came from. */
export class LeakWatch {
  /** Loans until the next one that is recorded. */
  countdown: number;
  /** Recorded leases that were collected without having been released. */
  collected = 0;
  private readonly level: TrackingLevel;
  private readonly clock: Clock;
  private readonly loans = new Set<Loan>();
  private readonly gone: FinalizationRegistry<Loan> | undefined;
  private random = 1;

  constructor(level: TrackingLevel, clock: Clock) {
    this.level = level;
    this.clock = clock;
    if (level !== 'off') {
      this.gone = new FinalizationRegistry((loan) => {
        loan.collected = true;
        this.collected += 1;
      });
    }
    this.countdown = this.distance();
  }

  /** Records the loan of a slot, if it is one for the sample. @throws what the clock throws */
  note(lease: object, slot: Slot, byteLength: number): void {
    this.countdown = this.distance();
    if (this.gone === undefined) return;
    const site = captureSite(this.level === 'simple' ? 1 : FRAMES);
    const loan: Loan = { site, byteLength, sinceMs: this.clock.nowMs(), collected: false };
    this.loans.add(loan);
    this.gone.register(lease, loan, slot);
    slot.watcher = new RecordedLoan(this, slot, loan, slot.watcher);
  }

  forget(slot: Slot, loan: Loan): void {
    this.loans.delete(loan);
    this.gone?.unregister(slot);
  }

  /** Those that are out, the longest first. */
  report(): BufferLeak[] {
    if (this.loans.size === 0) return [];
    const nowMs = this.clock.nowMs();
    return [...this.loans].map(({ site, byteLength, sinceMs, collected }) => ({
      site,
      byteLength,
      heldMs: nowMs - sinceMs,
      collected,
    }));
  }

  /** Random around the interval, so that no rhythm of the program hides. */
  private distance(): number {
    const interval = INTERVALS[this.level];
    if (interval === 1 || this.level === 'off') return interval;
    this.random = (Math.imul(this.random, 1664525) + 1013904223) >>> 0;
    return 1 + Math.floor((this.random / 2 ** 32) * (2 * interval - 1));
  }
}

class RecordedLoan implements LoanWatcher {
  private readonly watch: LeakWatch;
  private readonly slot: Slot;
  private readonly loan: Loan;
  private readonly next: LoanWatcher | null;

  constructor(watch: LeakWatch, slot: Slot, loan: Loan, next: LoanWatcher | null) {
    this.watch = watch;
    this.slot = slot;
    this.loan = loan;
    this.next = next;
  }

  ended(): void {
    this.watch.forget(this.slot, this.loan);
    this.next?.ended();
  }
}
