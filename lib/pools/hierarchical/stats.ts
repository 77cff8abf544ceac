import type { Level } from './level';

export interface PoolLevelStats {
  /** Path of names from the root. */
  readonly id: string;
  /** 0 for the root. */
  readonly depth: number;
  readonly maxSize: number | null;
  /** Idle and lent here and below, and in the hands of hooks. */
  readonly size: number;
  readonly idle: number;
  readonly borrowed: number;
  /** Without what is below. */
  readonly ownIdle: number;
  readonly ownBorrowed: number;
  /** Closed, and still with objects out. */
  readonly closed: boolean;
}

export interface PoolHierarchyStats {
  /** How deep the tree is; 1 for a root alone. */
  readonly levels: number;
  readonly totalObjects: number;
  readonly totalBorrowed: number;
  /** Parents before their children. */
  readonly perLevel: readonly PoolLevelStats[];
}

/** Costs as much as there are levels. */
export function hierarchyStats<T extends object>(top: Level<T>): PoolHierarchyStats {
  const perLevel: PoolLevelStats[] = [];
  let depth = 0;
  for (let level = top.parent; level !== null; level = level.parent) depth += 1;
  const levels = visit(top, depth, perLevel) + 1 - depth;
  return { levels, totalObjects: top.places, totalBorrowed: top.lent, perLevel };
}

/** @returns the depth of the deepest */
function visit<T extends object>(level: Level<T>, depth: number, perLevel: PoolLevelStats[]): number {
  const { path: id, maxSize, places: size, idle, lent: borrowed, stack, closed, children } = level;
  let ownBorrowed = borrowed;
  for (const child of children.values()) ownBorrowed -= child.lent;
  const bound = maxSize === Number.POSITIVE_INFINITY ? null : maxSize;
  perLevel.push({ id, depth, maxSize: bound, size, idle, borrowed, ownIdle: stack.length, ownBorrowed, closed });
  let deepest = depth;
  for (const child of children.values()) deepest = Math.max(deepest, visit(child, depth + 1, perLevel));
  return deepest;
}
