import { ignoreFailure } from '../../../core';
import type { LeaseGate } from './gate';

type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array> | ReadableStream<Uint8Array>;
type Result = IteratorResult<Uint8Array | PromiseLike<Uint8Array>, unknown>;

/** Takes chunks from a stream or an iterable, and can be left while it waits for one that never comes. */
export class SourceReader {
  private readonly next: () => Result | PromiseLike<Result>;
  private readonly cancel: () => unknown;
  private readonly unlock: () => void = () => undefined;
  /** The source came to its end, or failed. */
  private over = false;
  private waits = false;

  constructor(source: Chunks) {
    if (typeof (source as Partial<ReadableStream>).getReader === 'function') {
      const reader = (source as ReadableStream<Uint8Array>).getReader();
      this.next = () => reader.read() as PromiseLike<Result>;
      this.cancel = () => reader.cancel();
      this.unlock = () => reader.releaseLock();
      return;
    }
    const both = source as Partial<AsyncIterable<Uint8Array> & Iterable<Uint8Array>>;
    const iterator = (both[Symbol.asyncIterator]?.() ?? both[Symbol.iterator]?.()) as Iterator<Uint8Array>;
    this.next = () => iterator.next();
    this.cancel = () => {
      // The iterator of a stream would wait for the chunk that never comes.
      if (this.waits) (source as { destroy?: () => unknown }).destroy?.();
      return iterator.return?.();
    };
  }

  /** The next chunk; undefined at the end, and as soon as the gate is stopped or the signal aborted. */
  async read(gate: LeaseGate, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    this.waits = true;
    let forget: () => void = () => undefined;
    let result: Result | undefined;
    try {
      result = await new Promise<Result | undefined>((resolve, reject) => {
        forget = gate.whenEnded(signal, () => resolve(undefined));
        this.ask().then(resolve, reject);
      });
    } finally {
      forget();
    }
    if (result === undefined) return undefined;
    if (result.done !== true) return await result.value;
    this.over = true;
    return undefined;
  }

  private async ask(): Promise<Result> {
    try {
      return await this.next();
    } catch (error) {
      this.over = true;
      throw error;
    } finally {
      this.waits = false;
    }
  }

  /** Ends the source, unless it has ended. Waits for that only where it is not in the middle of something. */
  async close(failed: boolean): Promise<void> {
    if (!this.over) {
      const ending = (async () => await this.cancel())();
      if (failed || this.waits) ignoreFailure(ending);
      else await ending;
    }
    if (!this.waits) this.unlock();
  }
}
