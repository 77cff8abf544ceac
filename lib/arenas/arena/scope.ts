import { describe, memoryError } from '../../core';
import type { ArenaMark } from './marks';

/** What a scope needs of its arena. Internal. */
export interface ScopeHost {
  readonly name: string;
  openScope(): ArenaMark;
  closeScope(mark: ArenaMark): void;
  allocate(byteLength: number, alignment?: number): number;
  alloc(byteLength: number, alignment?: number): Uint8Array;
}

/**
 * A stretch of an arena's life: what is allocated between its begin and its close is given back at its close, over any
 * number of chunks. For `using`, or with a callback by `arena.scope(work)`. Scopes nest and close innermost first.
 */
export class ArenaScope implements Disposable {
  private readonly host: ScopeHost;
  private readonly mark: ArenaMark;
  private open = true;

  constructor(arena: ScopeHost) {
    if (typeof (arena as Partial<ScopeHost> | null)?.openScope !== 'function') {
      throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `new ArenaScope(): an arena is needed, got ${describe(arena)}`);
    }
    this.host = arena;
    this.mark = arena.openScope();
  }

  get closed(): boolean {
    return !this.open;
  }

  /** As the arena's. @throws ERR_MEMORY_CLOSED after close(), and as Arena.allocate */
  allocate(byteLength: number, alignment?: number): number {
    this.needOpen('allocate');
    return this.host.allocate(byteLength, alignment);
  }

  /** As the arena's. @throws ERR_MEMORY_CLOSED after close(), and as Arena.allocate */
  alloc(byteLength: number, alignment?: number): Uint8Array {
    this.needOpen('alloc');
    return this.host.alloc(byteLength, alignment);
  }

  /**
   * Gives back what was allocated since the scope began; a second call does nothing, and neither does one after the
   * arena was reset or disposed, which has given it back already.
   *
   * @throws ERR_MEMORY_LIFO_VIOLATION while a scope within this one is open: nothing has changed then
   */
  close(): void {
    if (!this.open) return;
    this.host.closeScope(this.mark);
    this.open = false;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  private needOpen(method: string): void {
    if (this.open) return;
    throw memoryError('ERR_MEMORY_CLOSED', `ArenaScope.${method}: the scope was closed before`, {
      source: this.host.name,
    });
  }
}

/** Runs `work` in a scope, which closes when it returns, throws, or its promise settles. */
export function runInScope<T>(host: ScopeHost, work: (scope: ArenaScope) => T): T {
  const scope = new ArenaScope(host);
  let later = false;
  try {
    const result = work(scope);
    if (typeof (result as PromiseLike<unknown> | undefined)?.then === 'function') {
      later = true;
      return Promise.resolve(result).finally(() => scope.close()) as T;
    }
    return result;
  } finally {
    if (!later) scope.close();
  }
}
