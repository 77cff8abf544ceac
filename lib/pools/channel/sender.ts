import type { SharedBlockLease, SharedPoolBox } from '../../allocators';
import { checkInteger, describe, memoryError, notForUsers, type WaitOptions } from '../../core';
import { reentrant } from '../base';
import { Attachment } from './attachment';
import { ChannelEnd } from './end';
import { closedHere, nobodyThere, notSendable, overwritten, takenAway, tooLarge } from './errors';
import { InHand } from './in-hand';
import { CELL, KINDS, LEASE_BYTES } from './layout';
import { leaseOf, writeLease } from './lease';
import type { ChannelBlockOptions } from './options';
import { ChannelReservation } from './reservation';
import { LOST, NONE } from './ring';

/**
 * What can be sent: bytes, which are copied in; a function that writes them in place and returns how many; or the lease of
 * a shared block (or its box). The block stays the sender's until the receiver adopts it: it is not to be released after
 * sending, and when its sender dies or frees it meanwhile, adopt() tells the receiver.
 */
export type Sendable = Uint8Array | ((bytes: Uint8Array) => number) | SharedBlockLease | SharedPoolBox;

const REFUSALS_BETWEEN_LOOKS = 64;

const NOWHERE = new Uint8Array(0);

const READ_LENGTH = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), 'length')?.get as (
  this: unknown,
) => number;

/** The length that it has, whatever its properties say: so much is copied. -1 for what only looks like bytes. */
function lengthOf(message: Uint8Array): number {
  try {
    return READ_LENGTH.call(message);
  } catch {
    return -1;
  }
}

function isBytes(value: unknown): value is Uint8Array {
  // By its tag, where it is of another realm.
  return value instanceof Uint8Array || Object.prototype.toString.call(value) === '[object Uint8Array]';
}

/**
 * The sending end of a channel, of one thread. Messages of one sender are received in the order in which they were sent.
 * After ERR_MEMORY_CLOSED with all receivers gone, what they had not received lies in the channel: a receiver can take it.
 */
export class ChannelSender extends ChannelEnd {
  private readonly messageBytes: number;
  private readonly mine: InHand;
  /** Writers that run now, one inside the other. */
  private writing = 0;
  private refusals = 0;
  private count = 0;

  /** Made by sender() of a channel. */
  constructor(at: Attachment) {
    if (!(at instanceof Attachment)) throw notForUsers('ChannelSender', 'sender() of a Channel');
    super('ChannelSender', at, 'senders');
    this.messageBytes = at.layout.messageBytes;
    this.mine = new InHand(at.layout.capacity);
  }

  /** Messages that it has sent. */
  get sent(): number {
    return this.count;
  }

  /**
   * Sends, unless the channel is full or earlier calls of this end wait.
   *
   * @returns false when it did not
   * @throws ERR_MEMORY_TOO_LARGE, ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_CLOSED when this end or all receivers have closed,
   *   ERR_MEMORY_CORRUPTION, and what the function throws: nothing is sent then
   */
  trySend(message: Sendable): boolean {
    if (this.line.waiting > 0) {
      this.needOpen('trySend');
      return false;
    }
    if (this.put('trySend', message)) {
      this.at.wake.wake('receivers');
      return true;
    }
    this.refuse('trySend');
    return false;
  }

  /**
   * Sends as soon as there is room. The bytes may not change until it is settled; those that were transferred to another
   * thread meanwhile are refused with ERR_MEMORY_INVALID_ARGUMENT. Keeps the process alive until the deadline, and without
   * one not at all (see ref()).
   *
   * @throws as trySend(), ERR_MEMORY_TIMEOUT, ERR_MEMORY_ABORTED
   */
  async send(message: Sendable, options?: WaitOptions): Promise<void> {
    const attempt = (): true | undefined => (this.sendNow(message) ? true : undefined);
    if (options === undefined && this.line.straightAway(attempt)) return;
    await this.line.run('send', attempt, this.waitOf('send', options));
  }

