import { type Timers, type Waiter, WaiterQueue, type WaitRequest, watchEnds } from '../../core';
import { abortedWait } from '../base';

/** An acquire() that waits. */
export class Request<T> implements Waiter {
  readonly id: number;
  readonly priority: number;
  readonly arrival: number;
  readonly resolve: (object: T) => void;
  readonly reject: (error: unknown) => void;
  done = false;
  /** Stops watching for what would end it early. */
  leave: () => void = () => {};

  constructor(
    id: number,
    arrival: number,
    priority: number,
    resolve: (object: T) => void,
    reject: (error: unknown) => void,
  ) {
    this.id = id;
    this.arrival = arrival;
    this.priority = priority;
    this.resolve = resolve;
    this.reject = reject;
  }
}

export interface RequestsHost {
  /** What one is refused with whose time is over. */
  timedOut(deadlineMs: number): Error;
  /** Told of each that was refused. */
  refused(id: number, error: unknown): void;
}

/** Those who wait, by priority and arrival. Each is settled exactly once, and leaves nothing behind. */
export class Requests<T> {
  waiting = 0;
  private readonly queue = new WaiterQueue<Request<T>>();
  private readonly timers: Timers;
  private readonly host: RequestsHost;
  private arrivals = 0;

  constructor(timers: Timers, host: RequestsHost) {
    this.timers = timers;
    this.host = host;
  }

  add({ priority, deadlineMs, signal }: WaitRequest, id: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const request = new Request<T>(id, this.arrivals, priority, resolve, reject);
      request.leave = watchEnds(this.timers, {
        deadlineMs,
        signal,
        timedOut: (afterMs) => this.refuse(request, this.host.timedOut(afterMs)),
        aborted: ({ reason }) => this.refuse(request, abortedWait('AsyncPool', 'acquire', reason)),
      });
      this.arrivals += 1; // from here on nothing fails
      this.waiting += 1;
      this.queue.push(request);
    });
  }

  /** Takes the first out; the caller resolves it. */
  next(): Request<T> | undefined {
    const request = this.queue.peek();
    if (request === undefined) return undefined;
    this.queue.pop();
    this.leave(request);
    return request;
  }

  refuseFirst(error: unknown): void {
    const request = this.next();
    if (request === undefined) return;
    request.reject(error);
    this.host.refused(request.id, error);
  }

  private refuse(request: Request<T>, error: unknown): void {
    if (request.done) return;
    this.leave(request);
    this.queue.noteGone();
    request.reject(error);
    this.host.refused(request.id, error);
  }

  private leave(request: Request<T>): void {
    request.done = true;
    this.waiting -= 1;
    request.leave();
  }
}
