export { StackFrame, StackMarker } from './marker';
export type { StackOptions } from './options';
export { StackAllocator } from './stack-allocator';
