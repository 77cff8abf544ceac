import { Lookout, type Timers, type Waiter, WaiterQueue, watchEnds } from '../../core';

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

/**
 * Those of one member who wait, by priority and arrival. What other members give back is found by looking, at first every
 * millisecond, later every sixteenth; what this member gives back is found at once. Keeps no process alive but for who has a deadline.
 */
export class SharedQueue {
  private readonly queue = new WaiterQueue<SharedWaiter>();
  private readonly timers: Timers;
  private readonly member: Served;
  private readonly lookout: Lookout;
  private arrivals = 0;
  private waiters = 0;

  constructor(timers: Timers, member: Served) {
    this.timers = timers;
    this.member = member;
    this.lookout = new Lookout(timers, () => this.serve());
  }

  /** Waits until `granted` may be called; the bytes are charged when it is. */
  wait<T>(request: SharedRequest<T>): Promise<T> {
    const { bytes, priority, deadlineMs, signal } = request;
    return new Promise((resolve, reject) => {
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
      const leave = watchEnds(this.timers, {
        deadlineMs,
        signal,
        timedOut: () => this.refuse(waiter, this.reason(request)),
        aborted: () => this.refuse(waiter, request.aborted()),
      });
      this.arrivals += 1;
      this.count(1);
      this.queue.push(waiter);
      try {
        if (this.queue.peek() === waiter) this.serve();
        else this.lookout.later();
      } catch (error) {
        this.refuse(waiter, error); // nobody would look for it
      }
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
      this.lookout.found();
      this.queue.pop();
      this.end(waiter);
      waiter.grant();
    }
    try {
      if (this.waiters > 0) this.lookout.later();
      else this.lookout.stop();
    } catch (error) {
      this.close(() => error); // nobody would look for them
    }
  }

  /** Refuses everybody. */
  close(error: () => unknown): void {
    for (let waiter = this.queue.peek(); waiter !== undefined; waiter = this.queue.peek()) {
      this.queue.pop();
      this.end(waiter);
      waiter.fail(error());
    }
    this.lookout.stop();
  }

  private refuse(waiter: SharedWaiter, error: unknown): void {
    if (waiter.done) return;
    this.end(waiter);
    this.queue.noteGone();
    waiter.fail(error);
    this.serve(); // those behind it may be served now
  }

  /** Why its time is over, with numbers of memory that may be broken: then that is the reason. */
  private reason(request: SharedRequest<unknown>): unknown {
    try {
      return request.timedOut();
    } catch (error) {
      return error;
    }
  }

  private end(waiter: SharedWaiter): void {
    waiter.done = true;
    this.count(-1);
  }

  private count(change: number): void {
    this.waiters += change;
    this.member.waits(this.waiters);
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
