import type { ChannelMessage } from './message';

/** What an iteration asks of its receiver. */
interface Source {
  readonly isOver: boolean;
  takeNow(): ChannelMessage | undefined;
  receive(): Promise<ChannelMessage>;
}

const OVER: IteratorResult<ChannelMessage> = Object.freeze({ done: true, value: undefined });

/** The messages of a receiver for `for await`: one promise a message, where there is one. */
export class MessageIterator implements AsyncIterableIterator<ChannelMessage> {
  private readonly source: Source;
  /** Messages that it has given and not released: one, unless several were asked for at once. */
  private given: ChannelMessage[] = [];
  private over = false;

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
      const message = this.source.takeNow() ?? (await this.source.receive());
      this.given.push(message);
      return { done: false, value: message };
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ERR_MEMORY_CLOSED' || !this.source.isOver) throw error;
      this.over = true;
      return OVER;
    }
  }

  /** `break` and errors inside the loop end here. */
  async return(): Promise<IteratorResult<ChannelMessage>> {
    this.over = true;
    this.release();
    return OVER;
  }

  private release(): void {
    while (this.given.length > 0) this.given.pop()?.[Symbol.dispose]();
  }
}
