import { type Timers, type Waiter, WaiterQueue } from '../../core';
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

const FIRST_LOOK_MS = 1;
const LONGEST_LOOK_MS = 16;

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
  private timer: unknown = null;
  private looks = 0;
  private arrivals = 0;
  private waiters = 0;

  constructor(line: Line, pool: Granting<L>, timers: Timers) {
    this.line = line;
    this.pool = pool;
    this.timers = timers;
  }

  get count(): number {
    return this.waiters;
  }

  /** Waits for a slot. */
  wait(request: SeekRequest): Promise<L> {
    const { priority, deadlineMs, signal } = request;
    return new Promise((resolve, reject) => {
      let timer: unknown = null;
      const leave = (): void => {
        if (timer !== null) this.timers.stop(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const onAbort = (): void => this.giveUp(seeker, request.aborted());
      const grant = (lease: L): void => {
        leave();
        resolve(lease);
      };
      const fail = (error: unknown): void => {
        leave();
        reject(error);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      if (deadlineMs !== undefined) {
        timer = this.timers.start(() => this.giveUp(seeker, request.timedOut()), deadlineMs, true);
      }
      const seeker = this.enter(priority, grant, fail);
      this.serve();
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
      this.looks = 0;
      this.end(seeker);
      this.queue.pop();
      granted = true;
      seeker.grant(lease);
    }
    if (this.waiters > 0) {
      this.lookLater();
    } else {
      this.rest();
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
    this.rest();
    this.line.leave();
  }

  private end(seeker: Seeker<L>): void {
    seeker.done = true;
    this.waiters -= 1;
  }

  private lookLater(): void {
    if (this.timer !== null) return;
    const delayMs = Math.min(LONGEST_LOOK_MS, FIRST_LOOK_MS * 2 ** Math.min(this.looks, 10));
    this.timer = this.timers.start(() => {
      this.timer = null;
      this.looks += 1;
      this.serve();
    }, delayMs);
  }

  private rest(): void {
    if (this.timer !== null) this.timers.stop(this.timer);
    this.timer = null;
    this.looks = 0;
  }
}
