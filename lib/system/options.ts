import { type BudgetOptions, MemoryBudget } from '../budgets';
import {
  type BudgetLike,
  checkBudget,
  checkFunction,
  checkOptions,
  checkString,
  checkTimers,
  type Duration,
  describe,
  type MemoryError,
  memoryError,
  PRESSURE_LEVELS,
  type PressureLevel,
  type PressureSignal,
  parseDuration,
  type Timers,
} from '../core';
import type { ReclaimTarget } from '../manager';
import {
  checkLogger,
  checkSerializer,
  checkSink,
  JSON_SERIALIZER,
  type Logger,
  type MetricsSink,
  type Serializer,
} from './extensions/interfaces';
import { checkPlugin, type MemoryPlugin } from './extensions/plugin';
import { type Admission, readAdmission } from './gate';
import { planTiers, type TierOptions, type TierPlans } from './tiers/options';

/** Of a system or tenant: what is registered for it elsewhere, as `name/system` and the like, may have 200 characters. */
export const LONGEST_NAME = 192;

/** What a system needs of a cache: its bytes, and a way to make it smaller. */
export interface CacheLike {
  readonly name: string;
  readonly usedBytes: number;
  /** Drops entries until at most `keepBytes` are used (default 0); returns the bytes that went. */
  trim(keepBytes?: number): number;
}

/** What a system needs of a monitor: MemoryMonitor is one. */
export interface MonitorLike extends PressureSignal {
  /** The largest block that is welcome now. */
  readonly largestAllowedBytes?: number;
  on(
    event: 'change',
    listener: (change: { readonly from: PressureLevel; readonly to: PressureLevel }) => void,
  ): unknown;
  off(
    event: 'change',
    listener: (change: { readonly from: PressureLevel; readonly to: PressureLevel }) => void,
  ): unknown;
  addAction?(action: {
    readonly name: string;
    readonly kind: 'reclaim';
    readonly target: { reclaim(targetBytes: number): number; reclaimableBytes(): number };
  }): () => void;
}

export interface SystemOptions extends TierOptions {
  /** For statistics and errors, 1 to 192 characters. Default 'memory'. */
  readonly name?: string;
  /** What every request is charged to: a budget of yours, which you close, or the options of one. Default: no limit. */
  readonly budget?: BudgetLike | (BudgetOptions & { readonly name?: string });
  /** Tells of pressure; you start and stop it. Default: none. */
  readonly monitor?: MonitorLike;
  /** The least priority that is served at each level of pressure. Default medium 25, high 50, critical 75. */
  readonly admission?: Admission;
  readonly plugins?: readonly MemoryPlugin[];
  readonly caches?: readonly CacheLike[];
  /** Others that can give memory back: providers, pools, arenas. */
  readonly reclaimables?: readonly ReclaimTarget[];
  readonly logger?: Logger;
  readonly metrics?: MetricsSink;
  /** How often metrics are published; 0: only by publish(). Default 10 s. */
  readonly metricsIntervalMs?: Duration;
  /** For snapshot(). Default JSON. */
  readonly serializer?: Serializer;
  /** For tests. */
  readonly timers?: Timers;
}

/** The options with everything checked. */
export interface SystemPlan {
  readonly name: string;
  readonly tiers: TierPlans;
  readonly budget: BudgetLike | null;
  /** Made from options: the system closes it. */
  readonly ownBudget: MemoryBudget | null;
  readonly monitor: MonitorLike | null;
  readonly admission: Readonly<Record<PressureLevel, number>>;
  readonly plugins: readonly MemoryPlugin[];
  readonly caches: readonly CacheLike[];
  readonly reclaimables: readonly ReclaimTarget[];
  readonly logger: Logger | null;
  readonly metrics: MetricsSink | null;
  readonly metricsIntervalMs: number;
  readonly serializer: Serializer;
  readonly timers: Timers;
}

