import { checkFunction, checkOneOf, describe, ignoreFailure, memoryError } from '../../core';
import type { Logger } from './interfaces';
import {
  checkPlugin,
  EVENT_KINDS,
  type HookName,
  type MemoryPlugin,
  type PluginStats,
  type SystemEvent,
  type SystemEventKind,
} from './plugin';

interface Entry {
  readonly plugin: MemoryPlugin;
  failures: number;
  lastError: string | null;
}

interface Observer {
  readonly kinds: ReadonlySet<SystemEventKind>;
  readonly listener: (event: SystemEvent) => void;
}

/** Calls plugins, observers and the logger, none of which can stop another one or the system. */
export class Hooks {
  private readonly entries: Entry[] = [];
  private readonly observers = new Set<Observer>();
  private readonly logger: Logger | null;
  private readonly queue: (() => void)[] = [];
  private depth = 0;
  private flushing = false;
  /** Whether anybody wants to know of each block. */
  watchesBlocks = false;
  private observerFailures = 0;
  private loggerFailures = 0;
  /** Told when it may have changed whether anybody wants to know of blocks. */
  private readonly onChange: () => void;

  constructor(logger: Logger | null, onChange: () => void) {
    this.logger = logger;
    this.onChange = onChange;
  }

  /** True while somebody else's code runs: it may not change the system. */
  get running(): boolean {
    return this.depth > 0;
  }

  private look(): void {
    this.watchesBlocks =
      this.entries.some(({ plugin }) => plugin.onAllocation !== undefined || plugin.onDeallocation !== undefined) ||
      [...this.observers].some(({ kinds }) => kinds.has('allocation') || kinds.has('deallocation'));
    this.onChange();
  }

  private enter(): void {
    this.depth += 1;
    if (this.depth === 1) this.onChange();
  }

  private leave(): void {
    this.depth -= 1;
    if (this.depth > 0) return;
    this.onChange();
    this.flush();
  }

  /** @throws ERR_MEMORY_INVALID_STATE inside of a hook */
  needQuiet(what: string): void {
    if (this.depth === 0) return;
    throw memoryError('ERR_MEMORY_INVALID_STATE', `${what}: called from inside of a hook or an observer`, {
      hint: 'A hook may free blocks and look. Do the rest after it has returned: setImmediate(() => ...).',
    });
  }

  /** @throws ERR_MEMORY_INVALID_ARGUMENT for none, or a name that is taken */
  add(where: string, plugin: MemoryPlugin): void {
    checkPlugin(where, plugin);
    if (this.entries.some((entry) => entry.plugin.name === plugin.name)) {
      throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: there is a plugin '${plugin.name}' already`);
    }
    this.entries.push({ plugin, failures: 0, lastError: null });
    this.look();
  }

  /** @returns the function that ends it */
  observe(
    where: string,
    listener: (event: SystemEvent) => void,
    kinds: readonly SystemEventKind[] = EVENT_KINDS,
  ): () => void {
    checkFunction(`${where}: listener`, listener);
    if (!Array.isArray(kinds)) {
      throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: kinds must be an array, got ${describe(kinds)}`);
    }
    for (const kind of kinds) checkOneOf(`${where}: kinds`, kind, EVENT_KINDS);
    const observer = { kinds: new Set(kinds), listener };
    this.observers.add(observer);
    this.look();
    return () => {
      this.observers.delete(observer);
      this.look();
    };
  }

  /** Calls one hook of every plugin; what happens inside of a hook is told after it. */
  call<H extends HookName>(hook: H, ...event: Parameters<NonNullable<MemoryPlugin[H]>>): void {
    if (this.entries.length > 0) this.dispatch(() => this.callNow(hook, event));
  }

  private callNow(hook: HookName, event: readonly unknown[]): void {
    for (const entry of this.entries) {
      const method = entry.plugin[hook] as ((...event: readonly unknown[]) => unknown) | undefined;
      if (method === undefined) continue;
      try {
        const result = method.apply(entry.plugin, event as unknown[]);
        if (typeof (result as PromiseLike<unknown> | undefined)?.then === 'function') {
          Promise.resolve(result).catch((error: unknown) => this.failed(entry, hook, error));
        }
      } catch (error) {
        this.failed(entry, hook, error);
      }
    }
  }

  /** Calls one hook of every plugin and waits for their promises, which may fail. */
  async settle(hook: 'onInit' | 'onShutdown', ...event: readonly unknown[]): Promise<void> {
    const waits: Promise<void>[] = [];
    this.enter();
    try {
      for (const entry of this.entries) {
        const method = entry.plugin[hook] as ((...event: readonly unknown[]) => unknown) | undefined;
        try {
          const result = method?.apply(entry.plugin, event as unknown[]);
          waits.push(
            Promise.resolve(result).then(undefined, (error: unknown) =>
              this.failed(entry, hook, error),
            ) as Promise<void>,
          );
        } catch (error) {
          this.failed(entry, hook, error);
        }
      }
    } finally {
      this.leave();
    }
    await Promise.all(waits);
  }

  private failed(entry: Entry, hook: HookName, error: unknown): void {
    entry.failures += 1;
    entry.lastError = wordsOf(error);
    const plugin = entry.plugin.name;
    this.log('error', { plugin, hook, error: entry.lastError }, 'a plugin failed');
    this.emit({ kind: 'pluginError', plugin, hook, error });
  }

  /** Tells observers. */
  emit(event: SystemEvent): void {
    if (this.observers.size === 0) return;
    this.dispatch(() => {
      Object.freeze(event);
      for (const { kinds, listener } of this.observers) {
        if (!kinds.has(event.kind)) continue;
        const failed = (error: unknown): void => this.observerFailed(event, error);
        try {
          ignoreFailure(listener(event), failed);
        } catch (error) {
          failed(error);
        }
      }
    });
  }

  private observerFailed(event: SystemEvent, error: unknown): void {
    this.observerFailures += 1;
    this.log('error', { event: event.kind, error: wordsOf(error) }, 'an observer failed');
  }

  /** At once, or where somebody else's code runs, after it. */
  private dispatch(work: () => void): void {
    this.queue.push(work);
    this.flush();
  }

  private flush(): void {
    if (this.flushing || this.depth > 0) return;
    this.flushing = true;
    try {
      for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) {
        this.enter();
        try {
          next();
        } finally {
          this.leave();
        }
      }
    } finally {
      this.flushing = false;
    }
  }

  log(level: keyof Logger, fields: object, message: string): void {
    if (this.logger === null) return;
    this.enter();
    try {
      ignoreFailure(this.logger[level]?.(fields, message), () => void (this.loggerFailures += 1));
    } catch {
      this.loggerFailures += 1;
    } finally {
      this.leave();
    }
  }

  stats(): {
    readonly plugins: readonly PluginStats[];
    readonly observerFailures: number;
    readonly loggerFailures: number;
  } {
    const plugins = this.entries.map(({ plugin, failures, lastError }) =>
      Object.freeze({ name: plugin.name, failures, lastError }),
    );
    const { observerFailures, loggerFailures } = this;
    return Object.freeze({ plugins: Object.freeze(plugins), observerFailures, loggerFailures });
  }
}

/** Any thrown thing in words; never throws. */
export function wordsOf(error: unknown): string {
  try {
    return (error instanceof Error ? error.message : describe(error)).slice(0, 500);
  } catch {
    return 'unprintable';
  }
}
