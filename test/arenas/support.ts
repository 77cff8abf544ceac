import { type BudgetLike, type ErrorCode, isMemoryError, memoryError, type RegionProvider } from '../../lib/core';
import { Region } from '../../lib/platform';

/** The code of what a call throws, or 'nothing'. */
export function codeOf(work: () => unknown): ErrorCode | 'nothing' {
  try {
    work();
  } catch (error) {
    if (isMemoryError(error)) return error.code;
    throw error;
  }
  return 'nothing';
}

export async function asyncCodeOf(work: Promise<unknown>): Promise<ErrorCode | 'nothing'> {
  try {
    await work;
  } catch (error) {
    if (isMemoryError(error)) return error.code;
    throw error;
  }
  return 'nothing';
}

/** A budget that counts, with a limit. */
export class TestBudget implements BudgetLike {
  readonly name = 'test';
  used = 0;
  onReserve: (() => void) | undefined;
  constructor(readonly limit = Number.POSITIVE_INFINITY) {}
  tryReserve(bytes: number): boolean {
    if (this.used + bytes > this.limit) return false;
    this.used += bytes;
    return true;
  }
  reserve(bytes: number): void {
    this.onReserve?.();
    if (!this.tryReserve(bytes)) throw memoryError('ERR_MEMORY_BUDGET_EXCEEDED', `over ${this.limit}`);
  }
  release(bytes: number): void {
    this.used -= bytes;
    if (this.used < 0) throw new Error('released more than was reserved');
  }
}

/** A budget that refuses to take bytes back, so many times. */
export class Stubborn extends TestBudget {
  refuses = 0;
  override release(bytes: number): void {
    if (this.refuses > 0) {
      this.refuses -= 1;
      throw new RangeError('not now');
    }
    super.release(bytes);
  }
}

/** A provider that counts what it has out and fails when told to. */
export class TestProvider implements RegionProvider<Region> {
  readonly name = 'test';
  readonly pageBytes = 4096;
  out = 0;
  acquired: number[] = [];
  fail: (() => never) | undefined;
  onAcquire: (() => void) | undefined;
  acquire(byteLength: number): Region {
    this.onAcquire?.();
    this.fail?.();
    this.out += 1;
    this.acquired.push(byteLength);
    return Region.map(byteLength);
  }
  release(region: Region): void {
    region.free();
    this.out -= 1;
  }
  trim(): number {
    return 0;
  }
}
