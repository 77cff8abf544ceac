import { checkInteger, checkSignal } from './check';
import { type Duration, parseDuration } from './duration';

/** How a call waits for its turn. */
export interface WaitOptions {
  /** How long to wait, at most. Default: without end. */
  readonly deadlineMs?: Duration;
  readonly signal?: AbortSignal;
  /** 0 to 100; higher is served first, equal ones as they came. Default 50. */
  readonly priority?: number;
}

/** The same, checked. */
export interface WaitRequest {
  readonly priority: number;
  readonly deadlineMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

export const WAIT_KEYS = Object.freeze(['deadlineMs', 'signal', 'priority'] as const);

/** Checks what checkOptions(where, options, WAIT_KEYS) read. @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function parseWait(where: string, { deadlineMs, priority = 50, signal }: WaitOptions): WaitRequest {
  return {
    priority: checkInteger(`${where}: priority`, priority, 0, 100),
    deadlineMs: deadlineMs === undefined ? undefined : parseDuration(deadlineMs, `${where}: deadlineMs`),
    signal: checkSignal(`${where}: signal`, signal),
  };
}
