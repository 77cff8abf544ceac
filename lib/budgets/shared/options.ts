import type { ByteSize, Clock, Timers } from '../../core';
import type { RegionHandle } from '../../platform';

/** What each member decides for itself. */
export interface SharedBudgetMemberOptions {
  /**
   * Step in which this member gets capacity, so that most reservations touch nothing shared; twice as much is kept at most
   * where it is not used. Default: 1/256 of the limit, at most 1 MiB.
   */
  readonly quantumBytes?: ByteSize;
  /** For tests. */
  readonly timers?: Timers;
  /** For tests: milliseconds, the same for all members. */
  readonly clock?: Clock;
}

export interface SharedBudgetOptions extends SharedBudgetMemberOptions {
  readonly limitBytes: ByteSize;
  /** How many threads and processes can be members at once: 1 to 1023. Default 64. */
  readonly members?: number;
}

/** For SharedBudget.open: without a limit, the budget must be there. */
export interface SharedBudgetOpenOptions extends SharedBudgetMemberOptions {
  readonly limitBytes?: ByteSize;
  readonly members?: number;
}

/**
 * What another thread or process needs to become a member: plain data for `postMessage`, `workerData` or IPC. Good for
 * other processes while the process that made the handle lives.
 */
export interface SharedBudgetHandle {
  readonly type: 'nebula-memory.shared-budget';
  readonly version: number;
  readonly name: string;
  readonly region: RegionHandle;
}

/** One thread or process that shares a budget. */
export interface SharedBudgetMember {
  readonly member: number;
  readonly pid: number;
  /** Of worker_threads; 0 is the main thread. */
  readonly threadId: number;
  /** True for the one that asks. */
  readonly self: boolean;
  readonly usedBytes: number;
  /** Capacity that it has got, in use or not. */
  readonly heldBytes: number;
  readonly waiting: boolean;
}

export interface SharedBudgetStats {
  readonly name: string;
  readonly limitBytes: number;
  /** Of all members. */
  readonly usedBytes: number;
  readonly heldBytes: number;
  /** Step in which the count is kept. */
  readonly unitBytes: number;
  readonly quantumBytes: number;
  /** Of this member, as all that follow: */
  readonly ownBytes: number;
  readonly peakOwnBytes: number;
  readonly reservations: number;
  readonly releases: number;
  readonly refusals: number;
  readonly waiting: number;
  readonly members: readonly SharedBudgetMember[];
}
