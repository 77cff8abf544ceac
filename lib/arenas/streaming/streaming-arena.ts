import type { Readable } from 'node:stream';
import {
  type BudgetLike,
  type ByteSize,
  checkBoolean,
  checkFunction,
  checkInteger,
  checkOneOf,
  checkOptions,
  checkSignal,
  checkString,
  describe,
  memoryError,
  parseBytes,
  type RegionProvider,
  systemTimers,
  watchEnds,
} from '../../core';
import type { Carrier } from '../../platform';
import { type Chunk, ChunkStore, planArena } from '../arena';
import { BufferLease, type LeaseHost } from './lease';
import { LeaseStream, type Stopper } from './lease-stream';
import { type LeaseSink, pipeLeases } from './pipe';
import { type LeaseSource, leasesOf } from './sources';
import { toReadable, toWebStream } from './streams';

export interface StreamingArenaOptions {
  /** Buffers of the ring. Default 16. They are got when first needed and kept until dispose(). */
  readonly buffers?: number;
  /**
   * `reuse` (default): a view that somebody kept after release() sees the next user's bytes. `detach`: a released buffer
   * that was looked at moves to other addresses, so such a view has length 0 or reads zeros; tens of microseconds.
   */
  readonly onRelease?: 'reuse' | 'detach';
  readonly provider?: RegionProvider;
  /** As in ArenaOptions. */
  readonly carrier?: Carrier;
  /** Charged for every buffer while the arena holds it. */
  readonly budget?: BudgetLike;
  readonly name?: string;
}

export interface AcquireOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds to wait at most; the process stays alive until then. Default: without end. */
  readonly timeoutMs?: number;
}

/** Of streams that a StreamingArena makes: how each of its buffers is waited for, and what the stream carries. */
export interface LeaseStreamOptions extends AcquireOptions {
  /** False (default): leases, which the consumer releases. True: bytes, each chunk a copy that its reader may keep. */
  readonly bytes?: boolean;
}

export interface StreamingArenaStats {
  readonly name: string;
  readonly bufferBytes: number;
  readonly buffers: number;
  /** Buffers got from the provider so far. */
  readonly heldBuffers: number;
  readonly leasedBuffers: number;
  readonly peakLeasedBuffers: number;
  /** acquire() calls that wait for a buffer. */
  readonly waiting: number;
  readonly leases: number;
  readonly releases: number;
  /** acquire() calls that had to wait. */
  readonly waits: number;
  /** tryAcquire() calls without a buffer. */
  readonly failures: number;
  readonly reservedBytes: number;
}

interface Waiter {
  serve(lease: BufferLease): void;
  fail(error: unknown): void;
}

/** What net.connect and net.Socket take as `onread`. */
export interface SocketReader {
  buffer(): Uint8Array;
  callback(bytesRead: number, buffer: Uint8Array): boolean;
  /** Gives back the buffer that waits for the next read. Call it when the socket has closed. */
  release(): void;
}

/**
 * A ring of equal buffers for data that streams through: a lease is one buffer for a while, and whoever wants more than
 * there are waits. That is the back-pressure: a source that fills leases reads no faster than its consumers release them.
 *
 * Belongs to one thread. dispose() frees the buffers: views have length 0 (with the carrier `shared` they read zeros),
 * leases are stale, and who waits gets ERR_MEMORY_CLOSED.
 */
export class StreamingArena implements Disposable {
  readonly name: string;
  readonly bufferBytes: number;
  readonly buffers: number;
  private readonly detaches: boolean;
  private readonly store: ChunkStore;
  private readonly slots: Chunk[] = [];
  private readonly serials: number[] = [];
  /** Released slots, oldest first: a ring, so that a stale view lives as long as possible before it lies. */
  private free: number[] = [];
  private readonly waiters = new Set<Waiter>();
  private readonly host: LeaseHost;
  private closed = false;
  /** A provider or budget is being called. */
  private busy = false;
  private leased = 0;
  private peakLeased = 0;
  private leases = 0;
  private releases = 0;
  private waits = 0;
  private failures = 0;

