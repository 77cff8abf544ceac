import { describe } from './describe';
import { isMemoryError, memoryError } from './errors';
import { nearest } from './nearest';

function invalid(message: string, hint?: string, cause?: unknown): Error {
  return memoryError('ERR_MEMORY_INVALID_ARGUMENT', message, { hint, cause });
}

function didYouMean(word: unknown, candidates: readonly string[]): string {
  const guess = typeof word === 'string' ? nearest(word, candidates) : undefined;
  return guess === undefined ? '' : ` Did you mean '${guess}'?`;
}

// Prototypes of another realm (vm contexts, test runners) are plain as well: theirs has no further prototype.
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || (typeof prototype === 'object' && Object.getPrototypeOf(prototype) === null);
}

/**
 * Checks an options object and returns a copy of it, read once, so that a getter cannot change its answer later.
 *
 * @param where the function as the user knows it, such as `Region.map`
 * @param options undefined means no options
 * @param allowedKeys every key that is understood
 * @throws ERR_MEMORY_INVALID_ARGUMENT for null, arrays, class instances, and unknown keys (the nearest one is named)
 */
export function checkOptions<T extends object>(
  where: string,
  options: T | undefined,
  allowedKeys: readonly (keyof T & string)[],
): T {
  return readOptions(where, options, (key) => {
    if (!(allowedKeys as readonly string[]).includes(key)) throw unknownKey(where, key, allowedKeys);
  }) as T;
}

/**
 * The options of a preset under the caller's own, which count where they are not undefined. Which keys there are is checked
 * by whoever takes the result.
 *
 * @throws ERR_MEMORY_INVALID_ARGUMENT for what is no plain object
 */
export function overPreset<T extends object>(where: string, preset: Partial<T>, more: T | undefined): T {
  const merged: Record<string, unknown> = { ...preset };
  for (const [key, value] of Object.entries(readOptions(where, more, () => {}))) {
    if (value !== undefined || !Object.hasOwn(merged, key)) merged[key] = value;
  }
  return merged as T;
}

function readOptions(where: string, options: unknown, checkKey: (key: string) => void): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  if (options === undefined) return copy;
  const given: unknown = options;
  if (typeof given !== 'object' || given === null) {
    throw invalid(`${where}: options must be a plain object, got ${describe(given)}`);
  }
  try {
    if (!isPlain(given))
      throw invalid(
        `${where}: options must be a plain object, got ${Array.isArray(given) ? 'an array' : 'a class instance'}`,
      );
    for (const key of Object.keys(given)) {
      checkKey(key);
      copy[key] = (given as Record<string, unknown>)[key];
    }
  } catch (error) {
    if (isMemoryError(error)) throw error;
    throw invalid(`${where}: options cannot be read`, 'Pass an object literal.', error);
  }
  return copy;
}

function unknownKey(where: string, key: string, allowedKeys: readonly string[]): Error {
  const list = allowedKeys.length === 0 ? 'none' : allowedKeys.join(', ');
  return invalid(
    `${where}: unknown option ${describe(key)}.${didYouMean(key, allowedKeys)}`,
    `Options understood here: ${list}.`,
  );
}

/**
 * Checks an integer within inclusive bounds and returns it.
 *
 * @throws ERR_MEMORY_INVALID_ARGUMENT for what is no integer, ERR_MEMORY_OUT_OF_RANGE outside the bounds
 */
export function checkInteger(
  name: string,
  value: unknown,
  min: number = 0,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== 'number' || Number.isNaN(value) || (Number.isFinite(value) && !Number.isInteger(value))) {
    throw invalid(`${name} must be an integer from ${min} to ${max}, got ${describe(value)}`);
  }
  if (value < min || value > max) {
    throw memoryError('ERR_MEMORY_OUT_OF_RANGE', `${name} must be from ${min} to ${max}, got ${describe(value)}`);
  }
  return value === 0 ? 0 : value; // no negative zero
}

/**
 * Checks a finite number within inclusive bounds (ratios, factors) and returns it.
 *
 * @throws ERR_MEMORY_INVALID_ARGUMENT for what is no number, ERR_MEMORY_OUT_OF_RANGE outside the bounds
 */
export function checkNumber(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || Number.isNaN(value)) {
    throw invalid(`${name} must be a number from ${min} to ${max}, got ${describe(value)}`);
  }
  if (value < min || value > max) {
    throw memoryError('ERR_MEMORY_OUT_OF_RANGE', `${name} must be from ${min} to ${max}, got ${describe(value)}`);
  }
  return value === 0 ? 0 : value;
}

/** Checks a boolean and returns it. @throws ERR_MEMORY_INVALID_ARGUMENT */
export function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw invalid(`${name} must be true or false, got ${describe(value)}`);
  return value;
}

/**
 * Checks a string of 1 to `maxLength` UTF-16 units (default 4096) without NUL, and returns it.
 *
 * @throws ERR_MEMORY_INVALID_ARGUMENT
 */
export function checkString(name: string, value: unknown, maxLength: number = 4096): string {
  if (typeof value !== 'string') throw invalid(`${name} must be a string, got ${describe(value)}`);
  if (value.length === 0) throw invalid(`${name} must not be empty`);
  if (value.length > maxLength) {
    throw invalid(`${name} must have at most ${maxLength} characters, got ${value.length}`);
  }
  if (value.includes('\0')) throw invalid(`${name} must not hold a NUL character, got ${describe(value)}`);
  return value;
}

/** Checks a function and returns it. @throws ERR_MEMORY_INVALID_ARGUMENT */
export function checkFunction<F>(name: string, value: F): F {
  if (typeof value !== 'function') throw invalid(`${name} must be a function, got ${describe(value)}`);
  return value;
}

/** Checks an AbortSignal, or undefined, and returns it. @throws ERR_MEMORY_INVALID_ARGUMENT */
export function checkSignal(name: string, value: unknown): AbortSignal | undefined {
  if (value === undefined || value instanceof AbortSignal) return value;
  throw invalid(`${name} must be an AbortSignal, got ${describe(value)}`);
}

/**
 * Checks that a value is one of a list of strings and returns it.
 *
 * @throws ERR_MEMORY_INVALID_ARGUMENT listing what is accepted, with the nearest one
 */
export function checkOneOf<const T extends string>(name: string, value: unknown, list: readonly T[]): T {
  const found = list.find((item) => item === value);
  if (found !== undefined) return found;
  const accepted = list.map((item) => `'${item}'`).join(', ');
  throw invalid(`${name} must be one of ${accepted}, got ${describe(value)}.${didYouMean(value, list)}`);
}
