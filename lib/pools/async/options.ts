import {
  type Clock,
  checkBoolean,
  checkClock,
  checkFunction,
  checkInteger,
  checkOneOf,
  checkOptions,
  checkString,
  checkTimers,
  type Duration,
  memoryError,
  parseDuration,
  type Timers,
} from '../../core';

/** What an AsyncPool does with its objects. Each hook may answer at once or by a promise. */
export interface AsyncPoolHooks<T extends object> {
  /** Makes one: an object or a function. The signal is aborted when its time is over, and when the pool closes. */
  readonly create: (signal: AbortSignal) => T | PromiseLike<T>;
  /** Runs when one comes back: makes it fit for the next holder. One for which it fails is ended. */
  readonly reset?: (object: T) => unknown;
  /** False for one that must not be lent any more: it is ended and another one taken. */
  readonly validate?: (object: T) => boolean | PromiseLike<boolean>;
  /** Ends one. Runs once for each that was made and not detached. */
  readonly dispose?: (object: T) => unknown;
}

export interface AsyncPoolOptions<T extends object> extends AsyncPoolHooks<T> {
  /** The bound: objects that are being made, tested, idle, borrowed and being ended, together. */
  readonly max: number;
  /** So many are made ahead and kept. Default 0. */
  readonly min?: number;
  /** For statistics. Default 'AsyncPool'. */
  readonly name?: string;
  /** Test idle objects before they are lent. Default: true where there is `validate`. */
  readonly testOnBorrow?: boolean;
  /** Test objects when they come back. Default false. */
  readonly testOnReturn?: boolean;
  /** Which idle object goes first: the one that came back last or the one that came back first. Default 'lifo'. */
  readonly order?: 'lifo' | 'fifo';
  /** Make the `min` objects soon after construction; otherwise start(), ready() or the first acquire() does. Default true. */
  readonly autostart?: boolean;
  /** How many may wait. Default: any number. */
  readonly maxWaitingClients?: number;
  /**
   * When an object cannot be made: true refuses the first who waits, with that error; false tries again after a while, and
   * those who wait go on waiting. Default true.
   */
  readonly propagateCreateError?: boolean;
  /** How long acquire() waits at most where its own options do not say. Default: without end. */
  readonly acquireTimeoutMs?: Duration;
  /** How long `create` may take; then its place is free again, and what it gives later is ended. Default 30 s. */
  readonly createTimeoutMs?: Duration;
  /** How long `validate` and `reset` may take; then the object is ended. Default 5 s. */
  readonly validateTimeoutMs?: Duration;
  /** How long `dispose` may take; then its place is free again. Default 5 s. */
  readonly destroyTimeoutMs?: Duration;
  /** How long after a failed `create` it is tried again; doubles with each failure in a row, up to 16 times. Default 200 ms. */
  readonly createRetryIntervalMs?: Duration;
  /** Objects that were idle for so long are ended, and never lent. Default: none. */
  readonly idleTimeoutMs?: Duration;
  /** Objects that were idle for so long are ended by eviction runs while more than `min` are idle. Default: none. */
  readonly softIdleTimeoutMs?: Duration;
  /** Objects that were made so long ago are ended when they are idle or come back, and never lent. Default: none. */
  readonly maxAgeMs?: Duration;
  /** Time between eviction runs while there are idle objects; 0 for none. Default 1 s with any of the three limits above. */
  readonly evictionRunIntervalMs?: Duration;
  /** How many idle objects a run looks at; the next run goes on behind them. Default: all. */
  readonly numTestsPerEvictionRun?: number;
  /** Default: the monotonic clock. Read only where one of the three limits is set. */
  readonly clock?: Clock;
  readonly timers?: Timers;
}

const KEYS = [
  ...(['create', 'reset', 'validate', 'dispose', 'max', 'min', 'name', 'testOnBorrow', 'testOnReturn'] as const),
  ...(['order', 'autostart', 'maxWaitingClients', 'propagateCreateError', 'acquireTimeoutMs'] as const),
  ...(['createTimeoutMs', 'validateTimeoutMs', 'destroyTimeoutMs', 'createRetryIntervalMs'] as const),
  ...(['idleTimeoutMs', 'softIdleTimeoutMs', 'maxAgeMs', 'evictionRunIntervalMs'] as const),
  ...(['numTestsPerEvictionRun', 'clock', 'timers'] as const),
] as const;

