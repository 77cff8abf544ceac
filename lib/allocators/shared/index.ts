export { type Recovery, SharedAllocatorBase } from './base';
export { SharedBlockAllocator, type SharedBlockCount, type SharedBlockOptions, type SharedBlockSharing } from './block';
export { SharedBumpAllocator, type SharedBumpOptions, type SharedCheckpoint } from './bump';
export { HEADER, HEADER_DOUBLES, LAYOUT_VERSION, type Layout, type SharedKind } from './layout';
export {
  attachMemory,
  checkMade,
  checkWhole,
  createMemory,
  nameOf,
  type Plan,
  type SharedAllocatorHandle,
  type SharedAllocatorOptions,
  SharedMemory,
} from './memory';
export { COUNTERS, OwnerTable, PHASES } from './owner-table';
export { type SharedBlockLease, SharedPoolBox } from './pool-box';
export { type SharedMarker, SharedStackAllocator, type SharedStackOptions } from './stack';
