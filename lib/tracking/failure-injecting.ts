import {
  type Allocator,
  checkFunction,
  checkInteger,
  checkNumber,
  checkOptions,
  describe,
  ERROR_CODES,
  type ErrorCode,
  isErrorCode,
  type MemoryError,
  memoryError,
} from '../core';
import { type AllocationRequest, AllocatorAdaptor, HookGuard, nameIn } from './base';

/** Which requests fail, and how; rules combine. */
export interface FailureInjectingOptions {
  /** Every n-th request fails: 1 fails all, 3 fails the third, sixth … */
  readonly every?: number;
  /** All requests after the first n fail; 0 fails all. */
  readonly after?: number;
  /** Share of the requests that fail, from 0 to 1, drawn by a generator with `seed`. */
  readonly probability?: number;
  /** Start of the generator, 0 to 2^32 - 1, default 1: the same seed fails the same requests. */
  readonly seed?: number;
  /** Fails the requests for which it returns true; `index` counts from 1. It may not allocate from this allocator. */
  readonly predicate?: (request: AllocationRequest, index: number) => boolean;
  /** Code of the error, one of category `exhausted`; default ERR_MEMORY_ARENA_EXHAUSTED. */
  readonly code?: ErrorCode;
  /** For statistics and errors. Default: the kind of the adaptor around the inner name. */
  readonly name?: string;
}

/**
 * For tests: refuses requests although there is room, before the inner allocator sees them. A request fails when any of
 * the given rules says so; without a rule none does. Wrong arguments are not counted and fail as they always do.
 */
export class FailureInjectingAllocator<I extends Allocator = Allocator> extends AllocatorAdaptor<I> {
  /** Of the errors that it throws. */
  readonly code: ErrorCode;
  /** Where its generator began. */
  readonly seed: number;
  private readonly every: number;
  private readonly after: number;
  private readonly probability: number;
  private readonly predicate: FailureInjectingOptions['predicate'];
  private readonly guard = new HookGuard('predicate');
  private state: number;
  private seen = 0;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
  constructor(inner: I, options: FailureInjectingOptions = {}) {
    super('failing', inner, nameIn(options));
    const where = 'FailureInjectingAllocator';
    const given = checkOptions(where, options, [
      ...(['every', 'after', 'probability', 'seed', 'predicate', 'code', 'name'] as const),
    ]);
    this.every = given.every === undefined ? 0 : checkInteger(`${where}: every`, given.every, 1);
    this.after = given.after === undefined ? Number.POSITIVE_INFINITY : checkInteger(`${where}: after`, given.after);
    this.probability = checkNumber(`${where}: probability`, given.probability ?? 0, 0, 1);
    this.seed = checkInteger(`${where}: seed`, given.seed ?? 1, 0, 2 ** 32 - 1);
    this.predicate = given.predicate === undefined ? undefined : checkFunction(`${where}: predicate`, given.predicate);
    this.code = checkCode(`${where}: code`, given.code ?? 'ERR_MEMORY_ARENA_EXHAUSTED');
    this.state = this.seed;
  }

  /** Requests with right arguments so far. */
  get requests(): number {
    return this.seen;
  }

  /** Requests that were refused on purpose. */
  get injected(): number {
    return this.refused;
  }

  override allocate(byteLength: number, alignment?: number): number {
    if (this.fails('allocate', byteLength, alignment)) throw this.failure(byteLength);
    return this.inner.allocate(byteLength, alignment);
  }

  override tryAllocate(byteLength: number, alignment?: number): number {
    return this.fails('tryAllocate', byteLength, alignment) ? -1 : this.inner.tryAllocate(byteLength, alignment);
  }

  private fails(method: string, byteLength: number, alignment: number | undefined): boolean {
    this.guard.check(this.where(method));
    if (!this.isRequest(byteLength, alignment)) return false;
    const index = this.seen + 1;
    const { predicate } = this;
    const told = predicate !== undefined && this.guard.ask(predicate, byteLength, alignment, index);
    this.seen = index;
    // Drawn at every request, so that the other rules do not shift what a seed means.
    const drawn = this.probability > 0 && this.draw() < this.probability;
    const failing = told || drawn || index > this.after || (this.every > 0 && index % this.every === 0);
    if (failing) this.refused++;
    return failing;
  }

  /** A number from 0 to below 1: a multiplicative step and a mix, good enough to scatter failures. */
  private draw(): number {
    this.state = (this.state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  }

  private failure(byteLength: number): MemoryError {
    return memoryError(
      this.code,
      `${this.name}: request ${this.seen} for ${byteLength} bytes fails on purpose (seed ${this.seed})`,
      { requestedBytes: byteLength, source: this.name, hint: 'A FailureInjectingAllocator stands in for a full one.' },
    );
  }
}

function checkCode(name: string, code: ErrorCode): ErrorCode {
  if (isErrorCode(code) && ERROR_CODES[code].category === 'exhausted') return code;
  throw memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `${name} must be an error code of category 'exhausted', got ${describe(code)}`,
  );
}
