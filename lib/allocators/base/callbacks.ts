import { checkFunction, ignoreFailure, isThenable, memoryError } from '../../core';

/**
 * Throws for a promise that a callback returned: its work would outlive the memory. The promise's own failure is taken
 * note of, so that it does not end the process beside the error.
 */
function refusePromise(where: string, result: unknown, hint: string): void {
  if (!isThenable(result)) return;
  ignoreFailure(result);
  throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: work must not return a promise`, { hint });
}

/**
 * Runs `work`, then `end`, also when it throws; the error of `work` is the one that comes out.
 *
 * @throws ERR_MEMORY_INVALID_ARGUMENT for what is no function, or returns a promise; what `work` throws, else what `end` does
 */
export function runWithin<A, T>(
  where: string,
  work: (argument: A) => T,
  argument: A,
  end: () => void,
  hint: string,
): T {
  let result: T;
  try {
    result = checkFunction(`${where}: work`, work)(argument);
    refusePromise(where, result, hint);
  } catch (error) {
    try {
      end();
    } catch {} // the first error tells more
    throw error;
  }
  end();
  return result;
}