  /**
   * @param bufferBytes size of each buffer, default 64 KiB, rounded up to whole pages of 4 KiB
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE
   */
  constructor(bufferBytes: ByteSize = 65_536, options?: StreamingArenaOptions) {
    const where = 'new StreamingArena()';
    const given = checkOptions<StreamingArenaOptions>(where, options, [
      'buffers',
      'onRelease',
      'provider',
      'carrier',
      'budget',
      'name',
    ]);
    const { buffers = 16, onRelease = 'reuse', name = 'streaming-arena', ...memory } = given;
    const bytes =
      Math.ceil(parseBytes(bufferBytes, `${where}: bufferBytes`, { minBytes: 1, maxBytes: 2 ** 30 }) / 4096) * 4096;
    this.buffers = checkInteger(`${where}: buffers`, buffers, 1, 65_536);
    this.detaches = checkOneOf(`${where}: onRelease`, onRelease, ['reuse', 'detach']) === 'detach';
    this.name = checkString(`${where}: name`, name, 200);
    this.bufferBytes = bytes;
    this.store = new ChunkStore(
      planArena(where, { ...memory, chunkBytes: bytes, growthFactor: 1, maxChunkBytes: bytes }, this.name),
    );
    this.host = {
      name: this.name,
      bytesOf: (slot) => (this.slots[slot] as Chunk).window(`${this.name}: lease`, 0, this.bufferBytes),
      serialOf: (slot) => (this.closed ? -1 : (this.serials[slot] as number)),
      give: (slot, moved) => this.give(slot, moved),
    };
  }

  get disposed(): boolean {
    return this.closed;
  }

  /** A buffer now, or undefined where all are in use or the budget or provider has none. @throws ERR_MEMORY_CLOSED */
  tryAcquire(): BufferLease | undefined {
    this.needOpen('tryAcquire');
    const lease = this.waiters.size > 0 ? undefined : this.take(); // nobody overtakes who waits
    if (lease === undefined) this.failures += 1;
    return lease;
  }

  /**
   * A buffer, as soon as there is one; first come, first served. Waiting keeps the process alive until its deadline
   * (`timeoutMs`), and without one not at all.
   *
   * @throws ERR_MEMORY_TIMEOUT, ERR_MEMORY_ABORTED, ERR_MEMORY_CLOSED; what the budget or the provider throws when no
   *   buffer is in use that could come back
   */
  async acquire(options?: AcquireOptions): Promise<BufferLease> {
    return await this.acquireFor(options, undefined);
  }

  private async acquireFor(options: AcquireOptions | undefined, stopper: Stopper | undefined): Promise<BufferLease> {
    const what = 'StreamingArena.acquire';
    this.needOpen('acquire');
    const { timeoutMs, ...given } = checkOptions<AcquireOptions>(what, options, ['signal', 'timeoutMs']);
    const signal = checkSignal(`${what}: signal`, given.signal);
    const limitMs = timeoutMs === undefined ? undefined : checkInteger(`${what}: timeoutMs`, timeoutMs, 0, 2 ** 31 - 1);
    if (signal?.aborted === true) throw aborted(what, this.name, signal);
    const lease = this.waiters.size > 0 ? undefined : this.take();
    if (lease !== undefined) return lease;
    if (this.leased === 0) throw this.store.refusal ?? this.exhausted();
    this.waits += 1;
    return await this.wait(what, signal, limitMs, stopper);
  }

  private wait(
    what: string,
    signal: AbortSignal | undefined,
    limitMs: number | undefined,
    stopper: Stopper | undefined,
  ): Promise<BufferLease> {
    return new Promise<BufferLease>((resolve, reject) => {
      const settle = () => {
        leave();
        this.waiters.delete(waiter);
        if (stopper !== undefined) stopper.endWait = undefined;
      };
      const waiter: Waiter = {
        serve: (lease) => {
          settle();
          resolve(lease);
        },
        fail: (error) => {
          settle();
          reject(error);
        },
      };
      const leave = watchEnds(systemTimers, {
        deadlineMs: limitMs,
        signal,
        timedOut: (afterMs) => {
          const text = `${what}: no buffer came back within ${afterMs} ms`;
          waiter.fail(memoryError('ERR_MEMORY_TIMEOUT', text, { source: this.name }));
        },
        aborted: (by) => waiter.fail(aborted(what, this.name, by)),
      });
      if (stopper !== undefined) stopper.endWait = () => waiter.fail(aborted(what, this.name, undefined));
      this.waiters.add(waiter);
    });
  }

