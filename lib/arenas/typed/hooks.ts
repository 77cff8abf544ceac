import { ignoreFailure, isThenable, memoryError } from '../../core';

/**
 * Runs a disposal hook. A promise that it returns is refused and its failure swallowed: nobody waits for it, and it may
 * not end the process.
 *
 * @throws what the hook throws; ERR_MEMORY_INVALID_ARGUMENT for a promise
 */
export function runHook<R>(source: string, hook: (record: R) => unknown, record: R): void {
  const answer = hook(record);
  if (!isThenable(answer)) return;
  ignoreFailure(answer);
  throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${source}: a disposal hook must not be async, got a promise`, {
    source,
    hint: 'The memory goes when the hook returns: copy out what later work needs, and start that work elsewhere.',
  });
}
