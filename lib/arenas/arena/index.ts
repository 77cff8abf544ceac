export { Arena, type ArenaStats } from './arena';
export { BlockWalk } from './block-walk';
export { Chunk } from './chunk';
export { ChunkStore } from './chunk-store';
export type { ArenaMark } from './marks';
export {
  ARENA_KEYS,
  ARENA_PRESETS,
  type ArenaOptions,
  type ArenaPlan,
  type ArenaPreset,
  mergeOptions,
  type OnReset,
  planArena,
} from './options';
export { ArenaRef, type RefHost } from './ref';
export { ArenaScope } from './scope';
