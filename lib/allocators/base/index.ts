export { checkBlockAlignment, checkByteLength, checkOffset, MAX_ALIGNMENT } from './arguments';
export { AllocatorBase, FAST_LIMIT, type Recipe, windowOf } from './base';
export { bookArray } from './bookkeeping';
export { runWithin } from './callbacks';
export {
  type AllocatorOptions,
  COMMON_OPTIONS,
  type CommonSettings,
  commonSettings,
  fillRange,
} from './common-options';
export { CursorAllocator } from './cursor-allocator';
export { CursorMark, CursorScope } from './cursor-mark';
export {
  acquireFrom,
  type Backing,
  emptiesViews,
  isProvider,
  type MemorySource,
  openSource,
  type ProviderSource,
  type RegionSource,
  releaseTo,
} from './source';
export { openMemory, Supply, suppliersOf } from './supply';
