import type { HierarchicalPool } from '../../../lib/pools';
import type { Level } from '../../../lib/pools/hierarchical/level';
import type { TreeStore } from '../../../lib/pools/hierarchical/store';
import { wrongBooks } from '../../conformance/pool-books';

export { codeOf } from '../../platform/region/support';

export interface Thing {
  readonly id: number;
}

/** A factory that numbers what it makes. */
export function numbered(): () => Thing {
  let id = 0;
  return () => ({ id: (id += 1) });
}

export function levelOf<T extends object>(pool: HierarchicalPool<T>): Level<T> {
  return (pool as unknown as { level: Level<T> }).level;
}

/** What is wrong below a level while no hook runs: each object counts once on each level, and no limit is passed. */
function wrongBelow<T extends object>(level: Level<T>): string[] {
  const { places, idle, lent, maxSize, stack } = level;
  const children = [...level.children.values()];
  const sum = (key: 'places' | 'idle' | 'lent'): number => children.reduce((total, child) => total + child[key], 0);
  const rules = {
    'places are idle and lent': places === idle + lent,
    'idle is here and below': idle === stack.length + sum('idle'),
    'lent covers what is lent below': lent >= sum('lent'),
    'within the limit': places <= maxSize,
    'nothing is negative': Math.min(places, idle, lent) >= 0,
    'entries know where they are': stack.every((entry) => entry.level === level),
    'who is closed has nothing idle': !level.closed || level.parent === null || stack.length === 0,
    'who is closed and empty is forgotten': !children.some((child) => child.closed && child.places === 0),
  };
  const broken = Object.entries(rules).filter(([, holds]) => !holds);
  const told = broken.map(([rule]) => `${level.path}: ${rule}: ${JSON.stringify({ places, idle, lent, maxSize })}`);
  return [...told, ...(level.parent === null ? [] : wrongBooks(level.stats())), ...children.flatMap(wrongBelow)];
}

export function checkTree<T extends object>(root: HierarchicalPool<T>): void {
  const level = levelOf(root);
  expect(wrongBelow(level)).toEqual([]);
  expect(wrongBooks(root.stats())).toEqual([]);
  const { size, borrowed, idle } = (root as unknown as { store: TreeStore<T> }).store;
  expect({ size, borrowed, idle }).toEqual({ size: level.places, borrowed: level.lent, idle: level.idle });
}
