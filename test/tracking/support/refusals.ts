import { type ErrorCode, isMemoryError, type MemoryError } from '../../../lib/core';

/** The MemoryError that a call throws, with that code. */
export function refusal(code: ErrorCode, work: () => unknown): MemoryError {
  try {
    work();
  } catch (error) {
    if (!isMemoryError(error)) throw error;
    expect(error.code).toBe(code);
    return error;
  }
  throw new Error(`nothing was thrown, ${code} was expected`);
}
