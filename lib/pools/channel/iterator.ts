import { isMemoryError } from '../../core';
import type { ChannelMessage } from './message';

/** What an iteration asks of its receiver. */
interface Source {
  readonly isOver: boolean;
  takeNow(): ChannelMessage | undefined;
  receiveUntil(signal: AbortSignal): Promise<ChannelMessage>;
}

const OVER: IteratorResult<ChannelMessage> = Object.freeze({ done: true, value: undefined });

/** The messages of a receiver for `for await`: one promise a message, where there is one. */
export class MessageIterator implements AsyncIterableIterator<ChannelMessage> {
  private readonly source: Source;
  /** Messages that it has given and not released: one, unless several were asked for at once. */
  private given: ChannelMessage[] = [];
  private over = false;
  private readonly stop = new AbortController();

  constructor(source: Source) {
    this.source = source;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<ChannelMessage>> {
    this.release();
    if (this.over) return OVER;
    try {
      const message = this.source.takeNow() ?? (await this.source.receiveUntil(this.stop.signal));
      this.given.push(message);
      if (!this.over) return { done: false, value: message };
      this.release(); // ended after the message was taken and before this one ran
      return OVER;
    } catch (error) {
      if (this.stop.signal.aborted && isMemoryError(error, 'ERR_MEMORY_ABORTED')) return OVER;
      if ((error as { code?: unknown }).code !== 'ERR_MEMORY_CLOSED' || !this.source.isOver) throw error;
      this.over = true;
      return OVER;
    }
  }

  /** `break` and errors inside the loop end here, and streams that are destroyed: who still waits takes no message. */
  async return(): Promise<IteratorResult<ChannelMessage>> {
    this.over = true;
    this.stop.abort();
    this.release();
    return OVER;
  }

  private release(): void {
    while (this.given.length > 0) this.given.pop()?.[Symbol.dispose]();
  }
}
