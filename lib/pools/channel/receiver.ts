import { checkInteger, isMemoryError, notForUsers, type WaitOptions } from '../../core';
import { Attachment, type LeaseAdopter } from './attachment';
import { ChannelEnd } from './end';
import { nobodyThere, overwritten } from './errors';
import { InHand } from './in-hand';
import { MessageIterator } from './iterator';
import { CELL, KINDS, LEASE_BYTES } from './layout';
import { readLease } from './lease';
import { ChannelMessage } from './message';
import type { ChannelBlockOptions } from './options';
import { LOST, NONE } from './ring';

const REFUSALS_BETWEEN_LOOKS = 64;
const MOST_AT_ONCE = 2 ** 20;

/**
 * The receiving end of a channel, of one thread. Each message is received once, by one of the receivers, and what a
 * receiver has taken goes with it when it dies. The place of a message is free for the next one after release(): who holds
 * messages for long stops the senders, once the channel has gone round to them.
 */
export class ChannelReceiver extends ChannelEnd implements AsyncIterable<ChannelMessage> {
  private readonly copy: boolean;
  private readonly mine: InHand;
  private readonly lowWater: number;
  private readonly messageBytes: number;
  private readonly nextOne = (): ChannelMessage | undefined => this.next('receive');
  private refusals = 0;
  private count = 0;
  /** What befell a message after others of the same call, and is not met again: told by the next call. */
  private untold: { readonly error: unknown } | null = null;

  /** Made by receiver() of a channel. */
  constructor(at: Attachment, copy: boolean) {
    if (!(at instanceof Attachment)) throw notForUsers('ChannelReceiver', 'receiver() of a Channel');
    super('ChannelReceiver', at, 'receivers');
    this.copy = copy;
    this.messageBytes = at.layout.messageBytes;
    this.mine = new InHand(at.layout.capacity);
    // Senders that wait are woken when there is room for some, and not for each single message.
    this.lowWater = at.layout.capacity <= 4 ? at.layout.capacity : at.layout.capacity >> 1;
  }

  /** Messages that it has received. */
  get received(): number {
    return this.count;
  }

  /** Messages that it has taken and not released. */
  get held(): number {
    return this.mine.size;
  }

  /** Not for users: what messages adopt through. */
  get blocks(): LeaseAdopter | undefined {
    return this.at.blocks;
  }

  /**
   * The next message, or undefined when there is none or earlier calls of this end wait.
   *
   * @throws ERR_MEMORY_CLOSED at the end: when this end has closed, or all senders have and nothing is left;
   *   ERR_MEMORY_CORRUPTION
   */
  tryReceive(): ChannelMessage | undefined {
    if (this.line.waiting > 0) return undefined;
    const got = this.next('tryReceive');
    if (got === undefined) this.refuse('tryReceive');
    return got;
  }

  /**
   * The next message, when it comes. Keeps the process alive until the deadline, and without one not at all (see ref()).
   *
   * @throws as tryReceive(), ERR_MEMORY_TIMEOUT, ERR_MEMORY_ABORTED
   */
  async receive(options?: WaitOptions): Promise<ChannelMessage> {
    const got = options === undefined ? this.line.straightAway(this.nextOne) : undefined;
    return got ?? this.line.run('receive', this.nextOne, this.waitOf('receive', options));
  }

  /** As receive(), blocking the thread. @throws as receive() */
  receiveSync(options?: ChannelBlockOptions): ChannelMessage {
    const deadlineMs = this.deadlineOf('receiveSync', options);
    return this.line.block('receiveSync', () => this.next('receiveSync'), deadlineMs);
  }

  /** Up to `most` messages that are there; may be none. @throws as tryReceive() when there is none */
  tryReceiveMany(most: number): ChannelMessage[] {
    this.checkMost('tryReceiveMany', most);
    if (this.line.waiting > 0) return [];
    const got = this.nextMany('tryReceiveMany', most);
    if (got === undefined) this.refuse('tryReceiveMany');
    return got ?? [];
  }

  /** One to `most` messages, as soon as there is one. @throws as receive() */
  async receiveMany(most: number, options?: WaitOptions): Promise<ChannelMessage[]> {
    this.checkMost('receiveMany', most);
    return this.line.run('receiveMany', () => this.nextMany('receiveMany', most), this.waitOf('receiveMany', options));
  }

