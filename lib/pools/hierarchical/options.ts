import { checkInteger, checkOptions } from '../../core';
import { SYNC_POOL_OPTIONS, type SyncPoolOptions } from '../base';

/** Of the root: of all objects of the tree. `maxIdle` counts what is idle on all levels together. */
export type HierarchicalPoolOptions<T> = SyncPoolOptions<T>;

export interface ChildPoolOptions {
  /** Objects that it and all below it may have at a time; null: as many as the parent. Default: half of the parent's bound. */
  readonly maxSize?: number | null;
  /** Objects that stay here when they come back; more go home to the parent. Default: all. */
  readonly keepIdle?: number;
}

export const ROOT_OPTIONS = SYNC_POOL_OPTIONS;

/** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function readChildOptions(
  where: string,
  options: ChildPoolOptions,
  parentMaxSize: number,
): { maxSize: number; keepIdle: number } {
  const given = checkOptions(where, options, ['maxSize', 'keepIdle']);
  let maxSize = parentMaxSize;
  if (given.maxSize === undefined) maxSize = Math.max(1, Math.floor(parentMaxSize / 2));
  else if (given.maxSize !== null) maxSize = checkInteger(`${where}: maxSize`, given.maxSize, 1);
  const keepIdle = given.keepIdle === undefined ? maxSize : checkInteger(`${where}: keepIdle`, given.keepIdle);
  return { maxSize, keepIdle };
}
