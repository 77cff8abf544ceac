import { describe, memoryError, notForUsers } from '../../core';
import { Region, type RegionHandle } from '../../platform';
import { arrayLength, isArrayOf } from '../typed/ranges';

/** A chunk on its way: what the next owner needs beside the region. */
export interface TravelingChunk {
  readonly region: RegionHandle;
  readonly base: number;
  readonly usedBytes: number;
  readonly usedBefore: number;
  readonly firstEntry: number;
  readonly hugeBytes: number;
}

/** Plain data for postMessage or workerData: a whole arena on its way to another thread. Good for one attach(). */
export interface CrossThreadArenaHandle {
  readonly type: 'nebula-memory.cross-thread-arena';
  readonly version: 1;
  readonly ticket: RegionHandle;
  readonly chunks: readonly TravelingChunk[];
  readonly starts: Int32Array;
  readonly sizes: Int32Array;
  readonly freed: number;
  readonly options: {
    readonly chunkBytes: number;
    readonly growthFactor: number;
    readonly maxChunkBytes: number;
    readonly limitBytes: number | null;
    readonly alignment: number;
    readonly zero: boolean;
    readonly onReset: 'reuse' | 'detach';
    readonly stats: boolean;
    readonly name: string;
  };
}

const WAITING = 0;
const TAKEN = 1;
const REVOKED = 2;
const LOOK_MS = 20;

/** A word that both sides see: who gets the arena is decided by one compare-and-exchange on it. */
export class Ticket {
  private readonly region: Region;
  private readonly word: Int32Array;

  constructor(region: Region) {
    this.region = region;
    const { bytes } = region;
    this.word = new Int32Array(bytes.buffer, bytes.byteOffset, 1);
  }

  static make(): Ticket {
    return new Ticket(Region.map(4096, { carrier: 'shared' }));
  }

  get handle(): RegionHandle {
    return this.region.handle;
  }

  get taken(): boolean {
    return Atomics.load(this.word, 0) === TAKEN;
  }

  /** True for the one caller that wins. */
  take(): boolean {
    return Atomics.compareExchange(this.word, 0, WAITING, TAKEN) === WAITING;
  }

  revoke(): boolean {
    return Atomics.compareExchange(this.word, 0, WAITING, REVOKED) === WAITING;
  }

  close(): void {
    this.region.free();
  }
}

/**
 * An arena that was handed over and not yet taken. It keeps the memory alive until then; it looks every 20 ms whether the
 * other side has attached, without keeping the process alive, and lets go.
 */
export class PendingHandOver {
  /** What to post to the other thread. */
  readonly handle: CrossThreadArenaHandle;
  private readonly ticket: Ticket;
  private readonly letGo: () => void;
  private timer: NodeJS.Timeout | undefined;
  private done = false;
  private wasTaken = false;
  private waiters: (() => void)[] = [];

  /** Not for users: call CrossThreadArena.handOver(). @throws ERR_MEMORY_INVALID_STATE */
  constructor(handle: CrossThreadArenaHandle, ticket: Ticket, letGo: () => void) {
    if (!(ticket instanceof Ticket) || typeof letGo !== 'function') {
      throw notForUsers('PendingHandOver', 'handOver() of a CrossThreadArena');
    }
    this.handle = handle;
    this.ticket = ticket;
    this.letGo = letGo;
    this.timer = setInterval(() => this.look(), LOOK_MS).unref();
  }

  /** True once another thread owns the arena. */
  get taken(): boolean {
    this.look();
    return this.wasTaken;
  }

  /** Settles when another thread has attached; rejects with ERR_MEMORY_ABORTED when the hand-over was revoked. */
  async whenTaken(): Promise<void> {
    if (!this.taken && !this.done) {
      this.timer?.ref();
      await new Promise<void>((resolve) => this.waiters.push(resolve));
    }
    if (!this.wasTaken) throw memoryError('ERR_MEMORY_ABORTED', 'PendingHandOver.whenTaken: the hand-over was revoked');
  }

  /** Takes the memory back if nobody has attached; frees it. @returns false when somebody had */
  revoke(): boolean {
    if (this.done) return false;
    if (!this.ticket.revoke()) {
      this.look();
      return false;
    }
    this.finish(false);
    return true;
  }

  private look(): void {
    if (this.done) this.release();
    else if (this.ticket.taken) this.finish(true);
  }

  private finish(taken: boolean): void {
    this.done = true;
    this.wasTaken = taken;
    this.release();
    for (const wake of this.waiters.splice(0)) wake();
  }

  /** Lets go of the memory; later, where the new owner has it pinned at this moment. */
  private release(): void {
    if (this.timer === undefined) return;
    try {
      this.letGo();
    } catch {
      this.timer.unref();
      return; // the timer tries again
    }
    clearInterval(this.timer);
    this.timer = undefined;
    this.ticket.close();
  }
}

function isCount(value: unknown, most: number = Number.MAX_SAFE_INTEGER): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most;
}

/** Chunks in their order, whose blocks are among so many. Their regions are looked at when they are attached. */
function areChunks(chunks: unknown, entries: number): boolean {
  if (!Array.isArray(chunks) || (chunks.length === 0 && entries > 0)) return false;
  let base = 0;
  let first = 0;
  for (const chunk of chunks as (Partial<TravelingChunk> | null | undefined)[]) {
    if (!isCount(chunk?.base) || !isCount(chunk?.firstEntry, entries)) return false;
    const { usedBytes, usedBefore, hugeBytes, ...at } = chunk as TravelingChunk;
    if (!isCount(usedBytes) || !isCount(usedBefore) || !isCount(hugeBytes)) return false;
    if (at.base < base || at.firstEntry < first) return false;
    base = at.base;
    first = at.firstEntry;
  }
  return true;
}

/**
 * Everything of a handle but its regions and what its options say, which is looked at when they are used.
 *
 * @throws ERR_MEMORY_INVALID_ARGUMENT
 */
export function checkCrossHandle(where: string, value: unknown): CrossThreadArenaHandle {
  const handle = value as Partial<CrossThreadArenaHandle> | null | undefined;
  const columns = isArrayOf('Int32Array', handle?.starts) && isArrayOf('Int32Array', handle?.sizes);
  const entries = columns ? arrayLength(handle?.starts) : 0;
  const right =
    columns &&
    handle?.type === 'nebula-memory.cross-thread-arena' &&
    handle.version === 1 &&
    arrayLength(handle.sizes) === entries &&
    isCount(handle.freed, entries) &&
    areChunks(handle.chunks, entries) &&
    typeof handle.options === 'object' &&
    handle.options !== null;
  if (right) return handle as CrossThreadArenaHandle;
  throw memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `${where}: the handle of a hand-over is needed, got ${describe(value)}`,
    {
      hint: 'Post arena.handOver().handle to the thread.',
    },
  );
}
