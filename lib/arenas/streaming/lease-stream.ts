import type { BufferLease } from './lease';

/** How a stream that its consumer leaves stops what is under way. Internal. */
export interface Stopper {
  stopped: boolean;
  /** Ends the wait for a buffer. */
  endWait?: (() => void) | undefined;
  /** Ends the read of the source. */
  interrupt?: (() => void) | undefined;
}

type Step = IteratorResult<BufferLease, void>;

const DONE: Step = Object.freeze({ done: true, value: undefined });

/**
 * Leases of one source. A generator by itself would wait for its read or buffer before it ends; this one ends at once, and
 * gives back what it handed out and nobody looked at: read-ahead of a stream around it that was broken off.
 */
export class LeaseStream implements AsyncGenerator<BufferLease, void> {
  private readonly inner: AsyncGenerator<BufferLease, void>;
  private readonly stopper: Stopper;
  private readonly out = new Set<BufferLease>();
  private reads = 0;
  private started = false;
  private stopping: Promise<void> | undefined;

  constructor(inner: AsyncGenerator<BufferLease, void>, stopper: Stopper) {
    this.inner = inner;
    this.stopper = stopper;
  }

  async next(): Promise<Step> {
    if (this.stopper.stopped) return DONE;
    for (const lease of this.out) if (!lease.untouched || !lease.valid) this.out.delete(lease);
    this.started = true;
    this.reads += 1;
    let step: Step;
    try {
      step = await this.inner.next();
    } catch (error) {
      if (this.stopper.stopped) return DONE;
      throw error;
    } finally {
      this.reads -= 1;
    }
    if (step.done === true) return DONE;
    const lease = step.value;
    if (this.stopper.stopped) {
      lease[Symbol.dispose]();
      return DONE;
    }
    lease.untouched = true;
    this.out.add(lease);
    return step;
  }

  /** Ends the stream; leases that were handed out stay with their holders. */
  stop(): Promise<void> {
    if (this.stopping === undefined) {
      const { stopper } = this;
      stopper.stopped = true;
      stopper.endWait?.();
      if (this.reads > 0 || !this.started) stopper.interrupt?.();
      this.stopping = this.inner.return(undefined).then(() => undefined);
    }
    return this.stopping;
  }

  /** As stop(), and gives back the leases whose bytes nobody looked at. */
  async return(): Promise<Step> {
    const stopping = this.stop();
    for (const lease of this.out) if (lease.untouched) lease[Symbol.dispose]();
    this.out.clear();
    await stopping;
    return DONE;
  }

  async throw(error: unknown): Promise<Step> {
    await this.return();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
