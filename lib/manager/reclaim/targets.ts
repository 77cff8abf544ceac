import {
  type AllocatorStats,
  checkBoolean,
  checkFunction,
  checkNumber,
  checkString,
  describe,
  memoryError,
} from '../../core';

/** Somebody who can give back a number of bytes: the shape of a budget's reclaimer. */
export interface Reclaimable {
  readonly name?: string;
  /** Lower is asked first, 0 to 100. */
  readonly priority?: number;
  reclaimableBytes(): number;
  reclaim(targetBytes: number): number | Promise<number>;
}

/** Anything with `trim`: a provider, an allocator, an arena, a pool, a cache. Returns the bytes that it gave back. */
export interface Trimmable {
  readonly name?: string;
  readonly usedBytes?: number;
  trim(keepBytes?: number): number;
}

export type ReclaimTarget = Reclaimable | Trimmable;

export interface ReclaimOptions {
  /** For the journal. Default: the target's own name. */
  readonly name?: string;
  /** Lower is asked first, 0 to 100. Default: the target's own, else 50. */
  readonly priority?: number;
  /** Whether budgets ask it as well. False for memory that no budget is charged for: it would not help them. Default true. */
  readonly forBudgets?: boolean;
  /** What a target with `trim` could give now. Default: as far as it can be seen from outside. */
  readonly reclaimableBytes?: () => number;
}

/** A target behind one face. Internal. */
export interface CheckedTarget {
  readonly name: string;
  readonly priority: number;
  readonly forBudgets: boolean;
  reclaimableBytes(): number;
  reclaim(targetBytes: number): number | Promise<number>;
}

interface Shape {
  readonly name?: unknown;
  readonly priority?: unknown;
  readonly usedBytes?: unknown;
  readonly reclaimableBytes?: unknown;
  readonly reclaim?: unknown;
  readonly trim?: unknown;
  readonly allocate?: unknown;
  readonly acquire?: unknown;
  stats?(): Partial<AllocatorStats & { readonly cachedBytes: number }>;
}

/** Free memory of an allocator that may still be present: an upper bound, since allocators do not tell which pages are. */
function idleBytes(shape: Shape): number {
  const { reservedBytes = 0, usedBytes = 0, peakUsedBytes = reservedBytes } = shape.stats?.() ?? {};
  return Math.min(reservedBytes, Math.max(peakUsedBytes, usedBytes)) - usedBytes;
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function checkTarget(where: string, target: ReclaimTarget, options: ReclaimOptions): CheckedTarget {
  if (typeof target !== 'object' || target === null) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: a target is an object, got ${describe(target)}`);
  }
  const shape = target as Shape;
  const named = options.name ?? shape.name ?? shape.stats?.().name;
  const name = checkString(`${where}: name`, named, 200);
  const priority = checkNumber(`${where}: priority`, options.priority ?? shape.priority ?? 50, 0, 100);
  const forBudgets = options.forBudgets === undefined || checkBoolean(`${where}: forBudgets`, options.forBudgets);
  if (typeof shape.reclaim === 'function') {
    const own = target as Reclaimable;
    checkFunction(`${where}: reclaimableBytes`, own.reclaimableBytes);
    return {
      name,
      priority,
      forBudgets,
      reclaimableBytes: () => own.reclaimableBytes(),
      reclaim: (bytes) => own.reclaim(bytes),
    };
  }
  if (typeof shape.trim !== 'function') {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${where}: '${name}' must have trim(), or reclaim() and reclaimableBytes()`,
    );
  }
  return trimming(where, target as Trimmable, { name, priority, forBudgets }, options.reclaimableBytes);
}

function trimming(
  where: string,
  target: Trimmable,
  named: Pick<CheckedTarget, 'name' | 'priority' | 'forBudgets'>,
  told: (() => number) | undefined,
): CheckedTarget {
  const shape = target as unknown as Shape;
  if (told !== undefined) checkFunction(`${where}: reclaimableBytes`, told);
  if (told === undefined && typeof shape.allocate === 'function') {
    // How much of it is present is not known, so that nothing can be held back: all that is free goes.
    return { ...named, reclaimableBytes: () => idleBytes(shape), reclaim: () => target.trim(0) };
  }
  const reclaimableBytes =
    told ??
    (typeof shape.acquire === 'function'
      ? () => shape.stats?.().cachedBytes ?? 0
      : () => (typeof target.usedBytes === 'number' ? target.usedBytes : 0));
  return {
    ...named,
    reclaimableBytes,
    reclaim: (bytes) => target.trim(Math.max(0, reclaimableBytes() - bytes)),
  };
}
