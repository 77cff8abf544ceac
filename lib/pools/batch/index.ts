export type { AsyncBatch } from './async-batch';
export { AsyncBatchAllocator, type AsyncBatchAllocatorOptions } from './async-batch-allocator';
export type { AsyncPoolLike } from './async-pool-like';
export type { Batch } from './batch';
export { BatchAllocator, type BatchAllocatorOptions } from './batch-allocator';
export type { BatchStats } from './book';
export type { BatchSlice } from './contents';