const KEYS = [
  ...(['name', 'stack', 'pool', 'arena', 'system', 'budget', 'monitor', 'admission', 'plugins', 'caches'] as const),
  ...(['reclaimables', 'logger', 'metrics', 'metricsIntervalMs', 'serializer', 'timers'] as const),
];

function invalid(message: string): MemoryError {
  return memoryError('ERR_MEMORY_INVALID_ARGUMENT', message);
}

function listOf<T>(name: string, value: readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return [...value];
  throw invalid(`${name} must be an array, got ${describe(value)}`);
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT */
export function checkCache(where: string, cache: CacheLike): CacheLike {
  const shape = cache as Partial<CacheLike> | null | undefined;
  if (typeof shape !== 'object' || shape === null) throw invalid(`${where} must be an object, got ${describe(cache)}`);
  checkString(`${where}.name`, shape.name, 200);
  checkFunction(`${where}.trim`, shape.trim);
  if (typeof shape.usedBytes === 'number') return cache;
  throw invalid(`${where}.usedBytes must be a number, got ${describe(shape.usedBytes)}`);
}

function checkMonitor(where: string, monitor: MonitorLike | undefined): MonitorLike | null {
  if (monitor === undefined) return null;
  const shape = monitor as Partial<MonitorLike> | null;
  if (typeof shape !== 'object' || shape === null)
    throw invalid(`${where} must be an object, got ${describe(monitor)}`);
  checkFunction(`${where}.on`, shape.on);
  checkFunction(`${where}.off`, shape.off);
  if (PRESSURE_LEVELS.includes(shape.level as PressureLevel)) return monitor;
  throw invalid(`${where}.level must be one of ${PRESSURE_LEVELS.join(', ')}, got ${describe(shape.level)}`);
}

function readBudget(
  where: string,
  budget: SystemOptions['budget'],
): { budget: BudgetLike | null; own: MemoryBudget | null } {
  if (budget === undefined) return { budget: null, own: null };
  if (typeof (budget as Partial<BudgetLike> | null)?.tryReserve === 'function') {
    return { budget: checkBudget(where, budget), own: null };
  }
  if (typeof budget !== 'object' || budget === null) {
    throw invalid(`${where}: budget must be a budget or its options, got ${describe(budget)}`);
  }
  const { name = 'memory', ...options } = budget as BudgetOptions & { readonly name?: string };
  const own = new MemoryBudget(name, options);
  return { budget: own, own };
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT naming the nearest key, ERR_MEMORY_OUT_OF_RANGE */
export function planSystem(where: string, options: SystemOptions | undefined): SystemPlan {
  const given = checkOptions<SystemOptions>(where, options, KEYS);
  const { name = 'memory' } = given;
  const timers = checkTimers(where, given.timers);
  const plan = {
    name: checkString(`${where}: name`, name, LONGEST_NAME),
    tiers: planTiers(where, given),
    monitor: checkMonitor(`${where}: monitor`, given.monitor),
    admission: readAdmission(`${where}: admission`, given.admission),
    plugins: listOf(`${where}: plugins`, given.plugins).map((plugin) => checkPlugin(`${where}: plugins`, plugin)),
    caches: listOf(`${where}: caches`, given.caches).map((cache) => checkCache(`${where}: cache`, cache)),
    reclaimables: listOf(`${where}: reclaimables`, given.reclaimables),
    logger: given.logger === undefined ? null : checkLogger(`${where}: logger`, given.logger),
    metrics: given.metrics === undefined ? null : checkSink(`${where}: metrics`, given.metrics),
    metricsIntervalMs: parseDuration(given.metricsIntervalMs ?? '10s', `${where}: metricsIntervalMs`),
    serializer:
      given.serializer === undefined ? JSON_SERIALIZER : checkSerializer(`${where}: serializer`, given.serializer),
    timers,
  };
  const { budget, own } = readBudget(where, given.budget);
  return { ...plan, budget, ownBudget: own };
}
