import { lookDelayMs, systemClock, type Waiter, WaiterQueue, type WaitRequest, watchEnds } from '../../core';
import { reentrant } from '../base';
import type { Attachment } from './attachment';
import { aborted, closedHere, timedOut } from './errors';
import type { Side } from './wake';

/** One try: undefined for not yet. Throws where waiting is in vain. */
export type Attempt<T> = () => T | undefined;

interface ChannelWaiter extends Waiter {
  /** True when it is served. */
  attempt(): boolean;
  fail(error: unknown): void;
  /** Why it is to wait no longer, when that came up while it was being served. */
  late: unknown;
}

/** Where everybody can be woken, looking is for the dead and for who came lately: so often at first, and in the end. */
const RARE_LOOK_MS = 50;
const RAREST_LOOK_MS = 200;
/** So often are the dead looked for, at least while a wait is young. */
const MISSING_MS = 50;
const OLD_LOOKS = 64;
/** Calls in a row that did not wait, before one lets the event loop have its turn. */
const STRAIGHT = 512;
/** Tries of a thread before it blocks: some microseconds. */
const SPINS = 200;

/** Those of one end who wait, by priority and arrival. Keeps no process alive but for who has a deadline, or by `keep`. */
export class Waiting {
  private readonly at: Attachment;
  private readonly side: Side;
  private readonly queue = new WaiterQueue<ChannelWaiter>();
  private readonly serveLater = (): void => this.serve();
  private count = 0;
  private arrivals = 0;
  private straight = 0;
  /** Tries of a call before it waits; fewer after each that was in vain. */
  private patience = SPINS;
  private timer: unknown = null;
  private timerMs = 0;
  private looks = 0;
  private sinceMissing = 0;
  private keep = false;
  private closed = false;
  /** The one whose attempt runs now: a writer of the user's may be inside it and call anything. */
  private serving: ChannelWaiter | null = null;

  constructor(at: Attachment, side: Side) {
    this.at = at;
    this.side = side;
  }

  /** How many wait. Nobody is served past them. */
  get waiting(): number {
    return this.count;
  }

  /** Whether those who wait keep the process alive. */
  keepAlive(keep: boolean): void {
    if (this.keep === keep) return;
    this.keep = keep;
    this.stopTimer();
    if (this.count > 0) this.lookLater();
  }

  /** One try, for a caller that needs no promise of its own; not when others wait or the event loop is to have its turn. */
  straightAway<T>(attempt: Attempt<T>): T | undefined {
    if (this.count > 0 || this.straight >= STRAIGHT - 1) return undefined;
    const got = attempt();
    if (got !== undefined) this.straight += 1;
    return got;
  }

  /** Tries for some microseconds while messages come thick and fast: to sleep and be woken takes longer. */
  private tryHard<T>(attempt: Attempt<T>): T | undefined {
    let got = attempt();
    for (let spin = 0; got === undefined && spin < this.patience && this.count === 0; spin += 1) got = attempt();
    this.patience = got === undefined ? this.patience >> 1 : SPINS;
    return got;
  }

