export { Arena, type ArenaMark, type ArenaOptions, ArenaRef, ArenaScope, type ArenaStats, type OnReset } from './arena';
export * from './collections';
export { currentArena, type NoPromise, withArena, withArenaSync } from './context';
export { LocalArena, localArena } from './local';
export * from './shared';
export * from './streaming';
export * from './typed';
