import { isMemoryError, memoryError } from '../core';
import type { Holder } from './holders';
import type { TierName } from './tiers/options';

/** What a lease needs of the system that made it. Internal. */
export interface LeaseHost {
  viewLeased(handle: number, byteLength: number): Uint8Array;
  freeLeased(handle: number, byteLength: number): void;
}

/** A block as an object that gives itself back: `using lease = system.request(4096)`. Belongs to one thread. */
export class MemoryLease implements Disposable {
  /** Bytes as they were asked for. */
  readonly byteLength: number;
  /** Who served it. */
  readonly tier: TierName;
  private readonly host: LeaseHost;
  private readonly holder: Holder;
  private at: number;
  private window: Uint8Array | null = null;

  /** Internal: made by request(). */
  constructor(host: LeaseHost, handle: number, byteLength: number, tier: TierName, holder: Holder) {
    this.host = host;
    this.at = handle;
    this.byteLength = byteLength;
    this.tier = tier;
    this.holder = holder;
    holder.leases += 1;
    holder.bytes += byteLength;
  }

  /** True once it was given back. */
  get freed(): boolean {
    return this.at === -1;
  }

  /** What the number form calls it. @throws ERR_MEMORY_FREED after free() */
  get handle(): number {
    if (this.at === -1) throw this.gone('handle');
    return this.at;
  }

  /**
   * The bytes; the same object at each call. They hold what was there before. Do not keep it: after free() it may show the
   * next block's bytes.
   *
   * @throws ERR_MEMORY_FREED after free(), ERR_MEMORY_STALE_HANDLE after the system or the tenant has ended
   */
  view(): Uint8Array {
    if (this.at === -1) throw this.gone('view');
    if (this.window === null || this.window.length === 0) this.window = this.host.viewLeased(this.at, this.byteLength);
    return this.window;
  }

  /** Alias of view(). */
  get bytes(): Uint8Array {
    return this.view();
  }

  /** Gives the block back. @throws ERR_MEMORY_DOUBLE_FREE at the second call, ERR_MEMORY_STALE_HANDLE after the system's end */
  free(): void {
    if (this.at === -1) {
      throw memoryError(
        'ERR_MEMORY_DOUBLE_FREE',
        `MemoryLease.free: the lease of ${this.byteLength} bytes was given back before`,
      );
    }
    const handle = this.at;
    try {
      this.host.freeLeased(handle, this.byteLength);
    } catch (error) {
      // Its allocator has gone, and the memory with it. Whatever else stands in the way may pass: it can be tried again.
      if (isMemoryError(error, 'ERR_MEMORY_STALE_HANDLE')) this.end();
      throw error;
    }
    this.end();
  }

  private end(): void {
    this.at = -1;
    this.window = null;
    this.holder.leases -= 1;
    this.holder.bytes -= this.byteLength;
  }

  /** As free(), and nothing when it was given back or its memory has gone: for `using`. */
  [Symbol.dispose](): void {
    if (this.at === -1) return;
    try {
      this.free();
    } catch (error) {
      if (!isMemoryError(error, 'ERR_MEMORY_STALE_HANDLE')) throw error;
    }
  }

  private gone(what: string): Error {
    return memoryError(
      'ERR_MEMORY_FREED',
      `MemoryLease.${what}: the lease of ${this.byteLength} bytes was given back before`,
    );
  }
}