  /** As send(), blocking the thread. @throws as send(), ERR_MEMORY_INVALID_STATE inside a writer of this sender */
  sendSync(message: Sendable, options?: ChannelBlockOptions): void {
    const deadlineMs = this.deadlineOf('sendSync', options);
    if (this.writing > 0) throw reentrant(this.name, 'sendSync', 'writer'); // it would wait for its own place
    this.line.block('sendSync', () => (this.sendNow(message) ? true : undefined), deadlineMs);
  }

  /** Sends as many as there is room for, with one wake. @returns how many @throws as trySend(): those before it are sent */
  trySendMany(messages: readonly Sendable[]): number {
    this.checkList('trySendMany', messages);
    if (this.line.waiting > 0) return 0;
    const sent = this.putMany('trySendMany', messages, 0);
    if (sent === 0 && messages.length > 0) this.refuse('trySendMany');
    return sent;
  }

  /**
   * Sends all in their order; others may send in between.
   *
   * @returns how many: all of them. @throws as send(): those before it are sent
   */
  async sendMany(messages: readonly Sendable[], options?: WaitOptions): Promise<number> {
    this.checkList('sendMany', messages);
    const all = [...messages];
    let next = 0;
    const attempt = (): number | undefined => {
      next += this.putMany('sendMany', all, next);
      return next === all.length ? next : undefined;
    };
    return this.line.run('sendMany', attempt, this.waitOf('sendMany', options));
  }

  /**
   * A place of the channel to write in; undefined when there is none.
   *
   * @param byteLength of `bytes`; default the largest message
   * @throws as trySend()
   */
  tryReserve(byteLength: number = this.messageBytes): ChannelReservation | undefined {
    const size = this.checkSize('tryReserve', byteLength);
    const got = this.line.waiting > 0 ? undefined : this.reserveNow(size);
    if (got === undefined) this.refuse('tryReserve');
    return got;
  }

  /** As tryReserve(), when there is room. @throws as send() */
  async reserve(byteLength: number = this.messageBytes, options?: WaitOptions): Promise<ChannelReservation> {
    const size = this.checkSize('reserve', byteLength);
    return this.line.run('reserve', () => this.reserveNow(size), this.waitOf('reserve', options));
  }

  // ---- for reservations --------------------------------------------------------------------------------------------

  /** Not for users: what ChannelReservation.commit calls. */
  finish(index: number, word: number, byteLength: number): void {
    this.mine.remove(index);
    this.publish('commit', index, word, byteLength, KINDS.bytes);
    this.at.wake.wake('receivers');
  }

  /** Not for users: what ChannelReservation.cancel calls. */
  cancel(index: number, word: number): void {
    this.mine.remove(index);
    this.at.ring.cancel(index, word);
    this.at.wake.wake('receivers'); // what stands behind it can be received now
    this.at.wake.wake('senders');
  }

  protected letGo(): void {
    if (this.mine.size === 0) return;
    this.mine.drain((index, word) => this.at.ring.cancel(index, word));
    this.at.wake.wake('receivers');
    this.at.wake.wake('senders');
  }

  // ---- sending -----------------------------------------------------------------------------------------------------

  private sendNow(message: Sendable): boolean {
    if (!this.put('send', message)) return false;
    this.at.wake.wake('receivers');
    return true;
  }

  private putMany(method: string, messages: readonly Sendable[], from: number): number {
    let next = from;
    try {
      while (next < messages.length && this.put(method, messages[next] as Sendable)) next += 1;
    } finally {
      if (next > from) this.at.wake.wake('receivers');
    }
    return next - from;
  }

