import type { ByteSize, Duration, Timers, WaitOptions } from '../core';
import type { BudgetPolicy, PolicyName } from './policy';
import type { ReservationMode } from './reservation';

export interface ChildBudgetOptions {
  /** The most that it and all below it may use. Default: the parent's limit. */
  readonly limitBytes?: ByteSize;
  /** Bytes that are its own whatever the others do; taken from the parent at once. Default 0. */
  readonly guaranteedBytes?: ByteSize;
  /** From 0 to 100, for the `priority` policy of its parent. Default 50. */
  readonly priority?: number;
  /** How its limit is shared among its children: `greedy` (default), `fairShare`, `priority`, or an object. */
  readonly policy?: PolicyName | BudgetPolicy;
  /**
   * Step in which capacity is got from the parent, so that most reservations never leave this budget. Default: a
   * sixteenth of the limit, at most 1 MiB. 1 counts to the byte on all levels.
   */
  readonly quantumBytes?: ByteSize;
}

export interface BudgetOptions extends ChildBudgetOptions {
  readonly limitBytes: ByteSize;
  /** For tests. */
  readonly timers?: Timers;
}

/** How acquire() waits. */
export type BudgetAcquireOptions = WaitOptions;

export interface ReservationOptions {
  readonly mode?: ReservationMode;
  /** After this time it ends by itself and gives its bytes back. Default: never. */
  readonly expiresMs?: Duration;
}

/** Created: nothing reserved yet. Exhausted: the last reservation was refused. Released: closed. */
export type BudgetState = 'created' | 'active' | 'exhausted' | 'released';

export interface BudgetStats {
  readonly name: string;
  readonly state: BudgetState;
  readonly limitBytes: number;
  readonly guaranteedBytes: number;
  /** In use here and below. */
  readonly usedBytes: number;
  /** In use by this budget's own users. */
  readonly ownBytes: number;
  /** The most that its own users ever had in use together. */
  readonly peakOwnBytes: number;
  /** Got from the parent, in use or not. */
  readonly heldBytes: number;
  readonly reservations: number;
  readonly releases: number;
  readonly refusals: number;
  /** Requests of acquire() that wait now. */
  readonly waiting: number;
  readonly reclaimedBytes: number;
  readonly reclaimFailures: number;
  readonly children: readonly BudgetStats[];
}
