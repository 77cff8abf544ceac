export { type AllocationRequest, AllocatorAdaptor, checkAllocator, isExhausted, nameIn, unwrap } from './adaptor';
export { BlockBook } from './block-book';
export { BlockTable } from './block-table';
export { HookGuard } from './hook';
