import { checkInteger, memoryError, notForUsers } from '../../core';

/** A block and the generation in which it was handed out: plain data for postMessage and IPC. */
export interface SharedBlockLease {
  readonly type: 'nebula-memory.shared-lease';
  /** Where the block begins. */
  readonly offset: number;
  /** The size that was asked for. */
  readonly byteLength: number;
  /** How often the block had been freed, adopted or transferred, modulo 2^53. */
  readonly generation: number;
}

/** What a box needs of the allocator that made it. */
export interface LeaseKeeper {
  readonly owner: number;
  readonly name: string;
  isCurrent(lease: SharedBlockLease): boolean;
  lease(offset: number): SharedBlockLease;
  ownerOf(offset: number): number;
  view(offset: number, byteLength: number): Uint8Array;
  deallocate(offset: number, byteLength: number): void;
  transfer(offset: number, owner: number): void;
}

/** Copies and checks a lease from anywhere. @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function checkLease(where: string, value: unknown): SharedBlockLease {
  const given = value as Partial<SharedBlockLease> | null | undefined;
  if (typeof given !== 'object' || given?.type !== 'nebula-memory.shared-lease') {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: a lease of a shared block is needed`, {
      hint: 'Send box.lease or allocator.lease(offset).',
    });
  }
  return {
    type: given.type,
    offset: checkInteger(`${where}: lease.offset`, given.offset),
    byteLength: checkInteger(`${where}: lease.byteLength`, given.byteLength, 1),
    generation: checkInteger(`${where}: lease.generation`, given.generation),
  };
}

/** A lease of a block that was freed, adopted or transferred since. */
export function leaseHasServed(where: string, source: string, offset: number): Error {
  return memoryError(
    'ERR_MEMORY_STALE_HANDLE',
    `${where}: the block at ${offset} was freed, adopted or transferred since the lease was made`,
    { source, hint: 'A lease serves once. Who has the block now can make another one of it.' },
  );
}

/** A lease that names another size than its block was handed out with. */
export function otherSize(where: string, source: string, { byteLength, offset }: SharedBlockLease, is: unknown): Error {
  return memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `${where}: the lease names ${byteLength} bytes, and the block at ${offset} was handed out with ${is}`,
    { requestedBytes: byteLength, source, hint: 'Adopt the lease as its owner made it.' },
  );
}

/** A transfer to a place that is empty, or whose owner ended meanwhile. */
export function nobodyThere(where: string, source: string, owner: number): Error {
  return memoryError('ERR_MEMORY_STALE_HANDLE', `${where}: nobody is attached as owner ${owner}`, {
    source,
    hint: "Send the receiver's `owner` to the sender, or send a lease and let the receiver adopt it.",
  });
}

/**
 * A block held by this attachment. Released by `release()` or `using`; handed over by sending `lease` to who adopts it,
 * or by `transfer`. Each call checks that the block is still this attachment's, by a generation of 53 bits.
 */
export class SharedPoolBox implements Disposable {
  /** Plain data that names the block: for another attachment to adopt. A new one after a transfer that came back. */
  readonly lease: SharedBlockLease;
  private readonly keeper: LeaseKeeper;
  private window: Uint8Array | undefined;

  /** Made by SharedBlockAllocator.acquire and adopt. */
  constructor(keeper: LeaseKeeper, lease: SharedBlockLease) {
    if (typeof (keeper as Partial<LeaseKeeper> | undefined | null)?.isCurrent !== 'function') {
      throw notForUsers('SharedPoolBox', 'acquire() or adopt() of a SharedBlockAllocator');
    }
    this.keeper = keeper;
    this.lease = lease;
  }

  /** Where the block begins. */
  get offset(): number {
    return this.lease.offset;
  }

  /** The size that was asked for. */
  get byteLength(): number {
    return this.lease.byteLength;
  }

  /** True while this attachment holds the block. */
  get held(): boolean {
    const { keeper, lease } = this;
    return keeper.isCurrent(lease) && keeper.ownerOf(lease.offset) === keeper.owner;
  }

  /** The block's bytes; the same view at each call. @throws ERR_MEMORY_STALE_HANDLE when it is not held any more */
  get bytes(): Uint8Array {
    this.check('bytes');
    this.window ??= this.keeper.view(this.lease.offset, this.lease.byteLength);
    return this.window;
  }

  /** Gives the block back. @throws ERR_MEMORY_STALE_HANDLE when it is not held any more */
  release(): void {
    this.check('release');
    this.keeper.deallocate(this.lease.offset, this.lease.byteLength);
  }

  /**
   * Makes another attachment the owner; a lease that was sent before has served then.
   *
   * @throws as SharedBlockAllocator.transfer: the box holds the block then; ERR_MEMORY_STALE_HANDLE when it did not before
   */
  transfer(owner: number): void {
    this.check('transfer');
    const { keeper, lease } = this;
    try {
      keeper.transfer(lease.offset, owner);
    } catch (error) {
      // It went and came back, of a later generation: the other one ended meanwhile.
      const came = keeper.ownerOf(lease.offset) === keeper.owner && !keeper.isCurrent(lease);
      if (came) (this as { lease: SharedBlockLease }).lease = keeper.lease(lease.offset);
      throw error;
    }
  }

  /** Gives the block back, unless it was given back or handed over before: for `using`. */
  [Symbol.dispose](): void {
    if (!this.held) return;
    try {
      this.release();
    } catch (error) {
      if (this.held) throw error; // else: adopted since the look
    }
  }

  private check(method: string): void {
    if (this.held) return;
    throw memoryError(
      'ERR_MEMORY_STALE_HANDLE',
      `SharedPoolBox.${method}: the block at ${this.lease.offset} is not held by this attachment any more`,
      { source: this.keeper.name },
    );
  }
}
