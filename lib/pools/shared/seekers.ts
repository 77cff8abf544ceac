import { Lookout, type Timers, type Waiter, WaiterQueue, watchEnds } from '../../core';
import type { Line } from './line';

/** Somebody of this attachment who waits for a slot. */
export interface Seeker<L> extends Waiter {
  readonly ticket: number;
  grant(lease: L): void;
  fail(error: unknown): void;
}

/** What the queue asks of its pool. */
export interface Granting<L> {
  /** A slot, without asking whose turn it is; undefined without one. */
  claim(): L | undefined;
  /** Looks for those who have ended, not too often; true when some were found. */
  lookForDead(): boolean;
  closedError(): Error;
}

export interface SeekRequest {
  readonly priority: number;
  readonly deadlineMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  aborted(): Error;
  timedOut(): Error;
}

/**
 * Those of one attachment who wait, by priority and arrival. A slot that comes back here is found at once; one that others
 * give back by looking, at first every millisecond, later every sixteenth. A slot is taken in the same step in which its
 * taker leaves the queue: so nothing is on its way to somebody who has given up.
 */
export class Seekers<L> {
  private readonly queue = new WaiterQueue<Seeker<L>>();
  private readonly line: Line;
  private readonly pool: Granting<L>;
  private readonly timers: Timers;
  private readonly lookout: Lookout;
  private arrivals = 0;
  private waiters = 0;

  constructor(line: Line, pool: Granting<L>, timers: Timers) {
    this.line = line;
    this.pool = pool;
    this.timers = timers;
    this.lookout = new Lookout(timers, () => this.serve());
  }

  get count(): number {
    return this.waiters;
  }

  /** Waits for a slot. */
  wait(request: SeekRequest): Promise<L> {
    const { priority, deadlineMs, signal } = request;
    return new Promise((resolve, reject) => {
      const leave = watchEnds(this.timers, {
        deadlineMs,
        signal,
        timedOut: () => this.giveUp(seeker, request.timedOut()),
        aborted: () => this.giveUp(seeker, request.aborted()),
      });
      const grant = (lease: L): void => {
        leave();
        resolve(lease);
      };
      const fail = (error: unknown): void => {
        leave();
        reject(error);
      };
      const seeker = this.enter(priority, grant, fail);
      try {
        this.serve();
      } catch (error) {
        this.giveUp(seeker, error); // nobody would look for it
      }
    });
  }

  /** Stands in the queue; `serve()` serves it. */
  enter(priority: number, grant: (lease: L) => void, fail: (error: unknown) => void): Seeker<L> {
    const arrival = this.arrivals;
    const seeker: Seeker<L> = { priority, arrival, ticket: this.line.ticket(), done: false, grant, fail };
    this.arrivals += 1;
    this.waiters += 1;
    this.queue.push(seeker);
    return seeker;
  }

  /** Serves those whose turn it is. */
  serve(): void {
    let granted = false;
    for (let seeker = this.queue.peek(); seeker !== undefined; seeker = this.queue.peek()) {
      if (this.line.isShut) {
        this.close();
        return;
      }
      this.line.stand(seeker.priority, seeker.ticket, this.waiters);
      let lease: L | undefined;
      try {
        lease = this.isTurn() ? this.pool.claim() : undefined;
      } catch (error) {
        this.end(seeker);
        this.queue.pop();
        seeker.fail(error);
        continue;
      }
      if (lease === undefined) break;
      this.lookout.found();
      this.end(seeker);
      this.queue.pop();
      granted = true;
      seeker.grant(lease);
    }
    if (this.waiters > 0) {
      this.lookout.later();
    } else {
      this.lookout.stop();
      this.line.leave();
    }
    // Another slot may be free, and the next one not know it yet.
    if (granted) this.line.wake();
  }

  /** Who comes before this attachment may have been killed. */
  private isTurn(): boolean {
    return this.line.isFirst || (this.pool.lookForDead() && this.line.isFirst);
  }

  /** Takes one out that waits no longer; whose turn it is then may be somebody else's. */
  giveUp(seeker: Seeker<L>, error: unknown): void {
    if (seeker.done) return;
    this.end(seeker);
    this.queue.noteGone();
    seeker.fail(error);
    this.serve();
    this.line.wake();
  }

  /** Refuses everybody. */
  close(): void {
    for (let seeker = this.queue.peek(); seeker !== undefined; seeker = this.queue.peek()) {
      this.end(seeker);
      this.queue.pop();
      seeker.fail(this.pool.closedError());
    }
    this.lookout.stop();
    this.line.leave();
  }

  private end(seeker: Seeker<L>): void {
    seeker.done = true;
    this.waiters -= 1;
  }
}
