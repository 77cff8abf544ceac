import { type Timers, type Waiter, WaiterQueue } from '../../core';

/** Somebody of this member who waits. */
export interface SharedWaiter extends Waiter {
  readonly bytes: number;
  grant(): void;
  fail(error: unknown): void;
}

/** What the queue asks of its member. */
export interface Served {
  /** Takes the bytes for the first who waits, or takes nothing. Throws what that one is to be refused with. */
  serve(bytes: number): boolean;
  /** So many wait now. */
  waits(count: number): void;
}

const FIRST_LOOK_MS = 1;
const LONGEST_LOOK_MS = 16;

/**
 * Those of one member who wait, by priority and arrival. What other members give back is found by looking, at first every
 * millisecond, later every sixteenth; what this member gives back is found at once. Keeps no process alive but for who has a deadline.
 */
export class SharedQueue {
  private readonly queue = new WaiterQueue<SharedWaiter>();
  private readonly timers: Timers;
  private readonly member: Served;
  private timer: unknown = null;
  private looks = 0;
  private arrivals = 0;
  private waiters = 0;

  constructor(timers: Timers, member: Served) {
    this.timers = timers;
    this.member = member;
  }

  /** Waits until `granted` may be called; the bytes are charged when it is. */
  wait<T>(request: SharedRequest<T>): Promise<T> {
    const { bytes, priority, deadlineMs, signal } = request;
    return new Promise((resolve, reject) => {
      let timer: unknown = null;
      const leave = (): void => {
        if (timer !== null) this.timers.stop(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const onAbort = (): void => this.refuse(waiter, request.aborted());
      const waiter: SharedWaiter = {
        bytes,
        priority,
        arrival: this.arrivals,
        done: false,
        grant: () => {
          leave();
          resolve(request.granted());
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      this.arrivals += 1;
      this.count(1);
      this.queue.push(waiter);
      signal?.addEventListener('abort', onAbort, { once: true });
      if (deadlineMs !== undefined) {
        timer = this.timers.start(() => this.refuse(waiter, request.timedOut()), deadlineMs, true);
      }
      if (this.queue.peek() === waiter) this.serve();
      else this.lookLater();
    });
  }

  /** Serves those who can be served now, strictly in their order. */
  serve(): void {
    for (let waiter = this.queue.peek(); waiter !== undefined; waiter = this.queue.peek()) {
      try {
        if (!this.member.serve(waiter.bytes)) break;
      } catch (error) {
        this.queue.pop();
        this.end(waiter);
        waiter.fail(error);
        continue;
      }
      this.looks = 0;
      this.queue.pop();
      this.end(waiter);
      waiter.grant();
    }
    if (this.waiters > 0) this.lookLater();
    else this.rest();
  }

  /** Refuses everybody. */
  close(error: () => Error): void {
    for (let waiter = this.queue.peek(); waiter !== undefined; waiter = this.queue.peek()) {
      this.queue.pop();
      this.end(waiter);
      waiter.fail(error());
    }
    this.rest();
  }

  private refuse(waiter: SharedWaiter, error: Error): void {
    if (waiter.done) return;
    this.end(waiter);
    this.queue.noteGone();
    waiter.fail(error);
    this.serve(); // those behind it may be served now
  }

  private end(waiter: SharedWaiter): void {
    waiter.done = true;
    this.count(-1);
  }

  private count(change: number): void {
    this.waiters += change;
    this.member.waits(this.waiters);
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

export interface SharedRequest<T> {
  readonly bytes: number;
  readonly priority: number;
  readonly deadlineMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  granted(): T;
  aborted(): Error;
  timedOut(): Error;
}
