import { type ByteSize, checkOptions, parseBytes, parseWait, WAIT_KEYS, type WaitRequest } from '../core';
import type { BudgetAcquireOptions } from './options';

/** What acquire() was asked for, checked. */
export interface AcquireRequest extends WaitRequest {
  readonly bytes: number;
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function parseAcquire(where: string, size: ByteSize, options: BudgetAcquireOptions): AcquireRequest {
  const given = checkOptions(where, options, WAIT_KEYS);
  return { bytes: parseBytes(size, `${where}: bytes`, { minBytes: 1 }), ...parseWait(where, given) };
}
