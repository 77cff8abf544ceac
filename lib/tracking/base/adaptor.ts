import {
  type Allocator,
  type AllocatorStats,
  checkAlignment,
  checkInteger,
  checkString,
  describe,
  isMemoryError,
  type MemoryError,
  memoryError,
} from '../../core';

const METHODS = ['allocate', 'tryAllocate', 'deallocate', 'view', 'reset', 'owns', 'stats', Symbol.dispose] as const;

/** Largest alignment of the allocators of this package. */
const MAX_ALIGNMENT = 4096;

/** What was asked for, as hooks see it. The object is frozen and made only when a hook runs. */
export interface AllocationRequest {
  readonly byteLength: number;
  /** Undefined where the caller left the choice to the allocator. */
  readonly alignment: number | undefined;
}

/**
 * An allocator around another one: an adaptor has the same interface, so adaptors stack freely and in any order.
 * Offsets, views and errors are the inner allocator's own where an adaptor does not say otherwise. Extra methods of the
 * inner allocator (`checkpoint`, `mark` …) are not forwarded: call them on `inner`, and know that the adaptor does not
 * see what they give back.
 *
 * Disposing an adaptor disposes what is inside it. Local like its inner allocator: use it in one thread.
 */
export abstract class AllocatorAdaptor<I extends Allocator = Allocator> implements Allocator {
  /** Name in statistics and errors: the kind of the adaptor around the inner name, such as `tracked(bump)`. */
  readonly name: string;
  /** What this adaptor is around. */
  readonly inner: I;
  protected closed = false;
  /** True while the memory is let go of: that may run a provider or a sink, which is somebody else's code. */
  private ending = false;
  /** Requests that this adaptor refused before the inner allocator was asked. */
  protected refused = 0;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT for what is no allocator */
  protected constructor(kind: string, inner: I, name: string | undefined) {
    this.inner = checkAllocator(`${new.target.name}: inner`, inner);
    this.name = name === undefined ? `${kind}(${inner.stats().name})` : checkString(`${new.target.name}: name`, name);
  }

  allocate(byteLength: number, alignment?: number): number {
    return this.inner.allocate(byteLength, alignment);
  }

  tryAllocate(byteLength: number, alignment?: number): number {
    return this.inner.tryAllocate(byteLength, alignment);
  }

  deallocate(offset: number, byteLength: number): void {
    this.inner.deallocate(offset, byteLength);
  }

  view(offset: number, byteLength: number): Uint8Array {
    return this.inner.view(offset, byteLength);
  }

  /** Resets what is inside, and with it the books of this adaptor: where that throws, they keep what still lives. */
  reset(): void {
    try {
      this.inner.reset();
    } catch (error) {
      this.keepRest(error);
      throw error;
    }
    this.onCleared();
  }

  owns(offset: number): boolean {
    return this.inner.owns(offset);
  }

  get usedBytes(): number {
    return this.inner.usedBytes;
  }

  get capacityBytes(): number | null {
    return this.inner.capacityBytes;
  }

  /** True once disposed. */
  get disposed(): boolean {
    return this.closed;
  }

  /** The statistics of what is inside; `failures` counts the refusals of this adaptor as well. */
  stats(): AllocatorStats {
    const stats = this.inner.stats();
    return Object.freeze({ ...stats, name: this.name, failures: stats.failures + this.refused });
  }

  /** Disposes the inner allocator, then the books of this adaptor. May be called again. */
  [Symbol.dispose](): void {
    if (this.closed) return;
    if (this.ending) throw this.busy('dispose', 'its own disposal');
    this.ending = true;
    try {
      this.letGo(); // may throw ERR_MEMORY_IN_USE for pinned memory: still open then
    } catch (error) {
      if (!this.closed) this.keepRest(error);
      throw error;
    } finally {
      this.ending = false;
    }
    this.closed = true;
    this.onCleared();
  }

