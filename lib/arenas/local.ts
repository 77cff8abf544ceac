import { threadId } from 'node:worker_threads';
import { memoryError } from '../core';
import { Arena, type ArenaOptions } from './arena';

/** The arena of one thread: an {@link Arena} that {@link localArena} makes once per thread. */
export class LocalArena extends Arena {
  /** Of the thread that it belongs to, as `worker_threads.threadId`. */
  readonly threadId: number = threadId;
}

let mine: LocalArena | undefined;

/**
 * The calling thread's arena, made at the first call and anew after its dispose(). Each worker has one of its own; it
 * goes with the worker. Whoever calls reset() on it takes everybody's blocks of this thread back: use scopes in parts
 * that do not own the thread.
 *
 * @param options for the first call; later calls without options
 * @throws ERR_MEMORY_INVALID_STATE for options when the thread has its arena already; and as new Arena()
 */
export function localArena(options?: ArenaOptions): LocalArena {
  if (mine === undefined || mine.disposed) {
    mine = new LocalArena({ name: 'local-arena', ...options });
    return mine;
  }
  if (options === undefined) return mine;
  throw memoryError(
    'ERR_MEMORY_INVALID_STATE',
    'localArena: this thread has its arena already; options count at the first call only',
    { source: mine.name, hint: 'Call localArena(options) once where the thread begins.' },
  );
}
