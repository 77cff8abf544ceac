export { HeapAllocator } from './heap';
export type { HeapOptions } from './options';
export type { HeapFragmentation } from './report';
export type { SharedHeapAudit } from './shared-audit';
export { SharedHeapAllocator } from './shared-heap';
export { SharedSystemAllocator, type SharedSystemOptions } from './shared-system';