  /**
   * Waits for an attempt that succeeds.
   *
   * @param late when the event loop is to have its turn, the attempt comes after it, and not before: for who may be gone
   *   by then, whose abort is to find nothing taken
   */
  async run<T>(method: string, attempt: Attempt<T>, request: WaitRequest, late = false): Promise<T> {
    const { name } = this.at;
    const { priority, deadlineMs, signal } = request;
    if (signal?.aborted) throw aborted(name, method, signal);
    const rests = late && this.count === 0 && this.straight >= STRAIGHT - 1;
    if (rests) {
      this.straight = 0;
    } else if (this.count === 0) {
      const got = this.tryHard(attempt);
      if (got !== undefined) {
        this.straight += 1;
        if (this.straight < STRAIGHT) return got;
        this.straight = 0;
        await new Promise((resolve) => setImmediate(resolve));
        return got;
      }
      if (signal?.aborted) throw aborted(name, method, signal); // by a writer, inside the attempt
    }
    return new Promise<T>((resolve, reject) => {
      const waiter: ChannelWaiter = {
        priority,
        arrival: this.arrivals,
        done: false,
        late: undefined,
        attempt: () => {
          const got = attempt();
          if (got === undefined) return false;
          leave();
          resolve(got);
          return true;
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      const leave = watchEnds(this.at.timers, {
        deadlineMs,
        signal,
        timedOut: (afterMs) => this.refuse(waiter, timedOut(name, method, afterMs)),
        aborted: (by) => this.refuse(waiter, aborted(name, method, by)),
      });
      this.arrivals += 1;
      this.count += 1;
      this.queue.push(waiter);
      try {
        if (rests) setImmediate(this.serveLater);
        else if (this.queue.peek() === waiter) this.serve();
      } catch (error) {
        this.refuse(waiter, error); // nobody would look for it
      }
    });
  }

  /** Blocks the thread for an attempt that succeeds. */
  block<T>(method: string, attempt: Attempt<T>, deadlineMs: number | undefined): T {
    const { at, side } = this;
    const end = deadlineMs === undefined ? Number.POSITIVE_INFINITY : systemClock.nowMs() + deadlineMs;
    let looked = systemClock.nowMs();
    if (this.serving !== null) throw reentrant(at.name, method, 'writer');
    for (;;) {
      // Those of this end who wait come first: nobody else serves them while the thread is blocked.
      if (this.count > 0) this.serve();
      for (let spin = 0; spin < SPINS && this.count === 0; spin += 1) {
        const got = attempt();
        if (got !== undefined) return got;
      }
      at.wake.prepareToBlock(side);
      if (this.count > 0) this.serve();
      const got = this.count === 0 ? attempt() : undefined;
      if (got !== undefined) return got;
      const now = systemClock.nowMs();
      if (now >= end) throw timedOut(at.name, method, deadlineMs ?? 0);
      if (now - looked >= MISSING_MS) {
        looked = now;
        at.look(method, side);
      }
      at.wake.block(side, end - now);
    }
  }

  /** Serves those who can be served now, in their order. */
  serve(): void {
    if (this.count === 0 || this.serving !== null || this.serveFirst()) return;
    this.at.wake.prepare(this.side);
    if (this.serveFirst()) return; // something came before the sign stood
    if (!this.at.wake.sleep(this.side, this.serveLater)) setImmediate(this.serveLater);
    this.lookLater();
  }

  /** True when nobody waits any more. */
  private serveFirst(): boolean {
    for (let waiter = this.queue.peek(); waiter !== undefined; waiter = this.queue.peek()) {
      let failure: unknown;
      let failed = false;
      let served = false;
      this.serving = waiter;
      try {
        served = waiter.attempt();
      } catch (error) {
        failure = error;
        failed = true;
      } finally {
        this.serving = null;
      }
      if (!served && !failed) {
        if (waiter.late === undefined) return false;
        failure = waiter.late;
        failed = true;
      }
      this.looks = 0;
      if (waiter.done) continue; // what it ran has ended it: a close() inside a writer
      waiter.done = true;
      this.queue.noteGone(); // it may stand at the head no more: its writer may have sent something that comes first
      this.count -= 1;
      if (failed) waiter.fail(failure);
    }
    return true;
  }

  /** Refuses everybody. */
  close(method: string): void {
    this.closed = true;
    this.stopTimer();
    this.failAll(() => closedHere(this.at.name, method));
  }

  private refuse(waiter: ChannelWaiter, error: unknown): void {
    if (waiter.done) return;
    if (waiter === this.serving) {
      waiter.late ??= error; // too late, unless there is no room for the rest of it
      return;
    }
    waiter.done = true;
    this.count -= 1;
    this.queue.noteGone();
    waiter.fail(error); // those behind it wait for the same: nothing has changed for them
  }

  private lookLater(): void {
    if (this.closed || this.count === 0) return;
    const other = this.side === 'senders' ? 'receivers' : 'senders';
    const often = lookDelayMs(this.looks);
    const rarely = Math.min(RAREST_LOOK_MS, RARE_LOOK_MS * 2 ** Math.min(this.looks, 10));
    const delayMs = this.at.mustLookFor(other) ? often : rarely;
    if (this.timer !== null) {
      if (this.timerMs <= delayMs) return;
      this.stopTimer();
    }
    this.timerMs = delayMs;
    this.timer = this.at.timers.start(() => this.look(), delayMs, this.keep);
  }

  private look(): void {
    this.timer = null;
    if (this.count === 0) return;
    this.looks += 1;
    this.sinceMissing += this.timerMs;
    if (this.sinceMissing >= (this.looks > OLD_LOOKS ? RAREST_LOOK_MS : MISSING_MS)) {
      this.sinceMissing = 0;
      try {
        this.at.look(this.side === 'senders' ? 'send' : 'receive', this.side);
      } catch (error) {
        this.failAll(() => error);
        return;
      }
    }
    this.serve();
  }

  private failAll(error: () => unknown): void {
    for (let waiter = this.queue.peek(); waiter !== undefined; waiter = this.queue.peek()) {
      this.queue.pop();
      waiter.done = true;
      this.count -= 1;
      waiter.fail(error());
    }
  }

  private stopTimer(): void {
    if (this.timer !== null) this.at.timers.stop(this.timer);
    this.timer = null;
  }
}
