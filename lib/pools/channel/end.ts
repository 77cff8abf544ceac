import {
  checkOptions,
  type Duration,
  parseDuration,
  parseWait,
  WAIT_KEYS,
  type WaitOptions,
  type WaitRequest,
} from '../../core';
import type { Attachment } from './attachment';
import { closedHere } from './errors';
import type { ChannelBlockOptions } from './options';
import { Waiting } from './waiting';
import type { Side } from './wake';

const NO_WAIT: WaitRequest = Object.freeze({ priority: 50, deadlineMs: undefined, signal: undefined });

/** What senders and receivers have in common. */
export abstract class ChannelEnd implements Disposable {
  /** Of the channel. */
  readonly name: string;
  protected readonly at: Attachment;
  protected readonly line: Waiting;
  private readonly className: string;
  private readonly side: Side;
  private readonly views: (Uint8Array | undefined)[] = [];
  private open = true;

  protected constructor(className: string, at: Attachment, side: Side) {
    this.name = at.name;
    this.at = at;
    this.className = className;
    this.side = side;
    this.line = new Waiting(at, side);
    at.open(side);
  }

  get isOpen(): boolean {
    return this.open;
  }

  /** Calls that wait. */
  get waiting(): number {
    return this.line.waiting;
  }

  /** Calls that wait keep the process alive from now on, as a socket does. */
  ref(): this {
    this.line.keepAlive(true);
    return this;
  }

  /** Calls that wait without a deadline keep nothing alive; as it is from the start. */
  unref(): this {
    this.line.keepAlive(false);
    return this;
  }

  /** Leaves this side: calls that wait are refused with ERR_MEMORY_CLOSED. Closing twice does nothing. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    this.line.close('close');
    this.letGo();
    this.at.leave(this.side);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Gives back the cells that this end has in hand. */
  protected abstract letGo(): void;

  /** Not for users: a view of a cell, kept for the next message of that length. */
  window(index: number, byteLength: number): Uint8Array {
    const kept = this.views[index];
    if (kept !== undefined && kept.length === byteLength) return kept;
    const from = this.at.ring.bytesOf(index);
    const made = this.at.bytes.subarray(from, from + byteLength);
    this.views[index] = made;
    return made;
  }

  protected where(method: string): string {
    return `${this.className}.${method}`;
  }

  protected needOpen(method: string): void {
    if (!this.open) throw closedHere(this.name, method);
  }

  protected waitOf(method: string, options: WaitOptions | undefined): WaitRequest {
    this.needOpen(method);
    if (options === undefined) return NO_WAIT;
    const where = this.where(method);
    return parseWait(where, checkOptions(where, options, WAIT_KEYS));
  }

  protected deadlineOf(method: string, options: ChannelBlockOptions | undefined): number | undefined {
    this.needOpen(method);
    if (options === undefined) return undefined;
    const where = this.where(method);
    const { deadlineMs } = checkOptions<{ readonly deadlineMs?: Duration }>(where, options, ['deadlineMs']);
    return deadlineMs === undefined ? undefined : parseDuration(deadlineMs, `${where}: deadlineMs`);
  }
}
