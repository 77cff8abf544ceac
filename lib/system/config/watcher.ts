import { EventEmitter } from 'node:events';
import { resolve } from 'node:path';
import {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkOptions,
  type Duration,
  isMemoryError,
  isThenable,
  type MemoryError,
  memoryError,
  parseDuration,
} from '../../core';
import { type ConfigLoadOptions, checkSources, LOAD_KEYS, MemoryConfig } from './config';
import { type FileWatch, pollFile } from './file-watch';
import { type ConfigSource, configError, problem } from './problems';
import { contradictionsOf, resolveSources, type Sources, toValues } from './resolve';
import { readEnvironment } from './sources/env';
import { DEFAULT_FILES } from './sources/file';
import { type ConfigPath, fieldAt } from './table';
import type { Scalar } from './values';

export interface ConfigWatchOptions extends ConfigLoadOptions {
  /** Look at the file by itself. Default true; otherwise only reload() does. */
  readonly watch?: boolean;
  /** How often to look, at least 10 ms. Default 2 s. */
  readonly intervalMs?: Duration;
  /** For tests. Default: its times and size are read every `intervalMs`. */
  readonly watchFile?: FileWatch;
}

/** A field that has another value now. */
export interface ConfigChange {
  readonly path: ConfigPath;
  readonly from: Scalar;
  readonly to: Scalar;
  readonly source: ConfigSource;
}

/** A field that keeps its value until a restart. */
export interface ConfigRefusal extends ConfigChange {
  readonly reason: string;
}

/** What a reload did. With an error nothing has changed. */
export interface ConfigReload {
  readonly config: MemoryConfig;
  readonly changes: readonly ConfigChange[];
  readonly refusals: readonly ConfigRefusal[];
  readonly error: MemoryError | null;
}

/** What a watcher emits. A listener that throws is told as `error`, and the others are called all the same. */
export interface ConfigEvents {
  /** A value is another one now: what is made from then on should take it. */
  change: [change: ConfigChange];
  /** Told once for each value that is asked for in vain. */
  refused: [refusal: ConfigRefusal];
  /** The sources are wrong now, and the former configuration stays; or a listener threw. Nobody has to listen. */
  error: [error: MemoryError];
}

/**
 * A configuration that follows its sources. Fields that may change while a service runs take their new values and are told
 * as `change`; the others stay and are told as `refused`, with the reason. When anything is wrong, all stays as it was.
 */
export class ConfigWatcher extends EventEmitter<ConfigEvents> implements Disposable {
  private readonly sources: Sources;
  private readonly refused = new Map<ConfigPath, Scalar>();
  private stops: (() => void)[] = [];
  private current: MemoryConfig;
  private isBusy = false;
  private isClosed = false;

  /** @throws as MemoryConfig.load */
  constructor(options?: ConfigWatchOptions) {
    super();
    const where = 'ConfigWatcher';
    const given = checkOptions<ConfigWatchOptions>(where, options, [...LOAD_KEYS, 'watch', 'intervalMs', 'watchFile']);
    const { watch = true, intervalMs = 2000, watchFile: watcher = pollFile, ...load } = given;
    const everyMs = checkInteger(
      `${where}: intervalMs`,
      parseDuration(intervalMs, `${where}: intervalMs`),
      10,
      2 ** 31 - 1,
    );
    checkFunction(`${where}: watchFile`, watcher);
    this.sources = checkSources(where, load);
    // Begun before the file is read, so that no change falls between.
    if (checkBoolean(`${where}: watch`, watch)) {
      try {
        for (const path of this.files()) this.stops.push(watcher(path, () => void this.reload(), everyMs));
      } catch (error) {
        this.dispose();
        throw error;
      }
    }
    const resolved = resolveSources(this.sources);
    if (resolved.problems.length > 0) {
      this.dispose();
      throw configError(resolved.problems);
    }
    this.current = new MemoryConfig(resolved);
  }

  /** The configuration that counts now. */
  get config(): MemoryConfig {
    return this.current;
  }

  get disposed(): boolean {
    return this.isClosed;
  }

