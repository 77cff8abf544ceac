import type { CachedProviderOptions } from '../../allocators';
import { type ContainerBudgetOptions, MemoryBudget } from '../../budgets';
import type { BudgetLike, PressureSignal, RegionProvider } from '../../core';
import type { AdaptorDescription, AllocatorDescription, ProviderChoice, ProviderDescription } from '../../manager';
import {
  BudgetSource,
  type BudgetUsage,
  defaultSources,
  HeapSource,
  type MonitorOptions,
  type PressureSource,
  UtilizationSource,
} from '../../monitor';
import type { Region } from '../../platform';
import type { SystemOptions } from '../options';
import type { TierOptions } from '../tiers/options';
import * as options from './options';
import type { ConfigValues } from './table';

/** What a provider may need beside its configuration. */
export interface ConfigProviderParts extends Pick<CachedProviderOptions, 'clock' | 'timer'> {
  /** Charged for what is mapped, kept regions included. */
  readonly budget?: BudgetLike;
}

/** What an allocator may need beside its configuration. */
export interface ConfigAllocatorParts {
  /** Default: that of the configuration. */
  readonly provider?: ProviderChoice;
  /** Limits large blocks while memory is short; a MemoryMonitor is one. Default: it never is. */
  readonly signal?: PressureSignal;
}

export function describeProvider(values: ConfigValues, parts: ConfigProviderParts = {}): ProviderDescription {
  const { pages, maxCachedBytes } = values.provider;
  const { budget, ...timing } = parts;
  const charged = budget === undefined ? {} : { budget };
  const isHuge = pages === '2MiB' || pages === '1GiB';
  const kind = isHuge ? 'hugePage' : 'page';
  const base = { kind, ...(pages === 'default' ? {} : { pages }), ...options.mapOptions(values) };
  if (maxCachedBytes === 0) return { ...base, ...charged };
  return { ...base, cached: { ...options.cachedOptions(values), ...charged, ...timing } };
}

export function describeAllocator(values: ConfigValues, parts: ConfigAllocatorParts = {}): AllocatorDescription {
  const provider = parts.provider ?? describeProvider(values);
  return { ...plain(values), provider, adaptors: adaptorsOf(values, parts.signal) };
}

function plain(values: ConfigValues): AllocatorDescription {
  const { kind, capacityBytes, exactFrees } = values.allocator;
  const common = { kind, ...options.commonOptions(values) };
  switch (kind) {
    case 'block':
      return { kind, ...options.blockOptions(values) };
    case 'heap':
      return { ...common, bytes: capacityBytes, exactSizes: exactFrees };
    case 'bump':
      return { ...common, bytes: capacityBytes, exactFrees };
    default:
      return { ...common, bytes: capacityBytes };
  }
}

function adaptorsOf(values: ConfigValues, signal: PressureSignal | undefined): AdaptorDescription[] {
  const { allocator, stats } = values;
  const isLimited = signal !== undefined || allocator.maxAllocationBytes !== 'none';
  const limits = options.pressureLimits(values);
  return [
    ...(allocator.guard ? [{ kind: 'guarded', ...options.guardedOptions(values) }] : []),
    ...(isLimited ? [{ kind: 'monitored', signal: signal ?? { level: 'none' }, limits }] : []),
    ...(stats.level === 'off' ? [] : [{ kind: 'tracked', ...options.trackedOptions(values) }]),
  ];
}

/** The root budget. `machine` is for tests: what is read of the container. */
export function buildBudget(
  values: ConfigValues,
  name: string,
  machine: Omit<ContainerBudgetOptions, 'headroomRatio'> = {},
): MemoryBudget {
  const own = options.budgetOptions(values);
  if (own !== null) return new MemoryBudget(name, own);
  return MemoryBudget.forContainer({ ...options.containerOptions(values), ...machine });
}

/** What a monitor may need beside its configuration. */
export interface ConfigMonitorParts extends Pick<MonitorOptions, 'actions' | 'clock' | 'timers'> {
  /** Budgets to watch beside the machine, with the same thresholds. */
  readonly budgets?: readonly BudgetUsage[];
  /** Default: those of the machine, with the thresholds of the configuration. */
  readonly sources?: readonly PressureSource[];
}

/** The sources that a monitor has by itself, with the configuration's thresholds where they measure a share. */
function sourcesOf(values: ConfigValues): PressureSource[] {
  const thresholds = options.pressureThresholds(values);
  return defaultSources().map((source) => {
    if (source instanceof UtilizationSource) return new UtilizationSource(options.utilizationOptions(values));
    return source instanceof HeapSource ? new HeapSource({ thresholds }) : source;
  });
}

export function monitorOptions(values: ConfigValues, parts: ConfigMonitorParts = {}): MonitorOptions {
  const { budgets = [], sources = sourcesOf(values), ...rest } = parts;
  const thresholds = options.pressureThresholds(values);
  return {
    ...options.monitorSettings(values),
    journalEntries: values.monitor.journalEntries,
    sources: [...sources, ...budgets.map((budget) => new BudgetSource(budget, { thresholds }))],
    ...rest,
  };
}

/** What a MemorySystem may need beside its configuration: its other options, and a provider for all tiers. */
export interface ConfigSystemParts extends Omit<SystemOptions, keyof TierOptions | 'admission' | 'metricsIntervalMs'> {
  readonly provider?: RegionProvider<Region>;
}

export function systemOptions(values: ConfigValues, parts: ConfigSystemParts = {}): SystemOptions {
  const { provider, ...rest } = parts;
  const from = provider === undefined ? {} : { provider };
  const { stack, pool, arena, system } = options.tierOptions(values);
  // Pressure is the system's own matter: it asks its monitor before it asks a heap.
  const adaptors = adaptorsOf(values, undefined);
  return {
    stack,
    pool: pool === false ? false : { ...pool, ...from, adaptors },
    arena: arena === false ? false : { ...arena, ...from },
    system: { ...system, ...from },
    ...options.admissionOptions(values),
    ...rest,
  };
}
