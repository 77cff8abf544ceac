import { isMemoryError, memoryError } from '../core';

/** What `read` returns; what a getter or a proxy throws there becomes an error of ours. @throws ERR_MEMORY_INVALID_ARGUMENT */
export function readable<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (isMemoryError(cause)) throw cause;
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${name} cannot be read`, { cause });
  }
}
