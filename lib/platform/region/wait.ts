import { type Clock, checkInteger, checkOptions, type Duration, memoryError, parseDuration } from '../../core';
import { type NativeHolder, native, unwrap } from '../native';

/** How a wait ended, in the words of Atomics.wait. */
export type WaitResult = 'ok' | 'not-equal' | 'timed-out';

export interface WaitOptions {
  /** Default: without end. */
  readonly timeout?: Duration;
}

// A wait is cut into slices, so that JavaScript runs in between: worker.terminate() takes effect there.
const SLICE_MS = 50;
const OUTCOMES = ['ok', 'not-equal', 'timed-out'] as const;

/** Checks the offset of a 32-bit word. @throws ERR_MEMORY_INVALID_ALIGNMENT, ERR_MEMORY_OUT_OF_RANGE */
export function checkWord(what: string, offset: unknown, byteLength: number): number {
  const at = checkInteger(`${what}: offset`, offset, 0, byteLength - 4);
  if (at % 4 === 0) return at;
  throw memoryError('ERR_MEMORY_INVALID_ALIGNMENT', `${what}: offset must be a multiple of 4, got ${at}`);
}

/** @throws MemoryError */
export function waitOnWord(
  what: string,
  holder: NativeHolder,
  offset: number,
  expected: unknown,
  options: WaitOptions | undefined,
  clock: Clock,
): WaitResult {
  const value = checkInteger(`${what}: expected`, expected, -(2 ** 31), 2 ** 32 - 1) >>> 0;
  const { timeout } = checkOptions<WaitOptions>(what, options, ['timeout']);
  const timeoutMs = timeout === undefined ? Number.POSITIVE_INFINITY : parseDuration(timeout, `${what}: timeout`);
  const end = clock.nowMs() + timeoutMs;
  for (;;) {
    const left = end - clock.nowMs();
    const sliceMs = Math.max(0, Math.min(SLICE_MS, left));
    const outcome = unwrap(native().wait(holder, offset, value, Math.round(sliceMs * 1e6)), () => ({ what }));
    if (outcome !== 2 || left <= sliceMs) return OUTCOMES[outcome] ?? 'timed-out';
  }
}
