import type { PoolStats } from '../base';

/** Counters of one size of buffers. */
export interface BufferClassStats {
  /** Size of each buffer. */
  readonly bufferBytes: number;
  /** Buffers that exist: lent, idle and resting. */
  readonly buffers: number;
  readonly borrowed: number;
  readonly idle: number;
  /** Given back and not yet fit to be lent: the others of their slab are still out (`reuse: 'batch'`). */
  readonly resting: number;
  readonly slabs: number;
  readonly acquires: number;
  readonly misses: number;
  readonly peakBorrowed: number;
}

/** Counters of a BufferPool since its construction. Objects are buffers here, sizes are bytes. */
export interface BufferPoolStats extends PoolStats {
  /** Mapped now, and at most; in whole pages. */
  readonly heldBytes: number;
  readonly peakHeldBytes: number;
  /** The bound of `heldBytes`; null without one. */
  readonly limitBytes: number | null;
  /** Leases that have a region of their own. */
  readonly oversize: number;
  readonly resting: number;
  readonly slabs: number;
  /** Slabs whose pages were moved to new addresses, so that kept views reach nothing. */
  readonly moves: number;
  /** Bytes given back by the decay and by trim(). */
  readonly decayedBytes: number;
  readonly trimmedBytes: number;
  /** Slabs that the provider does not take back; tried again by trim(), the decay and close(). */
  readonly stuckSlabs: number;
  /** Errors of provider, budget or clock at moments at which nobody could be told: after a release, in a timer. */
  readonly mishaps: number;
  /** Recorded leases that were collected without having been released. */
  readonly collected: number;
  readonly classes: readonly BufferClassStats[];
}
