import {
  checkFunction,
  checkOptions,
  describe,
  ignoreFailure,
  isThenable,
  type MemoryError,
  memoryError,
} from '../../core';
import type { PoolCallbacks, PoolHooks } from './pool';

/** Who is told what happens in a pool of one thread. What a callback throws is counted and goes no further. */
export interface SyncPoolCallbacks<T> extends PoolCallbacks<T> {
  /** A hook failed where nobody could be told by a throw, such as `dispose` of an unfit object within acquire(). */
  readonly onHookError?: (error: unknown, hook: string) => void;
}

/** Reads hooks once. A function is taken for `create`. @throws ERR_MEMORY_INVALID_ARGUMENT */
export function readHooks<T extends object>(where: string, hooks: PoolHooks<T> | (() => T)): PoolHooks<T> {
  if (typeof hooks === 'function') return { create: hooks };
  if (hooks === undefined) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: a function that makes objects, or hooks, are needed`);
  }
  const copy = checkOptions<PoolHooks<T>>(where, hooks, ['create', 'reset', 'validate', 'dispose']);
  const { create, reset, validate, dispose } = copy;
  checkFunction(`${where}: create`, create);
  if (reset !== undefined) checkFunction(`${where}: reset`, reset);
  if (validate !== undefined) checkFunction(`${where}: validate`, validate);
  if (dispose !== undefined) checkFunction(`${where}: dispose`, dispose);
  return { create, reset, validate, dispose } as PoolHooks<T>; // one shape, whatever was given
}

const CALLBACKS = ['onCreate', 'onAcquire', 'onRelease', 'onDispose', 'onHookError'] as const;

/** Reads callbacks once. @throws ERR_MEMORY_INVALID_ARGUMENT */
export function readCallbacks<T>(where: string, given: SyncPoolCallbacks<T> | undefined): SyncPoolCallbacks<T> {
  const callbacks = checkOptions<SyncPoolCallbacks<T>>(`${where}: callbacks`, given, CALLBACKS);
  for (const name of CALLBACKS) {
    if (callbacks[name] !== undefined) checkFunction(`${where}: callbacks.${name}`, callbacks[name]);
  }
  const { onCreate, onAcquire, onRelease, onDispose, onHookError } = callbacks;
  return { onCreate, onAcquire, onRelease, onDispose, onHookError } as SyncPoolCallbacks<T>;
}

/** A hook of a synchronous pool answered with a promise, or with what it should not. */
function wrongAnswer(where: string, hook: string, answer: unknown, wanted: string): MemoryError {
  const promised = isThenable(answer);
  if (promised) ignoreFailure(answer);
  return memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `${where}: ${hook} must return ${wanted}, got ${promised ? 'a promise' : describe(answer)}`,
    promised ? { hint: 'The hooks of this pool run at once; AsyncPool waits for its hooks.' } : {},
  );
}

/** What `create` returned, if it can be lent. @throws ERR_MEMORY_INVALID_ARGUMENT */
export function checkMade<T extends object>(where: string, made: T): T {
  const given: unknown = made;
  const isObject = (typeof given === 'object' && given !== null) || typeof given === 'function';
  if (!isObject || isThenable(given)) throw wrongAnswer(where, 'create', given, 'an object');
  return made;
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT for a promise */
export function checkNothing(where: string, hook: string, answer: unknown): void {
  if (answer !== undefined && isThenable(answer)) throw wrongAnswer(where, hook, answer, 'nothing');
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT */
export function checkVerdict(where: string, answer: unknown): boolean {
  if (typeof answer !== 'boolean') throw wrongAnswer(where, 'validate', answer, 'true or false');
  return answer;
}
