export type { PlacedLayout, RecordFields, RecordInit, RecordLayout } from './layout';
export { type ArenaRecord, RecordSlice } from './slice';
export { type DisposalHook, TypedArena, type TypedArenaOptions } from './typed-arena';