  /**
   * Reads a source through leased buffers: for `for await`. The consumer releases each lease; the next read waits for a
   * buffer. A file (FileHandle) and a web byte stream are read straight into the buffers; other sources are copied once.
   * Leaving the loop early cancels the source and gives back every lease whose bytes nobody has asked for, also those that
   * a stream around this one (Readable.from) had read ahead.
   *
   * @throws ERR_MEMORY_INVALID_ARGUMENT, and from the iteration what acquire() and the source throw
   */
  stream(source: LeaseSource, options?: AcquireOptions): AsyncGenerator<BufferLease, void> {
    return this.leasesFrom('stream', source, options);
  }

  /**
   * The same as a Node stream: of leases (object mode, one read ahead), or with `bytes` of Buffers, which are copies, for
   * consumers that know nothing of leases. When it is destroyed what was read ahead is given back.
   *
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_CLOSED
   */
  readable(source: LeaseSource, options?: LeaseStreamOptions): Readable {
    const { bytes, waits } = streamOptions('readable', options);
    return toReadable(this.leasesFrom('readable', source, waits), bytes, this.bufferBytes);
  }

  /**
   * The same as a web stream: of leases, or with `bytes` of Uint8Arrays, which are copies, as Response takes them. Nothing
   * is read before it is asked for, and cancel() cancels the source.
   *
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_CLOSED
   */
  webStream(source: LeaseSource, options: LeaseStreamOptions & { readonly bytes: true }): ReadableStream<Uint8Array>;
  webStream(source: LeaseSource, options?: AcquireOptions & { readonly bytes?: false }): ReadableStream<BufferLease>;
  webStream(source: LeaseSource, options?: LeaseStreamOptions): ReadableStream<Uint8Array | BufferLease> {
    const { bytes, waits } = streamOptions('webStream', options);
    return toWebStream(this.leasesFrom('webStream', source, waits), bytes);
  }

  /**
   * Writes a source into a stream without copying out of the buffers, and ends it. Each buffer is given back when the
   * destination has called back for it, or its write's promise has settled. Files, sockets, responses, zlib and ciphers are
   * done with the bytes then; a destination that passes on what it got (PassThrough, an identity TransformStream) is not:
   * give that one `readable(source, { bytes: true })`.
   *
   * When one side fails the other one is ended by the same error.
   *
   * @returns the bytes written
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_CLOSED; what the source, the destination and acquire() throw
   */
  async pipeTo(source: LeaseSource, destination: LeaseSink, options?: AcquireOptions): Promise<number> {
    return await pipeLeases('StreamingArena.pipeTo', () => this.leasesFrom('pipeTo', source, options), destination);
  }

