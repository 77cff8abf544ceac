/** As far as this file needs them; node:http2 is not loaded for those who do not use it. */
export interface Http2Session extends NodeJS.EventEmitter {
  ping(done: (error: unknown) => void): unknown;
}

export interface Http2Sink {
  readonly destroyed?: boolean;
  readonly writableFinished?: boolean;
  readonly session?: Http2Session;
}

/** The HTTP/2 stream that something is, or that a response of its compatibility API writes to. */
export function http2Of(sink: unknown): Http2Sink | undefined {
  const shape = sink as (Http2Sink & { readonly stream?: Http2Sink }) | undefined;
  if (typeof shape?.session?.ping === 'function') return shape;
  return typeof shape?.stream?.session?.ping === 'function' ? shape.stream : undefined;
}

/**
 * Waits until a session has sent what it had begun to send. A stream that is destroyed calls back and closes at once, but
 * parts of its bytes may stand in the session's write, which goes on. A ping is sent behind them, so its answer says that
 * they went. One that nobody answers leaves them to the end of the session.
 */
class Fence {
  private readonly session: Http2Session;
  private waiting: (() => void)[] = [];
  private busy = false;

  constructor(session: Http2Session) {
    this.session = session;
  }

  add(work: () => void): void {
    this.waiting.push(work);
    if (!this.busy) this.ask();
  }

  private ask(): void {
    const asked = this.waiting;
    this.waiting = [];
    this.busy = true;
    const answered = (error: unknown): void => {
      this.busy = false;
      if (error) {
        this.waiting.unshift(...asked); // too many pings: with the next one that is added
        return;
      }
      for (const work of asked) work();
      if (!this.busy && this.waiting.length > 0) this.ask();
    };
    try {
      this.session.ping(answered);
    } catch (error) {
      answered(error); // destroyed: it closes
    }
  }
}

const fences = new WeakMap<Http2Session, Fence>();

/** Calls `work` when a session has sent what it sends now; never where its peer does not answer: watch its 'close' too. */
export function whenSent(session: Http2Session, work: () => void): void {
  let fence = fences.get(session);
  if (fence === undefined) {
    fence = new Fence(session);
    fences.set(session, fence);
  }
  fence.add(work);
}
