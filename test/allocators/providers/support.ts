import type { IntervalTimer, RenewingProvider } from '../../../lib/allocators/providers';
import { PageProvider } from '../../../lib/allocators/providers';
import type { BudgetLike, Clock, RegionProvider } from '../../../lib/core';
import { memoryError } from '../../../lib/core';
import type { Region } from '../../../lib/platform';

export const PAGE = 4096;
export const MIB = 2 ** 20;

/** The code of the error that `work` throws; 'none' without one. */
export function codeOf(work: () => unknown): string {
  try {
    work();
    return 'none';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

/** A budget that keeps its books and can be told to refuse. */
export class TestBudget implements BudgetLike {
  readonly name = 'test';
  used = 0;
  limit: number;

  constructor(limit: number = Number.MAX_SAFE_INTEGER) {
    this.limit = limit;
  }

  reserve(bytes: number): void {
    if (!this.tryReserve(bytes)) throw memoryError('ERR_MEMORY_BUDGET_EXCEEDED', 'test budget', { source: this.name });
  }

  tryReserve(bytes: number): boolean {
    if (this.used + bytes > this.limit) return false;
    this.used += bytes;
    return true;
  }

  release(bytes: number): void {
    if (bytes > this.used) throw new Error(`${bytes} released of ${this.used}`);
    this.used -= bytes;
  }
}

/** A clock and a timer that move when they are told to. */
export class FakeTime implements Clock {
  private now = 1000;
  private work: (() => void) | null = null;
  private everyMs = 0;
  private nextMs = 0;
  started = 0;

  nowMs = (): number => this.now;

  get running(): boolean {
    return this.work !== null;
  }

  timer: IntervalTimer = (work, everyMs) => {
    if (this.work !== null) throw new Error('a second timer');
    this.started += 1;
    this.work = work;
    this.everyMs = everyMs;
    this.nextMs = this.now + everyMs;
    return () => {
      if (this.work === work) this.work = null;
    };
  };

  /** Lets time pass; the timer fires when it is due. */
  pass(ms: number): void {
    const end = this.now + ms;
    while (this.work !== null && this.nextMs <= end) {
      this.now = this.nextMs;
      this.nextMs += this.everyMs;
      this.work();
    }
    this.now = end;
  }

  /** Time passes while the event loop is blocked. */
  block(ms: number): void {
    this.now += ms;
    this.nextMs = Math.max(this.nextMs, this.now);
  }
}

/** A provider below the one under test that fails when told to. */
export class Flaky implements RenewingProvider {
  readonly name = 'flaky';
  readonly pageBytes = PAGE;
  readonly pages: PageProvider;
  failAcquire = 0;
  failRelease = 0;
  failRenew: 'none' | 'ERR_MEMORY_IN_USE' | 'ERR_MEMORY_INVALID_STATE' = 'none';

  constructor(pages: PageProvider = new PageProvider()) {
    this.pages = pages;
  }

  acquire(bytes: number): Region {
    if (this.failAcquire > 0) {
      this.failAcquire -= 1;
      throw memoryError('ERR_MEMORY_OUT_OF_MEMORY', 'told to fail');
    }
    return this.pages.acquire(bytes);
  }

  release(region: Region): void {
    if (this.failRelease > 0) {
      this.failRelease -= 1;
      throw memoryError('ERR_MEMORY_IN_USE', 'told to fail');
    }
    this.pages.release(region);
  }

  renew(region: Region, options?: { readonly views?: 'empty' | 'keep' }): Region {
    if (this.failRenew !== 'none') throw memoryError(this.failRenew, 'told to fail');
    return this.pages.renew(region, options);
  }

  trim(): number {
    return 0;
  }

  get live(): number {
    return this.pages.stats().liveBytes;
  }
}

/** The bytes that the system has for it now. */
export function residentBytes(region: Region): number {
  return region.residency().residentBytes;
}

export type AnyProvider = RegionProvider<Region>;
