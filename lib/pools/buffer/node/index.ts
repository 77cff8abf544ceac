export { type ChunkSource, type PooledChunksOptions, pooledChunks, pooledReadable } from './chunks';
export { type PooledFile, type ReadPooledOptions, readPooled } from './files';
export { type PooledOnread, type PooledOnreadOptions, pooledOnread } from './onread';
export { endPooled, type PooledSink, pooledBody, sendPooled } from './send';
export { type PooledWebBodyOptions, pooledWebBody } from './web-body';
