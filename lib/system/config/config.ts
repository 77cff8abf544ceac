import type { BlockOptions } from '../../allocators';
import type { ArenaOptions, StreamingArenaOptions, ThreadSafeArenaOptions } from '../../arenas';
import type {
  BudgetAcquireOptions,
  BudgetOptions,
  ChildBudgetOptions,
  ContainerBudgetOptions,
  MemoryBudget,
  ReservationOptions,
} from '../../budgets';
import { checkFunction, checkOptions, checkString, describe, memoryError, nearest } from '../../core';
import type { AllocatorDescription, ProviderDescription } from '../../manager';
import type { MonitorOptions, MonitorSettings, PressureThresholds } from '../../monitor';
import type { SystemOptions } from '../options';
import {
  buildBudget,
  type ConfigAllocatorParts,
  type ConfigMonitorParts,
  type ConfigProviderParts,
  type ConfigSystemParts,
  describeAllocator,
  describeProvider,
  monitorOptions,
  systemOptions,
} from './build';
import * as options from './options';
import { type ConfigPreset, isPreset, unknownPreset } from './presets';
import { type ConfigProblem, type ConfigSource, configError } from './problems';
import { type Resolved, resolveSources, type Sources } from './resolve';
import type { Environment } from './sources/env';
import type { FileReader } from './sources/file';
import { copyTree, type Entry } from './sources/layer';
import {
  CONFIG_FIELDS,
  type ConfigField,
  type ConfigInput,
  type ConfigPath,
  type ConfigValue,
  type ConfigValues,
  fieldAt,
} from './table';

export interface ConfigLoadOptions {
  /** Variables. Default: those of the process. */
  readonly env?: Environment;
  /** A .toml or .json file that must be there; null: none. Default: memory.toml or memory.json in `cwd`, if there is one. */
  readonly file?: string | null;
  readonly code?: ConfigInput;
  /** Values for what nobody says otherwise. The file (`preset = "…"`) and NEBULA_MEMORY_PRESET may name another. */
  readonly preset?: ConfigPreset;
  /** Folder of the file. Default: that of the process. */
  readonly cwd?: string;
  /** For tests: the text of a file, or null where there is none. */
  readonly readFile?: FileReader;
}

/** One value and who said it. */
export interface ConfigCandidate<T = ConfigValue<ConfigPath>> {
  readonly value: T;
  readonly source: ConfigSource;
}

export const LOAD_KEYS = [
  'env',
  'file',
  'code',
  'preset',
  'cwd',
  'readFile',
] as const satisfies readonly (keyof ConfigLoadOptions)[];

function copyOfCode(where: string, code: ConfigInput): ConfigInput {
  try {
    return copyTree(code) as ConfigInput;
  } catch (cause) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: code cannot be read`, {
      hint: 'Pass an object literal.',
      cause,
    });
  }
}

/** Checks the options of `load`. @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_CONFIG for a preset that is not there */
export function checkSources(where: string, options: ConfigLoadOptions | undefined): Sources {
  const given = checkOptions<ConfigLoadOptions>(where, options, LOAD_KEYS);
  const { env, file, preset, cwd, readFile } = given;
  if (env !== undefined && (typeof env !== 'object' || env === null)) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: env must be an object, got ${describe(env)}`);
  }
  if (preset !== undefined && !isPreset(preset)) {
    const word: unknown = preset;
    const why = typeof word === 'string' ? unknownPreset(word) : `preset must be a word, got ${describe(word)}`;
    throw memoryError('ERR_MEMORY_CONFIG', `${where}: ${why}`);
  }
  return {
    env: env ?? process.env,
    file: file === undefined || file === null ? file : checkString(`${where}: file`, file),
    code: copyOfCode(where, given.code ?? {}),
    preset,
    cwd: cwd === undefined ? process.cwd() : checkString(`${where}: cwd`, cwd),
    readFile: readFile === undefined ? undefined : checkFunction(`${where}: readFile`, readFile),
  };
}

