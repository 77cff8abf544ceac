export { SystemAllocator, type SystemOptions } from './system-allocator';
