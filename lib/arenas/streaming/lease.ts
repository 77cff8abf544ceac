import { checkInteger, memoryError, notForUsers } from '../../core';

/** What a lease needs of its arena. Internal. */
export interface LeaseHost {
  readonly name: string;
  bytesOf(slot: number): Uint8Array;
  /** The number of the present lease of a slot. */
  serialOf(slot: number): number;
  /** `moved`: the pages leave the addresses that somebody may still write to. */
  give(slot: number, moved: boolean): void;
}

/**
 * One buffer of a StreamingArena for a while. Give it back by release() or `using`; after that every call throws
 * ERR_MEMORY_STALE_HANDLE.
 */
export class BufferLease implements Disposable {
  private readonly host: LeaseHost;
  private readonly slot: number;
  private readonly serial: number;
  private filled = 0;
  /** @internal Handed out by a stream, and nobody has asked for its bytes since. */
  untouched = false;

  /** Not for users: call StreamingArena.acquire(). @throws ERR_MEMORY_INVALID_STATE */
  constructor(host: LeaseHost, slot: number) {
    if (typeof host?.serialOf !== 'function') throw notForUsers('BufferLease', 'StreamingArena.acquire()');
    this.host = host;
    this.slot = slot;
    this.serial = host.serialOf(slot);
  }

  /** False once it was released or the arena closed. */
  get valid(): boolean {
    return this.host.serialOf(this.slot) === this.serial;
  }

  /** The whole buffer. @throws ERR_MEMORY_STALE_HANDLE */
  get buffer(): Uint8Array {
    this.check('buffer');
    this.untouched = false;
    return this.host.bytesOf(this.slot);
  }

  /** The part that fill() said holds data. @throws ERR_MEMORY_STALE_HANDLE */
  get bytes(): Uint8Array {
    return this.buffer.subarray(0, this.filled);
  }

  /** How many bytes hold data. */
  get length(): number {
    return this.filled;
  }

  /** Says how many bytes from the begin hold data. @throws ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_STALE_HANDLE */
  fill(byteLength: number): this {
    this.filled = checkInteger('BufferLease.fill: byteLength', byteLength, 0, this.buffer.length);
    return this;
  }

  /** Gives the buffer back. @throws ERR_MEMORY_DOUBLE_FREE, and ERR_MEMORY_IN_USE with `onRelease: 'detach'` while pinned */
  release(): void {
    if (!this.valid) {
      throw memoryError('ERR_MEMORY_DOUBLE_FREE', 'BufferLease.release: the lease has ended before', {
        source: this.host.name,
      });
    }
    this.host.give(this.slot, false);
  }

  /** As release(); does nothing for a lease that has ended. */
  [Symbol.dispose](): void {
    if (this.valid) this.host.give(this.slot, false);
  }

  /** @internal Gives the buffer back while a read into it may still be under way: what arrives late reaches nobody. */
  abandon(): void {
    if (this.valid) this.host.give(this.slot, true);
  }

  private check(method: string): void {
    if (this.valid) return;
    throw memoryError(
      'ERR_MEMORY_STALE_HANDLE',
      `BufferLease.${method}: the lease has ended, the buffer is another's`,
      {
        source: this.host.name,
        hint: 'Release a lease after its last use, or copy out what must live longer.',
      },
    );
  }
}
