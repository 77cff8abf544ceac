import { type Allocator, type ErrorCode, isMemoryError } from '../../lib/core';

/** The code of what a call throws; 'nothing' when it returns. Errors of other kinds are thrown on. */
export function thrownCode(work: () => unknown): ErrorCode | 'nothing' {
  try {
    work();
  } catch (error) {
    if (isMemoryError(error)) return error.code;
    throw error;
  }
  return 'nothing';
}

/** Expects a MemoryError of that code; `what` names the case when it is another. */
export function expectRefusal(code: ErrorCode, work: () => unknown, what: string): void {
  expect({ what, code: thrownCode(work) }).toEqual({ what, code });
}

/** The books as one comparable object. */
export function snapshot(allocator: Allocator): Record<string, unknown> {
  return { ...allocator.stats(), used: allocator.usedBytes };
}