  /** Alias of disposal, for code without `using`. */
  dispose(): void {
    this[Symbol.dispose]();
  }

  /** The allocator at the bottom of the stack of adaptors. */
  unwrap(): Allocator {
    return unwrap(this);
  }

  protected letGo(): void {
    this.inner[Symbol.dispose]();
  }

  /** After a reset or disposal: no block is live any more. */
  protected onCleared(): void {}

  /** After a reset or disposal that threw, perhaps half done: what the inner allocator does not own any more is gone. */
  protected onPartlyCleared(): void {}

  /** @param error what the inner allocator threw */
  protected keepRest(error: unknown): void {
    // Refused from inside of a call that is under way, such as a free: nothing was done, and that call minds the books.
    if (isMemoryError(error) && error.code === 'ERR_MEMORY_INVALID_STATE') return;
    try {
      this.onPartlyCleared();
    } catch {
      // Of an inner allocator that does not even say what it owns: the error that it threw before tells more.
    }
  }

  protected where(method: string): string {
    return `${this.constructor.name}.${method}`;
  }

  /**
   * True when an adaptor may refuse these arguments by itself. Wrong ones, and any after disposal, go to the inner
   * allocator, which has the words for them.
   */
  protected isRequest(byteLength: number, alignment: number | undefined): boolean {
    return (
      !this.closed &&
      Number.isSafeInteger(byteLength) &&
      byteLength > 0 &&
      (alignment === undefined ||
        (Number.isSafeInteger(alignment) && // bit operators would cut a fraction off
          alignment > 0 &&
          alignment <= MAX_ALIGNMENT &&
          (alignment & (alignment - 1)) === 0))
    );
  }

  /** The error for a call that somebody else's code makes from inside of a call of this very allocator. */
  protected busy(method: string, inside: string, hint?: string): MemoryError {
    return memoryError('ERR_MEMORY_INVALID_STATE', `${this.where(method)}: called from inside of ${inside}`, {
      source: this.name,
      hint,
    });
  }

  /** For adaptors that look at arguments before the inner allocator does. */
  protected checkSpan(method: string, offset: number, byteLength: number): void {
    if (this.closed) {
      throw memoryError('ERR_MEMORY_CLOSED', `${this.where(method)}: the allocator was disposed before`, {
        source: this.name,
      });
    }
    checkInteger(`${this.where(method)}: offset`, offset);
    checkInteger(`${this.where(method)}: byteLength`, byteLength, 1);
  }

  protected checkRequest(method: string, byteLength: number, alignment: number | undefined): void {
    if (this.closed) this.checkSpan(method, 0, 1);
    checkInteger(`${this.where(method)}: byteLength`, byteLength, 1);
    if (alignment !== undefined) checkAlignment(alignment, MAX_ALIGNMENT, `${this.where(method)}: alignment`);
  }
}

/** The name in options that are checked later: what cannot be read is told then. */
export function nameIn(options: { readonly name?: string | undefined } | undefined): string | undefined {
  try {
    return options?.name;
  } catch {
    return undefined;
  }
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT */
export function checkAllocator<A extends Allocator>(name: string, value: A): A {
  const missing = METHODS.find((method) => typeof (value as Partial<Allocator> | null)?.[method] !== 'function');
  if (missing === undefined) return value;
  throw memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `${name} must be an allocator, got ${describe(value)} without ${String(missing)}()`,
    { hint: 'Pass an allocator of this package, or any object with the methods of the Allocator interface.' },
  );
}

/** The allocator at the bottom of a stack of adaptors; of a FallbackAllocator its primary. */
export function unwrap(allocator: Allocator): Allocator {
  let bottom = allocator;
  while (bottom instanceof AllocatorAdaptor) bottom = bottom.inner;
  return bottom;
}

/** True for an error that says that there is no room, where `tryAllocate` gives -1. */
export function isExhausted(error: unknown): boolean {
  return isMemoryError(error) && error.category === 'exhausted';
}
