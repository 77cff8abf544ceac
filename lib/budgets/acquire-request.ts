import { type ByteSize, checkInteger, checkOptions, checkSignal, parseBytes, parseDuration } from '../core';
import type { BudgetAcquireOptions } from './options';

/** What acquire() was asked for, checked. */
export interface AcquireRequest {
  readonly bytes: number;
  readonly priority: number;
  readonly deadlineMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function parseAcquire(where: string, size: ByteSize, options: BudgetAcquireOptions): AcquireRequest {
  const given = checkOptions(where, options, ['deadlineMs', 'signal', 'priority']);
  const { deadlineMs, priority = 50 } = given;
  return {
    bytes: parseBytes(size, `${where}: bytes`, { minBytes: 1 }),
    priority: checkInteger(`${where}: priority`, priority, 0, 100),
    deadlineMs: deadlineMs === undefined ? undefined : parseDuration(deadlineMs, `${where}: deadlineMs`),
    signal: checkSignal(`${where}: signal`, given.signal),
  };
}
