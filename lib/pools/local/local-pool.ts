import { threadId } from 'node:worker_threads';
import { checkOptions, checkString, memoryError } from '../../core';
import { type PoolHooks, reentrant, SYNC_POOL_OPTIONS } from '../base';
import { ObjectPool, type ObjectPoolOptions } from '../object';

/** The pool of one thread and one purpose: an {@link ObjectPool} that {@link localPool} makes once a thread. */
export class LocalPool<T extends object> extends ObjectPool<T> {
  /** Of the thread that it belongs to, as `worker_threads.threadId`. */
  readonly threadId: number = threadId;
}

interface Local {
  readonly pool: { readonly name: string; readonly closed: boolean };
  readonly hooks: unknown;
  readonly options: unknown;
}

const mine = new Map<string, Local>();
/** Keys whose pool is being made: its `create` hook may run already. */
const making = new Set<string>();

/**
 * The calling thread's pool of that key, made at the first call and anew after its close(). Each worker has pools of its
 * own, which go with it; its objects are no other thread's to give back. Parts that share a key share the pool.
 *
 * @param key 1 to 4096 characters
 * @param hooks as for new ObjectPool(); needed for the first call of a thread, the very same ones or none afterwards
 * @param options as for new ObjectPool(), for the first call
 * @throws ERR_MEMORY_INVALID_STATE without hooks where there is no such pool, for others than it was made with, and from
 *   its own `create` while it is made; and as new ObjectPool()
 */
export function localPool<T extends object>(
  key: string,
  hooks?: PoolHooks<T> | (() => T),
  options?: ObjectPoolOptions<T>,
): LocalPool<T> {
  checkString('localPool: key', key);
  const found = mine.get(key);
  if (found !== undefined && !found.pool.closed) {
    if ((hooks === undefined || hooks === found.hooks) && (options === undefined || options === found.options)) {
      return found.pool as LocalPool<T>;
    }
    throw memoryError(
      'ERR_MEMORY_INVALID_STATE',
      `localPool: this thread has a pool '${key}' already, which was made with other hooks or options`,
      { source: found.pool.name, hint: 'Pass the same hooks object at each call, or the key alone after the first.' },
    );
  }
  if (hooks === undefined) {
    throw memoryError('ERR_MEMORY_INVALID_STATE', `localPool: this thread has no pool '${key}' yet`, {
      hint: 'Pass the hooks at the first call of each thread.',
    });
  }
  if (making.has(key)) throw reentrant(key, 'localPool', 'create');
  const more = checkOptions<ObjectPoolOptions<T>>('localPool', options, [...SYNC_POOL_OPTIONS, 'shrink']);
  making.add(key);
  try {
    const pool = new LocalPool<T>(hooks, { name: key, ...more });
    mine.set(key, { pool, hooks, options });
    return pool;
  } finally {
    making.delete(key);
  }
}
