import { type Allocator, type AllocatorStats, checkFunction, checkInteger, checkOptions, isMemoryError } from '../core';
import { type AllocationRequest, AllocatorAdaptor, HookGuard, nameIn } from './base';

const DEFAULT_ATTEMPTS = 16;

/** Who makes room, and how often it is asked. */
export interface RetryingOptions {
  /**
   * Called when there is no room; `attempt` counts from 1. Free something and return true to have it tried again, false
   * to give up. It may free blocks, reset and look; an allocation or disposal of this very allocator from inside throws
   * ERR_MEMORY_INVALID_STATE. What it throws reaches the caller, with the books as they were.
   */
  readonly onFailure: (request: AllocationRequest, attempt: number) => boolean;
  /** Calls of `onFailure` a request, default 16: a hook that frees nothing cannot hang the process. */
  readonly maxAttempts?: number;
  /** For statistics and errors. Default: the kind of the adaptor around the inner name. */
  readonly name?: string;
}

/**
 * Asks a hook for room when the inner allocator has none, and tries again. Refusals that can never succeed
 * (`retryable: false`, such as ERR_MEMORY_TOO_LARGE) do not reach the hook. `failures` counts requests that were refused
 * in the end, not attempts.
 */
export class RetryingAllocator<I extends Allocator = Allocator> extends AllocatorAdaptor<I> {
  /** Calls of `onFailure` a request at most. */
  readonly maxAttempts: number;
  private readonly onFailure: RetryingOptions['onFailure'];
  private readonly guard = new HookGuard('onFailure');
  private calls = 0;
  private saved = 0;
  private repeated = 0;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
  constructor(inner: I, options: RetryingOptions) {
    super('retrying', inner, nameIn(options));
    const given = checkOptions('RetryingAllocator', options, ['onFailure', 'maxAttempts', 'name']);
    const { maxAttempts = DEFAULT_ATTEMPTS } = given;
    this.onFailure = checkFunction('RetryingAllocator: onFailure', given.onFailure);
    this.maxAttempts = checkInteger('RetryingAllocator: maxAttempts', maxAttempts, 1, 1_000_000);
  }

  /** How often the hook was called. */
  get hookCalls(): number {
    return this.calls;
  }

  /** Requests that succeeded thanks to the hook. */
  get recovered(): number {
    return this.saved;
  }

  /** Attempts after a first one that failed, whatever came of them. */
  get retries(): number {
    return this.repeated;
  }

  override allocate(byteLength: number, alignment?: number): number {
    if (this.guard.running) this.guard.check(this.where('allocate'));
    return this.insist(byteLength, alignment, false);
  }

  override tryAllocate(byteLength: number, alignment?: number): number {
    if (this.guard.running) this.guard.check(this.where('tryAllocate'));
    return this.insist(byteLength, alignment, true);
  }

  override stats(): AllocatorStats {
    return Object.freeze({ ...super.stats(), failures: this.refused });
  }

  protected override letGo(): void {
    this.guard.check(this.where('dispose'));
    super.letGo();
  }

  /** Through the throwing form, whose error tells whether another attempt can make sense. */
  private insist(byteLength: number, alignment: number | undefined, trying: boolean): number {
    for (let attempt = 1; ; attempt++) {
      let failure: unknown;
      try {
        const offset = this.inner.allocate(byteLength, alignment);
        if (attempt > 1) this.saved++;
        return offset;
      } catch (error) {
        if (!isMemoryError(error) || error.category !== 'exhausted') throw error;
        failure = error;
        if (!error.retryable) attempt = this.maxAttempts + 1;
      }
      if (attempt <= this.maxAttempts) {
        this.calls++;
        if (this.guard.ask(this.onFailure, byteLength, alignment, attempt)) {
          this.repeated++;
          continue;
        }
      }
      this.refused++;
      if (trying) return -1;
      throw failure;
    }
  }
}