  /**
   * `for await (const message of receiver)`: until the end of the stream or close(). Each message is released when the next
   * one is asked for, unless it was before.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<ChannelMessage> {
    return new MessageIterator(this);
  }

  /** Not for users: a message that is there, for an iteration; undefined where receive() is to be asked. @throws as it */
  takeNow(): ChannelMessage | undefined {
    return this.line.straightAway(this.nextOne);
  }

  /** Not for users: as receive(), for an iteration that can be ended meanwhile. */
  receiveUntil(signal: AbortSignal): Promise<ChannelMessage> {
    return this.line.run('receive', this.nextOne, { priority: 50, deadlineMs: undefined, signal }, true);
  }

  /** Not for users: true when an ERR_MEMORY_CLOSED is the end of an iteration. */
  get isOver(): boolean {
    return !this.isOpen || this.at.isGone('senders');
  }

  // ---- for messages ------------------------------------------------------------------------------------------------

  /** Not for users: what ChannelMessage.release calls. */
  done(index: number, word: number): void {
    const { at } = this;
    this.mine.remove(index);
    const whole = at.ring.release(index, word);
    if (at.ring.length <= this.lowWater) at.wake.wake('senders');
    if (!whole) throw overwritten(this.name, 'release', 'another state of a message than was left there');
  }

  protected letGo(): void {
    const { at } = this;
    this.mine.drain((index, word) => {
      at.takeBack(index);
      at.ring.release(index, word);
    });
    at.wake.wake('senders');
  }

  // ---- receiving ---------------------------------------------------------------------------------------------------

  private next(method: string): ChannelMessage | undefined {
    const { at } = this;
    this.needOpen(method);
    if (this.untold !== null) this.tell(this.untold);
    const { ring } = at;
    let index = ring.take(at.owner);
    if (index < 0) {
      if (index === LOST) throw overwritten(this.name, method, 'positions that lead nowhere');
      if (!at.isGone('senders')) return undefined;
      // What the last of them sent before it left is there by now, and what it began was given up.
      index = ring.take(at.owner);
      if (index === NONE) throw nobodyThere(this.name, method, 'senders');
      if (index === LOST) throw overwritten(this.name, method, 'positions that lead nowhere');
    }
    return this.unpack(method, index, ring.word, ring.sender);
  }

  private unpack(method: string, index: number, word: number, sender: number): ChannelMessage {
    const { at } = this;
    const cell = at.ring.cellOf(index);
    const byteLength = at.words[cell + CELL.byteLength] as number;
    const kind = at.words[cell + CELL.kind] as number;
    const isLease = kind === KINDS.lease;
    const lease = isLease ? readLease(at.doubles, at.ring.bytesOf(index)) : null;
    const fits = byteLength >= 0 && byteLength <= this.messageBytes && kind === KINDS.bytes;
    if (!fits && (lease === null || byteLength !== LEASE_BYTES)) {
      at.ring.release(index, word);
      at.wake.wake('senders');
      throw overwritten(this.name, method, `a message of ${byteLength} bytes and kind ${kind}`);
    }
    this.count += 1;
    this.mine.add(index, word);
    const message = new ChannelMessage(this, sender, byteLength, lease, index, word);
    return this.copy && !isLease ? message.detach() : message;
  }

  private nextMany(method: string, most: number): ChannelMessage[] | undefined {
    const first = this.next(method);
    if (first === undefined) return undefined;
    const all = [first];
    try {
      while (all.length < most) {
        const message = this.next(method);
        if (message === undefined) break;
        all.push(message);
      }
    } catch (error) {
      // What was taken is not lost. The end is met again by who asks again, unless somebody has come meanwhile.
      if (!isMemoryError(error, 'ERR_MEMORY_CLOSED')) this.untold = { error };
    }
    return all;
  }

  private tell({ error }: { readonly error: unknown }): never {
    this.untold = null;
    throw error;
  }

  private refuse(method: string): void {
    if (this.refusals % REFUSALS_BETWEEN_LOOKS === 0) this.at.look(method, 'receivers');
    this.refusals += 1;
  }

  private checkMost(method: string, most: unknown): void {
    this.needOpen(method);
    checkInteger(`${this.where(method)}: most`, most, 1, MOST_AT_ONCE);
  }
}
