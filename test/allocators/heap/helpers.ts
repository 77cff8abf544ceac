import { type ErrorCode, isMemoryError } from '../../../lib/core';

/** Runs `work` and expects it to throw a MemoryError of that code. */
export function refuses(code: ErrorCode, work: () => unknown): void {
  let found: unknown = 'nothing';
  try {
    work();
  } catch (error) {
    found = isMemoryError(error) ? error.code : error;
  }
  expect(found).toBe(code);
}

/** A small generator with a seed, for traces that must be the same everywhere. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
