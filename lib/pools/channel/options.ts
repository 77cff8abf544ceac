import type { ByteSize, Timers, WaitOptions } from '../../core';
import type { RegionHandle } from '../../platform';
import type { LeaseAdopter } from './attachment';

/** What each attachment decides for itself. */
export interface ChannelAttachOptions {
  /**
   * The shared allocator of the blocks whose leases are sent: receivers adopt through it. With it, any attachment also gives
   * back the blocks whose leases were in the hands of a receiver that died.
   */
  readonly blocks?: LeaseAdopter;
  /** For tests. */
  readonly timers?: Timers;
}

export interface ChannelOptions extends ChannelAttachOptions {
  /** For messages and stats. Default 'channel'. */
  readonly name?: string;
  /** Messages that it holds at most, rounded up to a power of two: 1 to 2^20. Default 1024. */
  readonly capacity?: number;
  /** The largest message. Default 64 bytes. Each place of the channel holds so many; all together at most 2 GiB. */
  readonly messageBytes?: ByteSize;
  /** Attachments that can be there at once, over all threads and processes: 1 to 1023. Default 64. */
  readonly owners?: number;
}

/** How a call that blocks the thread waits. */
export type ChannelBlockOptions = Pick<WaitOptions, 'deadlineMs'>;

export interface ChannelReceiverOptions {
  /** Whether messages are copied out and released at once. Default false: they are views, valid until release(). */
  readonly copy?: boolean;
}

/**
 * What another thread or process needs to attach: for `postMessage` and `workerData`, and for IPC while the process that
 * made it lives.
 */
export interface ChannelHandle {
  readonly type: 'nebula-memory.channel';
  readonly version: number;
  readonly name: string;
  readonly region: RegionHandle;
  /**
   * By which the event loops of one process wake each other; lost on the way to another process, and absent from
   * `remoteHandle`. Without it, they look: 1 to 16 ms.
   */
  readonly wake?: SharedArrayBuffer;
}

/** What a channel holds and what this attachment has done. */
export interface ChannelStats {
  readonly name: string;
  readonly capacity: number;
  readonly messageBytes: number;
  /** Messages that are there or under way; a rough number while others work. */
  readonly length: number;
  /** Messages that this attachment has sent, and taken. */
  readonly sent: number;
  readonly received: number;
  /** Messages of this attachment that it has taken and not released. */
  readonly held: number;
  /** Calls of this attachment that wait. */
  readonly sending: number;
  readonly receiving: number;
  /** Messages given up in all, because who wrote or held them had died. */
  readonly lost: number;
}