  private leasesFrom(method: string, source: LeaseSource, options: AcquireOptions | undefined): LeaseStream {
    this.needOpen(method);
    const stopper: Stopper = { stopped: false };
    const inner = leasesOf(source, () => this.acquireFor(options, stopper), stopper);
    if (inner !== undefined) return new LeaseStream(inner, stopper);
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `StreamingArena.${method}: source must be a file, a stream or an iterable of bytes, got ${describe(source)}`,
    );
  }

  /**
   * For the `onread` option of net.connect(): the socket reads straight into leased buffers. `deliver` gets each filled
   * lease and owns it. When no buffer is left the socket is paused; `resume` is called once there is one again, and the
   * first read after that is copied.
   *
   * @throws what acquire() throws when not even the first buffer is to be had: ERR_MEMORY_POOL_EXHAUSTED
   */
  onread(deliver: (lease: BufferLease) => void, resume: () => void): SocketReader {
    checkFunction('StreamingArena.onread: deliver', deliver);
    checkFunction('StreamingArena.onread: resume', resume);
    let given = this.tryAcquire();
    if (given === undefined) throw this.store.refusal ?? this.exhausted();
    // Node.js asks for the next buffer even when it is told to pause, and reads into that one after resume().
    let spare: Uint8Array | undefined;
    let ready: BufferLease | undefined;
    let released = false;
    return {
      buffer: () => {
        if (given !== undefined) return given.buffer;
        spare ??= new Uint8Array(this.bufferBytes);
        return spare;
      },
      callback: (bytesRead) => {
        const lease = given ?? ready;
        if (lease === undefined) throw this.exhausted(); // resumed by somebody else
        if (given === undefined) lease.buffer.set((spare as Uint8Array).subarray(0, bytesRead));
        ready = undefined;
        given = undefined;
        deliver(lease.fill(bytesRead));
        if (released) return false; // by the one who was just delivered to
        given = this.closed ? undefined : this.tryAcquire();
        if (given !== undefined) return true;
        this.acquire().then(
          (next) => {
            ready = next;
            if (released) next.release();
            else resume();
          },
          () => undefined, // closed: the socket stays paused until its owner ends it
        );
        return false;
      },
      release: () => {
        released = true;
        given?.[Symbol.dispose]();
        ready?.[Symbol.dispose]();
      },
    };
  }

  stats(): StreamingArenaStats {
    return Object.freeze({
      name: this.name,
      bufferBytes: this.bufferBytes,
      buffers: this.buffers,
      heldBuffers: this.slots.length,
      leasedBuffers: this.leased,
      peakLeasedBuffers: this.peakLeased,
      waiting: this.waiters.size,
      leases: this.leases,
      releases: this.releases,
      waits: this.waits,
      failures: this.failures,
      reservedBytes: this.store.reservedBytes,
    });
  }

  /**
   * Frees every buffer, leased or not.
   *
   * @throws ERR_MEMORY_IN_USE for pinned memory: a second call frees it; ERR_MEMORY_INVALID_STATE from inside of the
   *   arena's own provider or budget while a buffer is got
   */
  [Symbol.dispose](): void {
    this.needIdle();
    if (!this.closed) {
      this.closed = true;
      this.leased = 0;
      this.free = [];
      for (const waiter of [...this.waiters]) waiter.fail(this.closedError('acquire'));
    }
    let failure: unknown;
    const held: Chunk[] = [];
    for (const chunk of this.slots.splice(0)) {
      try {
        this.store.release(chunk);
      } catch (error) {
        failure ??= error;
        held.push(chunk);
      }
    }
    this.slots.push(...held);
    if (failure !== undefined) throw failure;
  }

  dispose(): void {
    this[Symbol.dispose]();
  }

  // ---- below ---------------------------------------------------------------------------------------------------

  private take(): BufferLease | undefined {
    let slot = this.free.shift();
    if (slot === undefined) {
      if (this.slots.length === this.buffers) return undefined;
      const chunk = this.hold();
      if (chunk === null) return undefined;
      this.slots.push(chunk);
      this.serials.push(0);
      slot = this.slots.length - 1;
    }
    this.leased += 1;
    this.leases += 1;
    this.peakLeased = Math.max(this.peakLeased, this.leased);
    return new BufferLease(this.host, slot);
  }

  private hold(): Chunk | null {
    this.needIdle();
    this.busy = true;
    try {
      return this.store.acquire(this.bufferBytes);
    } finally {
      this.busy = false;
    }
  }

  private needIdle(): void {
    if (!this.busy) return;
    throw memoryError('ERR_MEMORY_INVALID_STATE', `${this.name}: called by its own provider or budget`, {
      source: this.name,
      hint: 'Let the callback return first.',
    });
  }

  private give(slot: number, moved: boolean): void {
    if (this.detaches || moved) (this.slots[slot] as Chunk).moveAway();
    this.serials[slot] = (this.serials[slot] as number) + 1;
    this.leased -= 1;
    this.releases += 1;
    this.free.push(slot);
    const [next] = this.waiters;
    const lease = next === undefined ? undefined : this.take();
    if (lease !== undefined) next?.serve(lease);
  }

  private exhausted(): Error {
    return memoryError('ERR_MEMORY_POOL_EXHAUSTED', `${this.name}: all ${this.buffers} buffers are in use`, {
      source: this.name,
      hint: 'Wait with acquire(), release leases sooner, or give the arena more buffers.',
    });
  }

  private needOpen(method: string): void {
    if (this.closed) throw this.closedError(method);
  }

  private closedError(method: string): Error {
    return memoryError('ERR_MEMORY_CLOSED', `StreamingArena.${method}: the arena was disposed`, { source: this.name });
  }
}

function aborted(what: string, source: string, signal: AbortSignal | undefined): Error {
  return memoryError('ERR_MEMORY_ABORTED', `${what} was aborted`, { source, cause: signal?.reason });
}

function streamOptions(
  method: string,
  options: LeaseStreamOptions | undefined,
): { readonly bytes: boolean; readonly waits: AcquireOptions } {
  const what = `StreamingArena.${method}`;
  const { bytes = false, ...waits } = checkOptions<LeaseStreamOptions>(what, options, ['signal', 'timeoutMs', 'bytes']);
  return { bytes: checkBoolean(`${what}: bytes`, bytes), waits };
}