  private put(method: string, message: Sendable): boolean {
    if (message instanceof Uint8Array || isBytes(message)) {
      const byteLength = lengthOf(message);
      if (byteLength <= 0) this.checkEmpty(method, message, byteLength);
      if (byteLength > this.messageBytes) throw tooLarge(this.name, method, byteLength, this.messageBytes);
      const index = this.claim(method);
      if (index === NONE) return false;
      const { at } = this;
      const { word } = at.ring;
      const from = at.ring.bytesOf(index);
      try {
        if (byteLength > 0) at.bytes.set(message, from);
      } catch (error) {
        this.cancel(index, word); // bytes that another thread took away meanwhile
        throw error;
      }
      this.publish(method, index, word, byteLength, KINDS.bytes);
      return true;
    }
    if (typeof message === 'function') return this.write(method, message);
    const lease = leaseOf(this.where(method), message);
    if (lease === null) throw notSendable(this.name, method, message);
    const index = this.claim(method);
    if (index === NONE) return false;
    const { ring, doubles } = this.at;
    writeLease(doubles, ring.bytesOf(index), lease);
    this.publish(method, index, ring.word, LEASE_BYTES, KINDS.lease);
    return true;
  }

  /** Length 0 is that of bytes that were taken away too: they are told by copying them nowhere. */
  private checkEmpty(method: string, message: Uint8Array, byteLength: number): void {
    if (byteLength < 0) throw notSendable(this.name, method, message);
    try {
      NOWHERE.set(message);
    } catch (cause) {
      throw takenAway(this.name, method, cause);
    }
  }

  private write(method: string, writer: (bytes: Uint8Array) => number): boolean {
    const index = this.claim(method);
    if (index === NONE) return false;
    const { word } = this.at.ring;
    this.mine.add(index, word);
    let byteLength: unknown;
    this.writing += 1;
    try {
      byteLength = writer(this.window(index, this.messageBytes));
      if (!this.isOpen) throw closedHere(this.name, method);
      if (typeof byteLength !== 'number' || !Number.isInteger(byteLength) || byteLength < 0) {
        throw memoryError(
          'ERR_MEMORY_INVALID_ARGUMENT',
          `${this.name}.${method}: the function must return how many bytes it wrote, got ${describe(byteLength)}`,
          { source: this.name },
        );
      }
      if (byteLength > this.messageBytes) throw tooLarge(this.name, method, byteLength, this.messageBytes);
    } catch (error) {
      if (this.isOpen) this.cancel(index, word);
      throw error;
    } finally {
      this.writing -= 1;
    }
    this.mine.remove(index);
    this.publish(method, index, word, byteLength, KINDS.bytes);
    return true;
  }

  private reserveNow(byteLength: number): ChannelReservation | undefined {
    const index = this.claim('reserve');
    if (index === NONE) return undefined;
    const { word } = this.at.ring;
    this.mine.add(index, word);
    return new ChannelReservation(this, index, word, byteLength);
  }

  private claim(method: string): number {
    this.needOpen(method);
    const { at } = this;
    if (at.isGone('receivers')) throw nobodyThere(this.name, method, 'receivers');
    const index = at.ring.claim(at.owner);
    if (index === LOST) throw overwritten(this.name, method, 'positions that lead nowhere');
    return index;
  }

  private publish(method: string, index: number, word: number, byteLength: number, kind: number): void {
    const { words, ring } = this.at;
    const cell = ring.cellOf(index);
    words[cell + CELL.byteLength] = byteLength;
    words[cell + CELL.kind] = kind;
    if (!ring.publish(index, word))
      throw overwritten(this.name, method, 'another state of a message than was left there');
    this.count += 1;
  }

  /** Now and then a refusal looks whether somebody has died. */
  private refuse(method: string): void {
    if (this.refusals % REFUSALS_BETWEEN_LOOKS === 0) this.at.look(method, 'senders');
    this.refusals += 1;
  }

  private checkSize(method: string, byteLength: unknown): number {
    this.needOpen(method);
    const size = checkInteger(`${this.where(method)}: byteLength`, byteLength, 0);
    if (size > this.messageBytes) throw tooLarge(this.name, method, size, this.messageBytes);
    return size;
  }

  private checkList(method: string, messages: unknown): void {
    this.needOpen(method);
    if (Array.isArray(messages)) return;
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${this.where(method)}: an array of messages is needed, got ${describe(messages)}`,
    );
  }
}
