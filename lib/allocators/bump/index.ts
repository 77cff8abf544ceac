export { BumpAllocator } from './bump-allocator';
export { BumpCheckpoint, BumpScope } from './checkpoint';
export type { BumpOptions } from './options';
