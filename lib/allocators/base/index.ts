export { checkBlockAlignment, checkByteLength, checkOffset, MAX_ALIGNMENT } from './arguments';
export { AllocatorBase, FAST_LIMIT, windowOf } from './base';
export {
  type Backing,
  backingFrom,
  isProvider,
  type MemorySource,
  openSource,
  type ProviderSource,
  type RegionSource,
} from './source';
