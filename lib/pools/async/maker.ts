import { type Awaited, attempt } from './attempt';
import { overdue } from './errors';
import type { Settings } from './options';

export interface MakerHost<T> {
  nextId(): number;
  /** Why nothing may be made any more, or null. */
  refusal(): Error | null;
  asked(id: number): void;
  /** Why the pool cannot take what was made, or null. */
  objection(object: T): Error | null;
  made(object: T, id: number): void;
  failed(error: unknown, id: number): void;
  /** Made after its time was over. */
  late(object: T): void;
  /** A pause is over. */
  resume(): void;
}

/** Pauses after failures in a row: the interval times 1, 2, 4, 8, 16, 16, … */
const MOST_DOUBLINGS = 4;

/** Makes objects, and paces itself when they cannot be made. */
export class Maker<T extends object> {
  /** Under way. Each holds a place in the pool. */
  creating = 0;
  /** What the last try failed with; undefined after a success. */
  lastError: unknown = undefined;
  private readonly settings: Settings<T>;
  private readonly host: MakerHost<T>;
  private readonly underway = new Set<AbortController>();
  private timer: unknown = null;
  private heldBack = false;
  private pauses = 0;

  constructor(settings: Settings<T>, host: MakerHost<T>) {
    this.settings = settings;
    this.host = host;
  }

  /** After a failure: nothing is made ahead. */
  get pausing(): boolean {
    return this.timer !== null;
  }

  /** Not even for those who wait is anything made. */
  get holding(): boolean {
    return this.timer !== null && this.heldBack;
  }

  make(): void {
    const { settings, host } = this;
    const { timers, createTimeoutMs: timeoutMs } = settings;
    const controller = new AbortController();
    const id = host.nextId();
    this.creating += 1;
    this.underway.add(controller);
    const failed = (error: unknown): void => {
      this.leave(controller);
      this.lastError = error;
      host.failed(error, id);
    };
    const work = (): T | PromiseLike<T> => {
      const refusal = host.refusal(); // whoever was told of the request may have closed the pool
      if (refusal !== null) throw refusal;
      return settings.hooks.create(controller.signal);
    };
    const what: Awaited<T> = {
      timers,
      timeoutMs,
      succeeded: (object) => {
        const objection = host.objection(object);
        if (objection !== null) return failed(objection);
        this.leave(controller);
        this.recover();
        host.made(object, id);
      },
      failed,
      overdue: () => {
        const error = overdue('create', timeoutMs);
        controller.abort(error);
        return error;
      },
      late: (object) => {
        if (host.objection(object) === null) host.late(object);
      },
    };
    try {
      host.asked(id);
      attempt<T>(work, what);
    } catch (error) {
      this.leave(controller); // no hook's: timers that fail, or no room on the stack
      throw error;
    }
  }

  /** Gives the place back, once. */
  private leave(controller: AbortController): void {
    if (this.underway.delete(controller)) this.creating -= 1;
  }

  private recover(): void {
    this.lastError = undefined;
    this.pauses = 0;
    this.endPause();
  }

  /** Makes nothing ahead for a while; nor for those who wait, with `holdBack`. */
  pause(holdBack: boolean): void {
    this.heldBack ||= holdBack;
    if (this.timer !== null) return;
    const delayMs = this.settings.createRetryIntervalMs * 2 ** Math.min(this.pauses, MOST_DOUBLINGS);
    this.pauses += 1;
    this.timer = this.settings.timers.start(() => {
      this.timer = null;
      this.heldBack = false;
      this.host.resume();
    }, delayMs);
  }

  private endPause(): void {
    if (this.timer !== null) this.settings.timers.stop(this.timer);
    this.timer = null;
    this.heldBack = false;
  }

  /** Tells those under way that nobody wants them any more. What they give nevertheless is still taken. */
  close(reason: unknown): void {
    this.endPause();
    for (const controller of [...this.underway]) controller.abort(reason);
  }
}
