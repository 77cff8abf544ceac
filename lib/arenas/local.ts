import { threadId } from 'node:worker_threads';
import { memoryError, overPreset } from '../core';
import { ARENA_PRESETS, Arena, type ArenaOptions } from './arena';

/** The arena of one thread: an {@link Arena} that {@link localArena} makes once per thread. */
export class LocalArena extends Arena {
  /** Of the thread that it belongs to, as `worker_threads.threadId`. */
  readonly threadId: number = threadId;

  /** As Arena.production, of this class. */
  static override production(more?: ArenaOptions): LocalArena {
    return new LocalArena(overPreset<ArenaOptions>('LocalArena.production', ARENA_PRESETS.production, more));
  }
  /** As Arena.performance, of this class. */
  static override performance(more?: ArenaOptions): LocalArena {
    return new LocalArena(overPreset<ArenaOptions>('LocalArena.performance', ARENA_PRESETS.performance, more));
  }
  /** As Arena.debug, of this class. */
  static override debug(more?: ArenaOptions): LocalArena {
    return new LocalArena(overPreset<ArenaOptions>('LocalArena.debug', ARENA_PRESETS.debug, more));
  }
  /** As Arena.conservative, of this class. */
  static override conservative(more?: ArenaOptions): LocalArena {
    return new LocalArena(overPreset<ArenaOptions>('LocalArena.conservative', ARENA_PRESETS.conservative, more));
  }
  /** As Arena.smallObjects, of this class. */
  static override smallObjects(more?: ArenaOptions): LocalArena {
    return new LocalArena(overPreset<ArenaOptions>('LocalArena.smallObjects', ARENA_PRESETS.smallObjects, more));
  }
  /** As Arena.largeObjects, of this class. */
  static override largeObjects(more?: ArenaOptions): LocalArena {
    return new LocalArena(overPreset<ArenaOptions>('LocalArena.largeObjects', ARENA_PRESETS.largeObjects, more));
  }
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