export interface Settings<T extends object> {
  readonly hooks: AsyncPoolHooks<T>;
  readonly max: number;
  readonly min: number;
  readonly name: string;
  readonly testOnBorrow: boolean;
  readonly testOnReturn: boolean;
  readonly lifo: boolean;
  readonly autostart: boolean;
  readonly maxWaiting: number;
  readonly propagateCreateError: boolean;
  readonly acquireTimeoutMs: number | undefined;
  readonly createTimeoutMs: number;
  readonly validateTimeoutMs: number;
  readonly destroyTimeoutMs: number;
  readonly createRetryIntervalMs: number;
  readonly idleTimeoutMs: number;
  readonly softIdleTimeoutMs: number;
  readonly maxAgeMs: number;
  readonly evictionRunIntervalMs: number;
  readonly numTestsPerEvictionRun: number;
  readonly clock: Clock;
  readonly timers: Timers;
}

const NEVER = Number.POSITIVE_INFINITY;

/** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function checkSettings<T extends object>(where: string, options: AsyncPoolOptions<T>): Settings<T> {
  const given: Partial<AsyncPoolOptions<T>> = checkOptions(where, options, KEYS);
  const span = (key: keyof AsyncPoolOptions<T> & `${string}Ms`, otherwise: Duration, leastMs: number = 1): number => {
    const asked = given[key] as Duration | undefined;
    if (asked === undefined && otherwise === NEVER) return NEVER;
    const ms = parseDuration(asked ?? otherwise, `${where}: ${key}`);
    if (ms >= leastMs) return ms;
    throw memoryError('ERR_MEMORY_OUT_OF_RANGE', `${where}: ${key} must be at least ${leastMs} ms, got ${ms}`);
  };
  const flag = (key: 'testOnBorrow' | 'testOnReturn' | 'autostart' | 'propagateCreateError', otherwise: boolean) =>
    checkBoolean(`${where}: ${key}`, given[key] ?? otherwise);
  const max = checkInteger(`${where}: max`, given.max, 1);
  const limits = {
    idleTimeoutMs: span('idleTimeoutMs', NEVER),
    softIdleTimeoutMs: span('softIdleTimeoutMs', NEVER),
    maxAgeMs: span('maxAgeMs', NEVER),
  };
  const limited = Object.values(limits).some((ms) => ms !== NEVER);
  const runIntervalMs = span('evictionRunIntervalMs', 1000, 0);
  const tests = given.numTestsPerEvictionRun;
  return {
    hooks: checkHooks(where, given),
    max,
    min: checkInteger(`${where}: min`, given.min ?? 0, 0, max),
    name: checkString(`${where}: name`, given.name ?? 'AsyncPool', 200),
    testOnBorrow: flag('testOnBorrow', given.validate !== undefined),
    testOnReturn: flag('testOnReturn', false),
    lifo: checkOneOf(`${where}: order`, given.order ?? 'lifo', ['lifo', 'fifo']) === 'lifo',
    autostart: flag('autostart', true),
    maxWaiting:
      given.maxWaitingClients === undefined
        ? NEVER
        : checkInteger(`${where}: maxWaitingClients`, given.maxWaitingClients),
    propagateCreateError: flag('propagateCreateError', true),
    acquireTimeoutMs: given.acquireTimeoutMs === undefined ? undefined : span('acquireTimeoutMs', 0, 0),
    createTimeoutMs: span('createTimeoutMs', '30s'),
    validateTimeoutMs: span('validateTimeoutMs', '5s'),
    destroyTimeoutMs: span('destroyTimeoutMs', '5s'),
    createRetryIntervalMs: span('createRetryIntervalMs', 200),
    ...limits,
    evictionRunIntervalMs: limited ? runIntervalMs : 0, // nothing to do otherwise
    numTestsPerEvictionRun: tests === undefined ? NEVER : checkInteger(`${where}: numTestsPerEvictionRun`, tests, 1),
    clock: checkClock(where, given.clock),
    timers: checkTimers(where, given.timers),
  };
}

function checkHooks<T extends object>(where: string, given: Partial<AsyncPoolOptions<T>>): AsyncPoolHooks<T> {
  const { create, reset, validate, dispose } = given;
  checkFunction(`${where}: create`, create);
  for (const [key, hook] of Object.entries({ reset, validate, dispose })) {
    if (hook !== undefined) checkFunction(`${where}: ${key}`, hook);
  }
  const test = given.testOnBorrow === true ? 'testOnBorrow' : 'testOnReturn';
  if (validate === undefined && given[test] === true) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: ${test} needs a validate hook`);
  }
  return { create: create as AsyncPoolHooks<T>['create'], reset, validate, dispose };
}
