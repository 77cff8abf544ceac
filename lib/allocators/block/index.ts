export { BlockAllocator } from './block-allocator';
export type { BlockOptions } from './options';
export { PoolBox } from './pool-box';
