import {
  type Clock,
  checkBoolean,
  checkClock,
  checkInteger,
  checkOptions,
  checkTimers,
  type Duration,
  describe,
  memoryError,
  type PressureLevel,
  parseDuration,
  type Timers,
} from '../core';
import {
  checkStepRatio,
  DEFAULT_STEP_RATIO,
  type JournalEntry,
  type PressureAction,
  type RunnerSettings,
  type StepRatio,
} from './actions';
import { readable } from './readable';
import type { BudgetUsage, PressureSource, SourceStatus } from './sources';

/** What can be changed while the monitor runs. */
export interface MonitorSettings {
  /** How often sources are read. What tells by itself is read at once. From 10 ms; default 1 s. */
  readonly intervalMs?: Duration;
  /** How long readings must be lower before the level goes down. Default 5 s. */
  readonly dwellMs?: Duration;
  /** After which time a source that failed is tried again. Default 10 s. */
  readonly retryMs?: Duration;
  /** Least time between two steps of an action. Default 1 s. */
  readonly actionIntervalMs?: Duration;
  /** How long an action's promise may take before it is reported; it is not asked again before it answers. Default 30 s. */
  readonly actionDeadlineMs?: Duration;
  /** Share of what is reclaimable that a step may ask for. Default 0.05. */
  readonly stepRatio?: StepRatio;
  /** Journal what would be done, and do nothing. Default false. */
  readonly dryRun?: boolean;
}

export interface MonitorOptions extends MonitorSettings {
  /** Default: {@link defaultSources}. */
  readonly sources?: readonly PressureSource[];
  /** Budgets to watch beside the sources. */
  readonly budgets?: readonly BudgetUsage[];
  readonly actions?: readonly PressureAction[];
  /** Entries that the journal keeps: 1 to 100 000. Default 256. */
  readonly journalEntries?: number;
  /** For tests. */
  readonly clock?: Clock;
  readonly timers?: Timers;
}

/** Idle: not started. Pressure: the level is above none. Action: actions are under way. */
export type MonitorState = 'idle' | 'monitoring' | 'pressure' | 'action';

/** A change of the level. */
export interface PressureChange {
  readonly from: PressureLevel;
  readonly to: PressureLevel;
  /** The monitor's clock. */
  readonly atMs: number;
  /** How long `from` was held. */
  readonly heldMs: number;
  /** The source that says so and its words; why it fell, otherwise. */
  readonly reason: string;
  readonly sources: readonly SourceStatus[];
}

export interface MonitorFailure {
  /** Whose it was: `action 'images'`, `listener of change`. */
  readonly where: string;
  readonly error: unknown;
}

/** What a monitor emits. A listener that throws is counted and reported as `failure`. */
export interface MonitorEvents {
  change: [change: PressureChange];
  state: [change: { readonly from: MonitorState; readonly to: MonitorState; readonly atMs: number }];
  /** A source became unavailable, or available again. */
  source: [status: SourceStatus];
  /** A new entry of the journal. */
  action: [entry: JournalEntry];
  failure: [failure: MonitorFailure];
}

export interface MonitorStats {
  readonly state: MonitorState;
  readonly level: PressureLevel;
  /** Clock time of the last change of the level; null before the first. */
  readonly sinceMs: number | null;
  /** Rounds of readings, and how many of them a source asked for. */
  readonly ticks: number;
  readonly wakes: number;
  readonly changes: number;
  /** Entries of the journal so far, kept or dropped. */
  readonly journaled: number;
  readonly freedBytes: number;
  readonly failures: number;
  readonly sources: readonly SourceStatus[];
}

export interface CheckedSettings extends RunnerSettings {
  intervalMs: number;
  dwellMs: number;
  retryMs: number;
}

export const SETTING_KEYS = [
  'intervalMs',
  'dwellMs',
  'retryMs',
  'actionIntervalMs',
  'actionDeadlineMs',
  'stepRatio',
  'dryRun',
] as const;

const DEFAULTS: Required<MonitorSettings> = {
  intervalMs: 1000,
  dwellMs: 5000,
  retryMs: 10_000,
  actionIntervalMs: 1000,
  actionDeadlineMs: 30_000,
  stepRatio: DEFAULT_STEP_RATIO,
  dryRun: false,
};

const SHORTEST_INTERVAL_MS = 10;

/** Settings over what holds now. @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function checkSettings(
  where: string,
  given: MonitorSettings,
  now: Required<MonitorSettings> = DEFAULTS,
): CheckedSettings {
  const duration = (key: 'intervalMs' | 'dwellMs' | 'retryMs' | 'actionIntervalMs' | 'actionDeadlineMs'): number =>
    parseDuration(given[key] ?? now[key], `${where}: ${key}`);
  const intervalMs = duration('intervalMs');
  if (intervalMs < SHORTEST_INTERVAL_MS) {
    throw memoryError(
      'ERR_MEMORY_OUT_OF_RANGE',
      `${where}: intervalMs must be at least ${SHORTEST_INTERVAL_MS} ms, got ${intervalMs}`,
    );
  }
  return {
    intervalMs,
    dwellMs: duration('dwellMs'),
    retryMs: duration('retryMs'),
    actionIntervalMs: duration('actionIntervalMs'),
    actionDeadlineMs: duration('actionDeadlineMs'),
    stepRatio: checkStepRatio(`${where}: stepRatio`, given.stepRatio ?? now.stepRatio),
    dryRun: checkBoolean(`${where}: dryRun`, given.dryRun ?? now.dryRun),
  };
}

export interface CheckedOptions {
  readonly settings: CheckedSettings;
  readonly sources: readonly PressureSource[] | null;
  readonly budgets: readonly BudgetUsage[];
  readonly actions: readonly PressureAction[];
  readonly journalEntries: number;
  readonly clock: Clock;
  readonly timers: Timers;
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function checkMonitorOptions(where: string, options: MonitorOptions | undefined): CheckedOptions {
  const keys = [...SETTING_KEYS, 'sources', 'budgets', 'actions', 'journalEntries', 'clock', 'timers'] as const;
  const given = checkOptions<MonitorOptions>(where, options, keys);
  const time = readable(`${where}: clock or timers`, () => ({
    clock: checkClock(where, given.clock),
    timers: checkTimers(where, given.timers),
  }));
  return {
    settings: checkSettings(where, given),
    sources: given.sources === undefined ? null : list(`${where}: sources`, given.sources),
    budgets: list(`${where}: budgets`, given.budgets ?? []),
    actions: list(`${where}: actions`, given.actions ?? []),
    journalEntries: checkInteger(`${where}: journalEntries`, given.journalEntries ?? 256, 1, 100_000),
    ...time,
  };
}

function list<T>(name: string, value: readonly T[]): readonly T[] {
  const copy = readable(name, () => (Array.isArray(value) ? [...value] : null));
  if (copy !== null) return copy;
  throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${name} must be an array, got ${describe(value)}`);
}
