import { memoryError } from './errors';

/**
 * Disposes several things in reverse order. All are disposed even if some throw; a single error is thrown as it is.
 *
 * @throws ERR_MEMORY_INVALID_STATE for several errors; its `cause` is an AggregateError of them
 */
export function disposeAll(items: readonly Disposable[]): void {
  const errors: unknown[] = [];
  for (const item of [...items].reverse()) {
    try {
      item[Symbol.dispose]();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) {
    throw memoryError('ERR_MEMORY_INVALID_STATE', `${errors.length} of ${items.length} objects failed to dispose`, {
      cause: new AggregateError(errors),
    });
  }
}
