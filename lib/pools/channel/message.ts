import type { SharedBlockLease, SharedPoolBox } from '../../allocators';
import { memoryError, notForUsers } from '../../core';
import type { LeaseAdopter } from './attachment';
import { released } from './errors';

/** What a message asks of its receiver. */
export interface MessageKeeper {
  readonly name: string;
  readonly isOpen: boolean;
  readonly blocks: LeaseAdopter | undefined;
  window(index: number, byteLength: number): Uint8Array;
  done(index: number, word: number): void;
}

/** The index of a message whose place was given back. */
const GONE = -1;

/**
 * A message that was received. Its bytes are a view into the channel, valid until release(), and its place is free for the
 * next one only then; with `copy` they are its own and it is released from the start.
 */
export class ChannelMessage implements Disposable {
  /** Who sent it: the `id` of a peer. The number may be another one's by now. */
  readonly sender: number;
  readonly byteLength: number;
  /** The lease of a shared block, where that is what was sent. Plain data: adopt() makes the block this thread's. */
  readonly lease: SharedBlockLease | null;
  private readonly keeper: MessageKeeper;
  private index: number;
  private readonly word: number;
  private view: Uint8Array | undefined;

  /** Made by a receiver. */
  constructor(
    keeper: MessageKeeper,
    sender: number,
    byteLength: number,
    lease: SharedBlockLease | null,
    index: number,
    word: number,
  ) {
    if (typeof (keeper as Partial<MessageKeeper> | null | undefined)?.window !== 'function') {
      throw notForUsers('ChannelMessage', 'receive() or tryReceive() of a receiver');
    }
    this.keeper = keeper;
    this.sender = sender;
    this.byteLength = byteLength;
    this.lease = lease;
    this.index = index;
    this.word = word;
  }

  /** 'bytes', or 'lease' for the lease of a shared block. */
  get kind(): 'bytes' | 'lease' {
    return this.lease === null ? 'bytes' : 'lease';
  }

  /**
   * The bytes: a view, to be read before release(). It may be written to. What is needed for longer is to be copied.
   *
   * @throws ERR_MEMORY_STALE_HANDLE after release(), ERR_MEMORY_CLOSED after the receiver was closed
   */
  get bytes(): Uint8Array {
    if (this.index === GONE) {
      if (this.view !== undefined) return this.view; // a copy
      throw released('ChannelMessage.bytes', this.keeper.name);
    }
    this.needOpen('bytes');
    this.view ??= this.keeper.window(this.index, this.byteLength);
    return this.view;
  }

  /** True once its place was given back. */
  get isReleased(): boolean {
    return this.index === GONE;
  }

  /**
   * Makes the block of the lease this thread's, through the `blocks` given at attach, and releases the message. Once.
   *
   * @throws ERR_MEMORY_STALE_HANDLE when its sender freed it or died meanwhile: the message is released then;
   *   ERR_MEMORY_INVALID_STATE for a message of bytes and without `blocks`
   */
  adopt(): SharedPoolBox {
    const { lease, keeper } = this;
    if (lease === null || keeper.blocks === undefined) {
      throw memoryError(
        'ERR_MEMORY_INVALID_STATE',
        `ChannelMessage.adopt: ${lease === null ? 'the message is no lease' : 'no allocator was given'}`,
        { source: keeper.name, hint: 'Attach with { blocks }, the allocator of the leases that are sent.' },
      );
    }
    if (this.index === GONE) throw released('ChannelMessage.adopt', keeper.name);
    this.needOpen('adopt');
    try {
      return keeper.blocks.adopt(lease);
    } finally {
      if (this.index !== GONE) this.release();
    }
  }

  /** Gives its place back. @throws ERR_MEMORY_DOUBLE_FREE the second time */
  release(): void {
    const { index } = this;
    if (index === GONE) {
      throw memoryError('ERR_MEMORY_DOUBLE_FREE', 'ChannelMessage.release: the message was released before', {
        source: this.keeper.name,
        hint: 'With `copy`, and in `for await`, messages are released by themselves.',
      });
    }
    this.index = GONE;
    this.view = undefined;
    if (this.keeper.isOpen) this.keeper.done(index, this.word);
  }

  /** Releases it unless that was done. */
  [Symbol.dispose](): void {
    if (this.index !== GONE) this.release();
  }

  /** Takes the bytes out and gives the place back. Internal: for `copy`. */
  detach(): this {
    const copy = new Uint8Array(this.byteLength);
    copy.set(this.bytes);
    this.release();
    this.view = copy;
    return this;
  }

  private needOpen(method: string): void {
    if (this.keeper.isOpen) return;
    throw memoryError('ERR_MEMORY_CLOSED', `ChannelMessage.${method}: the receiver is closed`, {
      source: this.keeper.name,
    });
  }
}
