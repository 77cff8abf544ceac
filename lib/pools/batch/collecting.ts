import { setMaxListeners } from 'node:events';
import { ignoreFailure, type MemoryError, memoryError, type Timers, type WaitRequest, watchEnds } from '../../core';
import { abortedWait } from '../base';
import type { AsyncPoolLike } from './async-pool-like';
import type { Collector, Turns } from './turns';

/** What one collection is for. */
export interface CollectingRequest<T> {
  readonly source: string;
  readonly pool: AsyncPoolLike<T>;
  readonly turns: Turns;
  readonly timers: Timers;
  readonly count: number;
  readonly wait: WaitRequest;
  /** Takes what is not kept. */
  readonly giveBack: (objects: readonly T[]) => void;
  readonly resolve: (objects: T[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Waits for its turn, then asks the pool for all at once; keeps all or none. */
export class Collecting<T> implements Collector {
  readonly priority: number;
  readonly arrival: number;
  done = false;
  private readonly objects: T[] = [];
  private readonly stop = new AbortController();
  private readonly leave: () => void;

  constructor(private readonly request: CollectingRequest<T>) {
    const { turns, wait, timers, source } = request;
    this.priority = wait.priority;
    this.arrival = turns.arrive();
    setMaxListeners(0, this.stop.signal); // one for each object
    this.leave = watchEnds(timers, {
      deadlineMs: wait.deadlineMs,
      signal: wait.signal,
      timedOut: () => this.fail(this.timedOut()),
      aborted: ({ reason }) => this.fail(abortedWait(source, 'acquireExact', reason)),
    });
    turns.enter(this);
  }

  begin(): void {
    const { count } = this.request;
    for (let at = 0; at < count && !this.done; at += 1) this.ask();
  }

  private ask(): void {
    const { pool, wait } = this.request;
    // A pool that throws at once is one that rejects.
    new Promise<T>((resolve) => resolve(pool.acquire({ signal: this.stop.signal, priority: wait.priority }))).then(
      (object) => this.got(object),
      (error) => this.fail(error),
    );
  }

  private got(object: T): void {
    const { request, objects } = this;
    if (this.done) {
      request.giveBack([object]); // it came too late
      return;
    }
    objects.push(object);
    if (objects.length < request.count) return;
    this.end();
    request.resolve(objects);
  }

  private fail(error: unknown): void {
    if (this.done) return;
    const { request, objects } = this;
    this.end();
    this.stop.abort(error);
    request.giveBack(objects);
    request.reject(error);
  }

  private end(): void {
    const { turns } = this.request;
    this.done = true;
    this.leave();
    // In a moment of its own: what failed gives back first, and a long row of turns is no deep stack.
    ignoreFailure(Promise.resolve().then(() => turns.leave(this)));
  }

  private timedOut(): MemoryError {
    const { source, count, wait, turns } = this.request;
    const { length } = this.objects;
    return memoryError(
      'ERR_MEMORY_TIMEOUT',
      `${source}.acquireExact: ${length} of ${count} objects came in ${wait.deadlineMs} ms; none was kept`,
      { source, hint: `${turns.waiting} other batches wait: release sooner, raise the bound, or wait longer.` },
    );
  }
}