/**
 * Every setting of the package, checked, with the source of each value. It does not change; a `ConfigWatcher` makes a new
 * one. Strongest first: environment, file, code, preset, default. Files are read as data and never run.
 */
export class MemoryConfig {
  /** All values by section, frozen. */
  readonly values: ConfigValues;
  /** The preset that counts, whoever named it. */
  readonly preset: ConfigPreset | null;
  /** The file that was read, as it was named. */
  readonly file: string | null;
  private readonly candidates: ReadonlyMap<ConfigPath, readonly Entry[]>;

  /** Use {@link MemoryConfig.load}. @internal */
  constructor(resolved: Omit<Resolved, 'problems'>) {
    this.values = resolved.values;
    this.preset = resolved.preset;
    this.file = resolved.file;
    this.candidates = resolved.candidates;
    Object.freeze(this);
  }

  /**
   * Reads and checks all sources.
   *
   * @throws ERR_MEMORY_CONFIG listing everything that is wrong: unknown and misspelt keys, values, contradictions, a file
   *   that is malformed, missing or too large; ERR_MEMORY_PERMISSION or ERR_MEMORY_SYSCALL for one that cannot be read;
   *   ERR_MEMORY_INVALID_ARGUMENT for bad options
   */
  static load(options?: ConfigLoadOptions): MemoryConfig {
    const resolved = resolveSources(checkSources('MemoryConfig.load', options));
    if (resolved.problems.length > 0) throw configError(resolved.problems);
    return new MemoryConfig(resolved);
  }

  /** Everything that is wrong, as a list; empty when {@link MemoryConfig.load} would succeed. @throws for bad options */
  static validate(options?: ConfigLoadOptions): readonly ConfigProblem[] {
    return resolveSources(checkSources('MemoryConfig.validate', options)).problems;
  }

  /** From variables and defaults alone. @throws ERR_MEMORY_CONFIG */
  static fromEnv(env: Environment = process.env): MemoryConfig {
    return MemoryConfig.load({ env, file: null });
  }

  /** From one file, which must be there, and defaults alone. @throws as {@link MemoryConfig.load} */
  static fromFile(file: string, options: Pick<ConfigLoadOptions, 'cwd' | 'readFile'> = {}): MemoryConfig {
    return MemoryConfig.load({ ...options, file: checkString('MemoryConfig.fromFile: file', file), env: {} });
  }

  /** From code, a preset and defaults alone. @throws ERR_MEMORY_CONFIG */
  static of(code: ConfigInput = {}, preset?: ConfigPreset): MemoryConfig {
    return MemoryConfig.load({ env: {}, file: null, code, ...(preset === undefined ? {} : { preset }) });
  }

  /** The value of a field. @throws ERR_MEMORY_INVALID_ARGUMENT for a path that is not there, with the nearest one */
  get<P extends ConfigPath>(path: P): ConfigValue<P> {
    return this.entriesOf('get', path)[0]?.value as ConfigValue<P>;
  }

  /** Who said the value that counts. @throws as {@link MemoryConfig.get} */
  sourceOf(path: ConfigPath): ConfigSource {
    return (this.entriesOf('sourceOf', path)[0] as Entry).source;
  }

  /** Everybody who says something of a field, the strongest first; the default is the last. @throws as `get` */
  candidatesOf<P extends ConfigPath>(path: P): readonly ConfigCandidate<ConfigValue<P>>[] {
    return this.entriesOf('candidatesOf', path) as readonly ConfigCandidate<ConfigValue<P>>[];
  }

  /** The fields whose values differ. */
  changedFrom(other: MemoryConfig): readonly ConfigPath[] {
    return CONFIG_FIELDS.filter(({ path }) => this.get(path) !== other.get(path)).map(({ path }) => path);
  }

