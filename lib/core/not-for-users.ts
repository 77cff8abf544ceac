import { type MemoryError, memoryError } from './errors';

/** The error of a constructor that is called by users and is not for them. */
export function notForUsers(className: string, call: string): MemoryError {
  return memoryError('ERR_MEMORY_INVALID_STATE', `new ${className}() makes nothing: call ${call}`);
}
