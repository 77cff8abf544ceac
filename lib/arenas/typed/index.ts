export type { PlacedLayout, RecordFields, RecordInit, RecordLayout } from './layout';
export { type ArenaRecord, type DisposalHook, RecordSlice, TypedArena, type TypedArenaOptions } from './typed-arena';
