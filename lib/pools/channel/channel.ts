import { checkBoolean, checkOptions, INSPECT, notForUsers } from '../../core';
import { Attachment, type ChannelPeer } from './attachment';
import { closedHere } from './errors';
import { CHANNEL_VERSION, HEAD } from './layout';
import type { ChannelMessage } from './message';
import { ATTACH_KEYS, attachChannel, makeChannel } from './opening';
import type {
  ChannelAttachOptions,
  ChannelHandle,
  ChannelOptions,
  ChannelReceiverOptions,
  ChannelStats,
} from './options';
import { ChannelReceiver } from './receiver';
import { ChannelSender } from './sender';

/**
 * A bounded queue of small messages and leases in memory that threads and processes share: nothing is cloned, nothing is
 * allocated for a message but an object of the receiver. Many may send and many receive: each message arrives once, those
 * of one sender in their order. When it is full, senders wait.
 *
 * Whoever dies, by worker.terminate() or SIGKILL at any instruction, is noticed: what it was writing is skipped, what it
 * had taken is lost with it, and the others go on. When all senders have closed or ended, receivers get what is left and
 * then the end; when all receivers have, senders are told.
 *
 * One object belongs to one thread; others attach by `handle`. The memory goes when the last attachment has closed. Event
 * loops of one process wake each other; a thread that blocks is woken by anybody (on Linux); an event loop that waits for
 * another process looks, every 1 to 16 ms. Waiting keeps no process or worker alive: see ref() of the ends.
 */
export class Channel implements AsyncIterable<ChannelMessage>, Disposable {
  private readonly at: Attachment;
  private sending: ChannelSender | undefined;
  private receiving: ChannelReceiver | undefined;
  private sentBefore = 0;
  private receivedBefore = 0;
  private last: ChannelStats | undefined;

  /** Not for users: call Channel.create or Channel.attach. @throws ERR_MEMORY_INVALID_STATE */
  constructor(at: Attachment) {
    if (!(at instanceof Attachment)) throw notForUsers('Channel', 'Channel.create() or Channel.attach()');
    this.at = at;
  }

  /**
   * Makes a channel, attached to it.
   *
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_TOO_LARGE, what Region.shared throws
   */
  static create(options?: ChannelOptions): Channel {
    const where = 'Channel.create';
    const given = checkOptions<ChannelOptions>(where, options, [
      'name',
      'capacity',
      'messageBytes',
      'owners',
      ...ATTACH_KEYS,
    ]);
    return new Channel(makeChannel(where, given));
  }

  /**
   * Attaches the calling thread by a handle from another one, or from another process.
   *
   * @throws ERR_MEMORY_STALE_HANDLE for a channel that is gone, ERR_MEMORY_CORRUPTION, ERR_MEMORY_UNSUPPORTED for the layout
   *   of another version, ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_POOL_EXHAUSTED when all places are taken
   */
  static attach(handle: ChannelHandle, options?: ChannelAttachOptions): Channel {
    const where = 'Channel.attach';
    const given = checkOptions<ChannelAttachOptions>(where, options, ATTACH_KEYS);
    return new Channel(attachChannel(where, handle, given));
  }

  get name(): string {
    return this.at.name;
  }

  /** The largest message in bytes. */
  get messageBytes(): number {
    return this.at.layout.messageBytes;
  }

  /** Messages that it holds at most. */
  get capacity(): number {
    return this.at.layout.capacity;
  }

  /** The number of this attachment's place, as in `message.sender`. */
  get id(): number {
    return this.at.owner;
  }

  /**
   * What another thread needs to attach, by postMessage or workerData. Also for other processes by IPC in its usual form;
   * where IPC is `serialization: 'advanced'`, send `remoteHandle`.
   *
   * @throws ERR_MEMORY_CLOSED
   */
  get handle(): ChannelHandle {
    return Object.freeze({ ...this.remoteHandle, wake: this.at.wake.buffer });
  }

  /** The handle as plain data. Threads of this process that attach by it look for messages instead of being woken. */
  get remoteHandle(): ChannelHandle {
    this.needOpen('handle');
    const { name, region } = this.at;
    return Object.freeze({ type: 'nebula-memory.channel', version: CHANNEL_VERSION, name, region: region.handle });
  }

  /** The sending end of this attachment; the same one until it is closed. @throws ERR_MEMORY_CLOSED */
  sender(): ChannelSender {
    this.needOpen('sender');
    if (this.sending?.isOpen) return this.sending;
    this.sentBefore += this.sending?.sent ?? 0;
    this.sending = new ChannelSender(this.at);
    return this.sending;
  }

  /**
   * The receiving end of this attachment; the same one until it is closed, with the options that it was first given.
   *
   * @throws ERR_MEMORY_CLOSED, ERR_MEMORY_INVALID_ARGUMENT
   */
  receiver(options?: ChannelReceiverOptions): ChannelReceiver {
    this.needOpen('receiver');
    const where = 'Channel.receiver';
    const { copy = false } = checkOptions<ChannelReceiverOptions>(where, options, ['copy']);
    checkBoolean(`${where}: copy`, copy);
    if (this.receiving?.isOpen) return this.receiving;
    this.receivedBefore += this.receiving?.received ?? 0;
    this.receiving = new ChannelReceiver(this.at, copy);
    return this.receiving;
  }

  /** As of receiver(). */
  [Symbol.asyncIterator](): AsyncIterableIterator<ChannelMessage> {
    return this.receiver()[Symbol.asyncIterator]();
  }

  /** Who is attached. The dead are among them until they were missed: recover() looks. @throws ERR_MEMORY_CLOSED */
  peers(): readonly ChannelPeer[] {
    this.needOpen('peers');
    return this.at.peers();
  }

  /**
   * Lets go of what attachments held whose worker or process has ended. Also done by itself where somebody waits.
   *
   * @returns how many there were, and how many messages they were writing or held
   * @throws ERR_MEMORY_CLOSED
   */
  recover(): { readonly peers: number; readonly messages: number } {
    this.needOpen('recover');
    return this.at.recover();
  }

  stats(): ChannelStats {
    if (this.last !== undefined) return this.last;
    const { name, layout, ring, words } = this.at;
    return Object.freeze({
      name,
      capacity: layout.capacity,
      messageBytes: layout.messageBytes,
      length: ring.length,
      sent: this.sentBefore + (this.sending?.sent ?? 0),
      received: this.receivedBefore + (this.receiving?.received ?? 0),
      held: this.receiving?.held ?? 0,
      sending: this.sending?.waiting ?? 0,
      receiving: this.receiving?.waiting ?? 0,
      lost: Atomics.load(words, HEAD.lost),
    });
  }

  /** Closes both ends and leaves. What this attachment has sent stays for the receivers. Closing twice does nothing. */
  close(): void {
    if (this.at.closed) return;
    this.sending?.close();
    this.receiving?.close();
    this.last = Object.freeze({ ...this.stats(), held: 0 });
    this.at.close();
  }

  /** Its class and its stats: what JSON.stringify prints. */
  toJSON(): { readonly type: string } & ChannelStats {
    return { type: this.constructor.name, ...this.stats() };
  }

  [INSPECT](): string {
    return this.at.closed
      ? `Channel '${this.name}': closed`
      : `Channel '${this.name}': ${this.stats().length} of ${this.capacity} messages`;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  private needOpen(method: string): void {
    if (this.at.closed) throw closedHere(this.at.name, method);
  }
}
