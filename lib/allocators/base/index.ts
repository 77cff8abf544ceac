export { checkBlockAlignment, checkByteLength, checkOffset, MAX_ALIGNMENT } from './arguments';
export { AllocatorBase, FAST_LIMIT, windowOf } from './base';
export { runWithin } from './callbacks';
export {
  type AllocatorOptions,
  COMMON_OPTIONS,
  type CommonSettings,
  commonSettings,
  fillRange,
} from './common-options';
export { CursorAllocator } from './cursor-allocator';
export {
  acquireFrom,
  type Backing,
  backingFrom,
  isProvider,
  type MemorySource,
  openSource,
  type ProviderSource,
  type RegionSource,
} from './source';
