import { isMemoryError } from '../../core';
import type { Region } from '../../platform';
import { HEAD } from './layout';

export type Side = 'senders' | 'receivers';

/** Positions in the group's own words. */
const GROUP = 0;
const ASLEEP = Object.freeze({ senders: 16, receivers: 32 });
const BLOCKED = Object.freeze({ senders: HEAD.blockedSenders, receivers: HEAD.blockedReceivers });
const WORDS = 48;

/** A blocked thread looks so often at least: elsewhere than on Linux, other processes cannot wake it. */
const SLICE_MS = process.platform === 'linux' ? 50 : 8;

type WaitAsync = (
  words: Int32Array,
  at: number,
  expected: number,
) => { readonly async: false } | { readonly async: true; readonly value: Promise<unknown> };
const waitAsync = (Atomics as unknown as { readonly waitAsync?: WaitAsync }).waitAsync;

function isShared(value: unknown): value is SharedArrayBuffer {
  // By its tag: what a test runner's worker is sent is of another realm.
  return Object.prototype.toString.call(value) === '[object SharedArrayBuffer]';
}

/**
 * How the two sides wake each other. A sleeper sets a sign, looks once more, and sleeps; whoever changes the ring looks at
 * the signs afterwards, clears those that are set and wakes everybody behind them. Both orders are whole, so no wake is
 * lost; and the sign of somebody who died costs one wake that nobody hears.
 *
 * Event loops of one process wake each other through a SharedArrayBuffer of the engine's own: its waiters are known by
 * the buffer, and two attachments of one region are two buffers to it. Threads that block are woken by the operating
 * system through the region, in other processes too. An event loop of another process cannot be woken, and looks.
 */
export class Wake {
  readonly buffer: SharedArrayBuffer;
  private readonly own: Int32Array;
  private readonly region: Region;
  private readonly words: Int32Array;
  private native = true;
  private readonly pending = { senders: false, receivers: false };
  /** Who is to be called: the end that is open now, which may not be the one that fell asleep. */
  private readonly work = { senders: (): void => {}, receivers: (): void => {} };

  constructor(region: Region, words: Int32Array, buffer: unknown) {
    this.region = region;
    this.words = words;
    const given = isShared(buffer) && buffer.byteLength >= WORDS * 4 ? new Int32Array(buffer, 0, WORDS) : null;
    const joined = given !== null && given.buffer === buffer; // not so for what only looks like one
    this.own = joined ? given : new Int32Array(new SharedArrayBuffer(WORDS * 4));
    this.buffer = this.own.buffer as unknown as SharedArrayBuffer;
    if (!joined) this.own[GROUP] = 1 + Math.floor(Math.random() * (2 ** 31 - 2));
  }

  /** The same for all who can wake each other's event loops. */
  get group(): number {
    return this.own[GROUP] ?? 0;
  }

  /** False where event loops cannot be woken at all. */
  get isAsync(): boolean {
    return waitAsync !== undefined;
  }

  /** Wakes who sleeps on that side. Two reads when nobody does. */
  wake(side: Side): void {
    const { own, words } = this;
    const asleep = ASLEEP[side];
    if (Atomics.load(own, asleep) !== 0) {
      Atomics.store(own, asleep, 0);
      Atomics.notify(own, asleep);
    }
    const blocked = BLOCKED[side];
    if (Atomics.load(words, blocked) !== 0) {
      Atomics.store(words, blocked, 0);
      this.notify(blocked);
    }
  }

  /** Sets the sign of a sleeper; the ring must be looked at once more before sleep(). */
  prepare(side: Side): void {
    Atomics.store(this.own, ASLEEP[side], 1);
  }

  /**
   * Calls `work` when that side is woken, once; does not keep the process alive. To be called again after that.
   *
   * @returns false when it was woken already
   */
  sleep(side: Side, work: () => void): boolean {
    this.work[side] = work;
    if (waitAsync === undefined || this.pending[side]) return true;
    const result = waitAsync(this.own, ASLEEP[side], 1);
    if (!result.async) return false;
    this.pending[side] = true;
    void result.value.then(() => {
      this.pending[side] = false;
      this.work[side]();
    });
    return true;
  }

  /** As prepare(), for a thread that will block(). */
  prepareToBlock(side: Side): void {
    if (this.native) Atomics.store(this.words, BLOCKED[side], 1);
    else Atomics.store(this.own, ASLEEP[side], 1);
  }

  /** Blocks the thread until that side is woken, or for `ms` or less. */
  block(side: Side, ms: number): void {
    const sliceMs = Math.max(0, Math.min(ms, SLICE_MS));
    if (this.native) {
      try {
        this.region.wait(BLOCKED[side] * 4, 1, { timeout: sliceMs });
        return;
      } catch (error) {
        if (!isMemoryError(error, 'ERR_MEMORY_UNSUPPORTED') && !isMemoryError(error, 'ERR_MEMORY_INVALID_STATE')) {
          throw error;
        }
        this.native = false; // this time it only looks again
        return;
      }
    }
    Atomics.wait(this.own, ASLEEP[side], 1, Math.min(sliceMs, 8));
  }

  /** Ends what sleeps here. */
  close(): void {
    for (const at of [ASLEEP.senders, ASLEEP.receivers]) {
      Atomics.store(this.own, at, 0);
      Atomics.notify(this.own, at);
    }
  }

  private notify(at: number): void {
    if (!this.native) return;
    try {
      this.region.notify(at * 4);
    } catch (error) {
      if (!isMemoryError(error, 'ERR_MEMORY_UNSUPPORTED') && !isMemoryError(error, 'ERR_MEMORY_INVALID_STATE')) {
        throw error;
      }
      this.native = false;
    }
  }
}
