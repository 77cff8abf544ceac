export type { ThreadSafeArenaHandle } from './control';
export { CrossThreadArena, type CrossThreadArenaOptions } from './cross-thread-arena';
export { type CrossThreadArenaHandle, PendingHandOver } from './hand-over';
export { ThreadSafeArena, type ThreadSafeArenaOptions } from './thread-safe-arena';
