import { join } from 'node:path';
import { Region } from '../../../lib/platform';
import type { Channel } from '../../../lib/pools';
import type { ChannelMessage } from '../../../lib/pools/channel/message';
import { type Hand, type Mode, startHand } from '../../support/hands';

const MEMBER = join(__dirname, 'member.cjs');
const STOP = 0;
const MARKED = 1;
const BAD = 2;

export interface MemberOptions {
  readonly role: 'send' | 'receive';
  readonly way: string;
  readonly messages?: number;
}

/** Senders and receivers in threads or processes of their own, and the desk at which every message is marked. */
export class Crew {
  private readonly desk: Region;
  private readonly control: Int32Array;
  private readonly marks: Int32Array;
  private readonly hands: Hand[] = [];
  private readonly channel: Channel;
  private readonly perSender: number;
  private count = 0;

  constructor(channel: Channel, senders: number, perSender: number) {
    this.channel = channel;
    this.perSender = perSender;
    this.desk = Region.shared(64 + (senders + 1) * perSender * 4);
    this.control = new Int32Array(this.desk.buffer, 0, 16);
    this.marks = new Int32Array(this.desk.buffer, 64, (senders + 1) * perSender);
  }

  async begin(mode: Mode, options: MemberOptions): Promise<Hand> {
    let id = 0;
    if (options.role === 'send') {
      this.count += 1;
      id = this.count;
    }
    const setup = {
      messages: this.perSender,
      ...options,
      id,
      perSender: this.perSender,
      messageBytes: this.channel.messageBytes,
      handle: this.channel.handle,
      desk: this.desk.handle,
      library: process.env['NEBULA_TEST_LIBRARY'],
    };
    const hand = await startHand(MEMBER, mode, id, setup);
    this.hands.push(hand);
    return hand;
  }

  /** Marks a message that came here. @returns its sender and number */
  take(message: ChannelMessage): { sender: number; number: number } {
    const { bytes } = message;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const [sender, number] = [view.getUint32(0, true), view.getUint32(4, true)];
    let sum = sender + number;
    for (let at = 12; at < bytes.length; at += 1) sum = (sum + (bytes[at] as number)) | 0;
    const length = 12 + ((number * 7 + sender) % (this.channel.messageBytes - 12));
    const whole = sum === view.getInt32(8, true) && bytes.length === length && number < this.perSender;
    if (whole) Atomics.add(this.marks, sender * this.perSender + number, 1);
    else Atomics.add(this.control, BAD, 1);
    Atomics.add(this.control, MARKED, 1);
    if (!message.isReleased) message.release();
    return { sender, number };
  }

  /** Messages that came, anywhere. */
  get marked(): number {
    return Atomics.load(this.control, MARKED);
  }

  /** Messages that came and were not whole. */
  get bad(): number {
    return Atomics.load(this.control, BAD);
  }

  /** Of one sender: how often its messages came, up to the last one that did. */
  marksOf(sender: number): { readonly last: number; readonly missing: number; readonly twice: number } {
    const own = this.marks.subarray(sender * this.perSender, (sender + 1) * this.perSender);
    let last = -1;
    let missing = 0;
    let twice = 0;
    own.forEach((count, number) => {
      if (count > 0) last = number;
      if (count > 1) twice += 1;
    });
    for (let number = 0; number < last; number += 1) if (own[number] === 0) missing += 1;
    return { last, missing, twice };
  }

  /** Waits until so many more have come. */
  async more(messages: number): Promise<void> {
    const from = this.marked;
    for (let turn = 0; this.marked < from + messages; turn += 1) {
      if (turn > 60_000) throw new Error(`only ${this.marked - from} of ${messages} messages`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** Lets all end by themselves. @returns how each ended */
  async end(): Promise<string[]> {
    Atomics.store(this.control, STOP, 1);
    return Promise.all(this.hands.map(({ ended }) => ended));
  }

  /** Ends whoever is left. */
  async killAll(): Promise<void> {
    await Promise.all(this.hands.map((hand) => hand.kill()));
  }

  close(): void {
    this.desk.free();
  }
}
