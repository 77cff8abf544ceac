import { describe, memoryError } from '../../core';

/** @throws ERR_MEMORY_INVALID_ARGUMENT for what has not got the methods of a pool */
export function checkPool(where: string, pool: unknown, methods: readonly string[]): void {
  const isObject = (typeof pool === 'object' && pool !== null) || typeof pool === 'function';
  const missing = methods.find(
    (method) => !isObject || typeof (pool as Record<string, unknown>)[method] !== 'function',
  );
  if (missing === undefined) return;
  const what = isObject ? `a pool has a method ${missing}()` : `a pool was expected, got ${describe(pool)}`;
  throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: ${what}`);
}
