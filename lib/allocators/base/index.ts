export { checkBlockAlignment, checkByteLength, checkOffset, MAX_ALIGNMENT } from './arguments';
export { AllocatorBase, FAST_LIMIT, windowOf } from './base';
export {
  type AllocatorOptions,
  COMMON_OPTIONS,
  type CommonSettings,
  commonSettings,
  fillRange,
} from './common-options';
export {
  type Backing,
  backingFrom,
  isProvider,
  type MemorySource,
  openSource,
  type ProviderSource,
  type RegionSource,
} from './source';
