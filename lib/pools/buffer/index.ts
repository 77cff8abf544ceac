export { BufferPool } from './buffer-pool';
export type { BufferLeak } from './leak-watch';
export {
  type ChunkSource,
  endPooled,
  type PooledChunksOptions,
  type PooledFile,
  type PooledOnread,
  type PooledOnreadOptions,
  type PooledSink,
  type PooledWebBodyOptions,
  pooledBody,
  pooledChunks,
  pooledOnread,
  pooledReadable,
  pooledWebBody,
  type ReadPooledOptions,
  readPooled,
  sendPooled,
} from './node';
export type { BufferPoolOptions } from './options';
export { type LeasePin, PooledBuffer } from './pooled-buffer';
export type { BufferClassStats, BufferPoolStats } from './stats';
