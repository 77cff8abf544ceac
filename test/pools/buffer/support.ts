import { BufferPool, type BufferPoolOptions, isMemoryError } from '../../../lib';
import type { BudgetLike } from '../../../lib/core';
import { FakeTime } from '../../support/fake-time';

/** The code of what is thrown. */
export function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return isMemoryError(error) ? error.code : `not ours: ${String(error)}`;
  }
  return 'nothing';
}

/** A budget that counts, and refuses past its limit. */
export class CountingBudget implements BudgetLike {
  readonly name = 'counting';
  used = 0;
  most = 0;
  limit: number;
  constructor(limit = Number.POSITIVE_INFINITY) {
    this.limit = limit;
  }
  reserve(bytes: number): void {
    if (!this.tryReserve(bytes)) throw exhausted();
  }
  tryReserve(bytes: number): boolean {
    if (this.used + bytes > this.limit) return false;
    this.used += bytes;
    this.most = Math.max(this.most, this.used);
    return true;
  }
  release(bytes: number): void {
    this.used -= bytes;
  }
}

function exhausted(): Error {
  const { memoryError } = require('../../../lib/core') as typeof import('../../../lib/core');
  return memoryError('ERR_MEMORY_BUDGET_EXCEEDED', 'the test budget is full');
}

/** A pool in time that stands still. */
export function poolAt(options?: BufferPoolOptions): { pool: BufferPool; time: FakeTime } {
  const time = new FakeTime();
  return { pool: new BufferPool({ clock: time, timers: time, ...options }), time };
}

export const KIB = 1024;
export const MIB = 1024 * 1024;
