import { AsyncLocalStorage } from 'node:async_hooks';
import { runWithin } from '../allocators';
import { checkFunction } from '../core';
import { Arena, type ArenaOptions } from './arena';

const storage = new AsyncLocalStorage<Arena>();

/** The arena of the innermost withArena() around the calling code, across awaits; undefined outside of one. */
export function currentArena(): Arena | undefined {
  return storage.getStore();
}

/**
 * Runs `work` with an arena of its own, which {@link currentArena} finds in everything that `work` calls or awaits, and
 * closes the arena when the promise settles. A task that `work` started and did not await meets a closed arena then:
 * its views have length 0 (with the carrier `shared` they read zeros) and calls throw ERR_MEMORY_CLOSED.
 *
 * With an arena instead of options, that one is made current and stays open.
 *
 * @returns what `work` returns
 * @throws what `work` throws; ERR_MEMORY_INVALID_ARGUMENT; what dispose() throws when `work` succeeded
 */
export function withArena<T>(work: (arena: Arena) => T | PromiseLike<T>): Promise<T>;
export function withArena<T>(
  options: ArenaOptions | Arena | undefined,
  work: (arena: Arena) => T | PromiseLike<T>,
): Promise<T>;
export async function withArena<T>(
  first: ArenaOptions | Arena | undefined | ((arena: Arena) => T | PromiseLike<T>),
  second?: (arena: Arena) => T | PromiseLike<T>,
): Promise<T> {
  const [options, work] = typeof first === 'function' ? [undefined, first] : [first, second];
  const task = checkFunction('withArena: work', work) as (arena: Arena) => T | PromiseLike<T>;
  if (options instanceof Arena) return await storage.run(options, task, options);
  const arena = new Arena(options);
  let result: T;
  try {
    result = await storage.run(arena, task, arena);
  } catch (error) {
    closeQuietly(arena);
    throw error;
  }
  arena.dispose();
  return result;
}

/** What work without awaits may return: anything but a promise, which would outlive the arena. */
export type NoPromise<T> = T extends PromiseLike<unknown> ? never : T;

/**
 * As withArena(), for work without awaits.
 *
 * @throws ERR_MEMORY_INVALID_ARGUMENT for work that returns a promise: the arena is closed then
 */
export function withArenaSync<T>(options: ArenaOptions | undefined, work: (arena: Arena) => NoPromise<T>): T {
  checkFunction('withArenaSync: work', work);
  const arena = new Arena(options);
  const task = (mine: Arena): T => storage.run(mine, work, mine);
  return runWithin('withArenaSync', task, arena, () => arena.dispose(), 'Use withArena() for work that awaits.');
}

/** The error of the work says more than that of the closing. */
function closeQuietly(arena: Arena): void {
  try {
    arena.dispose();
  } catch {
    // what is pinned goes when its holder lets go of it
  }
}