  /** Reads all sources again. Never throws for what they say. @throws ERR_MEMORY_INVALID_STATE inside of a listener */
  reload(): ConfigReload {
    if (this.isClosed) return { config: this.current, changes: [], refusals: [], error: null };
    if (this.isBusy) {
      throw memoryError('ERR_MEMORY_INVALID_STATE', 'ConfigWatcher.reload: a reload is being told to its listeners', {
        hint: 'Call it after the listener has returned.',
      });
    }
    this.isBusy = true;
    try {
      const told = this.compare();
      this.current = told.config;
      for (const change of told.changes) this.tell('change', change);
      for (const refusal of told.refusals) this.tell('refused', refusal);
      if (told.error !== null) this.tell('error', told.error);
      return told;
    } finally {
      this.isBusy = false;
    }
  }

  /** Stops looking at the file. The configuration stays as it is. */
  dispose(): void {
    this.isClosed = true;
    for (const stop of this.stops.splice(0)) stop();
    this.removeAllListeners();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  private files(): string[] {
    const { env, file, cwd } = this.sources;
    const named = readEnvironment(env).file ?? file;
    if (named === null) return [];
    const names = named === undefined ? DEFAULT_FILES : [named];
    return names.map((name) => resolve(cwd, name));
  }

  private compare(): ConfigReload {
    const before = this.current;
    const failed = (error: MemoryError): ConfigReload => ({ config: before, changes: [], refusals: [], error });
    const found = resolveSources(this.sources);
    if (before.file !== null && found.file === null) {
      const gone = problem('unreadable', { kind: 'file', file: before.file, line: null }, 'the file is gone');
      return failed(configError([gone]));
    }
    if (found.problems.length > 0) return failed(configError(found.problems));
    const after = new MemoryConfig(found);
    const differing = after.changedFrom(before);
    const taken = differing.filter((path) => fieldAt(path)?.restart === null);
    const merged = before.taking(after, new Set(taken));
    const values = toValues(merged.candidates);
    const fights = contradictionsOf(values, merged.candidates, new Set());
    if (fights.length > 0) return failed(configError(fights));
    const change = (path: ConfigPath): ConfigChange => ({
      ...{ path, from: before.get(path), to: after.get(path), source: after.sourceOf(path) },
    });
    const kept = differing.filter((path) => fieldAt(path)?.restart !== null);
    return {
      config: new MemoryConfig({ ...merged, values }),
      changes: taken.map(change),
      refusals: this.newRefusals(kept.map(change)),
      error: null,
    };
  }

  private newRefusals(kept: readonly ConfigChange[]): ConfigRefusal[] {
    for (const path of this.refused.keys()) {
      if (!kept.some((one) => one.path === path)) this.refused.delete(path);
    }
    return kept
      .filter(({ path, to }) => this.refused.get(path) !== to)
      .map((one) => {
        this.refused.set(one.path, one.to);
        return { ...one, reason: `${fieldAt(one.path)?.restart ?? ''}; restart the service for it` };
      });
  }

  /** As emit(), but what a listener throws stays here, and an error that nobody listens to is none. */
  private tell<E extends keyof ConfigEvents>(event: E, ...told: ConfigEvents[E]): void {
    for (const listener of this.rawListeners(event)) {
      try {
        if (this.isClosed) return; // by the listener before
        const answer: unknown = Reflect.apply(listener, this, told);
        // One that rejects would end the process.
        if (isThenable(answer)) answer.then(undefined, (cause) => this.listenerFailed(event, cause));
      } catch (cause) {
        this.listenerFailed(event, cause);
      }
    }
  }

  private listenerFailed(event: keyof ConfigEvents, cause: unknown): void {
    // A listener of errors that throws has nobody left to be told to.
    if (event !== 'error') this.tell('error', listenerFailed(event, cause));
  }
}

function listenerFailed(event: string, cause: unknown): MemoryError {
  const reason =
    isMemoryError(cause) || cause instanceof Error ? cause.message : 'something that is no error was thrown';
  return memoryError('ERR_MEMORY_INVALID_STATE', `ConfigWatcher: a listener of '${event}' threw: ${reason}`, { cause });
}

/** A configuration that follows its file and the environment; see {@link ConfigWatcher}. @throws as MemoryConfig.load */
export function watchConfig(options?: ConfigWatchOptions): ConfigWatcher {
  return new ConfigWatcher(options);
}