  /** This one, but with the values and sources of `other` for some fields; nothing is checked. @internal */
  taking(other: MemoryConfig, paths: ReadonlySet<ConfigPath>): Omit<Resolved, 'problems' | 'values'> {
    const pick = ({ path }: ConfigField) => {
      const from = paths.has(path) ? other : this;
      return [path, from.candidates.get(path) as readonly Entry[]] as const;
    };
    return { candidates: new Map(CONFIG_FIELDS.map(pick)), preset: other.preset, file: other.file };
  }

  /** Options of `new Arena()`. */
  toArenaOptions(): ArenaOptions {
    return options.arenaOptions(this.values);
  }

  /** Options of `ThreadSafeArena.create()`. */
  toThreadSafeArenaOptions(): ThreadSafeArenaOptions {
    return options.threadSafeArenaOptions(this.values);
  }

  /** Options of `new StreamingArena(config.get('arena.bufferBytes'), …)`. */
  toStreamingOptions(): StreamingArenaOptions {
    return options.streamingOptions(this.values);
  }

  /** Options of `new BlockAllocator()`: those of [pool]. */
  toBlockOptions(): BlockOptions {
    return options.blockOptions(this.values);
  }

  /** Options of `new MemoryBudget()`; null where the limit is that of the container. */
  toBudgetOptions(): BudgetOptions | null {
    return options.budgetOptions(this.values);
  }

  /** Options of `budget.child()`. */
  toChildBudgetOptions(): ChildBudgetOptions {
    return options.childBudgetOptions(this.values);
  }

  /** Options of `budget.acquire()`. */
  toAcquireOptions(): BudgetAcquireOptions {
    return options.acquireOptions(this.values);
  }

  /** Options of `budget.reservation()`. */
  toReservationOptions(): ReservationOptions {
    return options.reservationOptions(this.values);
  }

  /** What [provider] says, for `factory.provider()` of an AllocatorFactory. */
  toProviderDescription(parts?: ConfigProviderParts): ProviderDescription {
    return describeProvider(this.values, parts);
  }

  /** What [allocator], [pool] and [stats] say, for `factory.create()` of an AllocatorFactory. */
  toAllocatorDescription(parts?: ConfigAllocatorParts): AllocatorDescription {
    return describeAllocator(this.values, parts);
  }

  /** Options of `new MemoryMonitor()`, with its sources. */
  toMonitorOptions(parts?: ConfigMonitorParts): MonitorOptions {
    return monitorOptions(this.values, parts);
  }

  /** What `monitor.configure()` takes over while it runs. */
  toMonitorSettings(): MonitorSettings {
    return options.monitorSettings(this.values);
  }

  /** From which share of a limit on each level holds, for sources of one's own. */
  toPressureThresholds(): PressureThresholds {
    return options.pressureThresholds(this.values);
  }

  /** Options of `new MemorySystem()`. Adaptors that [allocator] and [stats] switch on stand around its heaps. */
  toSystemOptions(parts?: ConfigSystemParts): SystemOptions {
    return systemOptions(this.values, parts);
  }

  /** Options of `system.shutdown()`. */
  toShutdownOptions(): { readonly deadlineMs: number } {
    return options.shutdownOptions(this.values);
  }

  /** A root budget as [budget] says. @throws as `new MemoryBudget()` or `MemoryBudget.forContainer()` */
  createBudget(name: string = 'service', machine?: Omit<ContainerBudgetOptions, 'headroomRatio'>): MemoryBudget {
    return buildBudget(this.values, name, machine);
  }

  /** The values, for logs. */
  toJSON(): ConfigValues {
    return this.values;
  }

  private entriesOf(method: string, path: string): readonly Entry[] {
    const entries = fieldAt(path) === undefined ? undefined : this.candidates.get(path as ConfigPath);
    if (entries !== undefined) return entries;
    const paths: readonly string[] = CONFIG_FIELDS.map((field) => field.path);
    const guess = typeof path === 'string' ? nearest(path, paths) : undefined;
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `MemoryConfig.${method}: unknown field ${describe(path)}.${guess === undefined ? '' : ` Did you mean '${guess}'?`}`,
      { hint: "Run 'nebula-memory config' for all of them." },
    );
  }
}
