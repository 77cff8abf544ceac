import type { BlockOptions, CachedProviderOptions, HugePageProviderOptions } from '../../allocators';
import type { ArenaOptions, StreamingArenaOptions, ThreadSafeArenaOptions } from '../../arenas';
import type {
  BudgetAcquireOptions,
  BudgetOptions,
  ChildBudgetOptions,
  ContainerBudgetOptions,
  ReservationOptions,
} from '../../budgets';
import type { MonitorSettings, PressureThresholds, UtilizationSourceOptions } from '../../monitor';
import type { GuardedOptions, PressureLimits, TrackedOptions } from '../../tracking';
import type { SystemOptions } from '../options';
import type { ArenaTierOptions, PoolTierOptions, StackTierOptions, SystemTierOptions } from '../tiers/options';
import { blockStride } from './contradictions';
import { MOST_BLOCKS } from './fields/pool';
import type { ConfigValues } from './table';

/** A word such as `none` as the option that is left out. */
function given<K extends string, T>(key: K, value: T | string): { readonly [P in K]?: T } {
  return (typeof value === 'string' ? {} : { [key]: value }) as { readonly [P in K]?: T };
}

export function mapOptions({ provider }: ConfigValues): HugePageProviderOptions {
  const { carrier, populate, lock, strict } = provider;
  return { carrier, populate, lock, strict };
}

export function cachedOptions({ provider }: ConfigValues): CachedProviderOptions {
  const { maxCachedBytes, decayMs, reuse, zero } = provider;
  return { maxCachedBytes, decayMs: decayMs === 'never' ? null : decayMs, reuse, zero };
}

/** What all allocators share. */
export function commonOptions({ allocator, stats }: ConfigValues) {
  return {
    stats: stats.counters,
    ...given('allocFill', allocator.allocFill),
    ...given('freeFill', allocator.freeFill),
  };
}

export function blockOptions(values: ConfigValues): BlockOptions {
  const { blockBytes, blocks, growBlocks, maxBytes } = values.pool;
  const maxBlocks = Math.min(Math.floor(maxBytes / blockStride(blockBytes)), MOST_BLOCKS);
  return { ...commonOptions(values), blockBytes, blocks, growBlocks, maxBlocks };
}

export function arenaOptions({ arena, stats }: ConfigValues): ArenaOptions {
  const { chunkBytes, growthFactor, maxChunkBytes, limitBytes, alignment, zero, onReset } = arena;
  const sizes = { chunkBytes, growthFactor, maxChunkBytes: Math.max(chunkBytes, maxChunkBytes) };
  return { ...sizes, ...given('limitBytes', limitBytes), alignment, zero, onReset, stats: stats.counters };
}

export function threadSafeArenaOptions({ arena }: ConfigValues): ThreadSafeArenaOptions {
  return { segmentBytes: arena.segmentBytes, alignment: arena.alignment };
}

export function streamingOptions({ arena }: ConfigValues): StreamingArenaOptions {
  return { buffers: arena.buffers, onRelease: arena.onRelease };
}

/** Null where the limit is that of the container. */
export function budgetOptions({ budget }: ConfigValues): BudgetOptions | null {
  const { limitBytes, policy } = budget;
  return limitBytes === 'container' ? null : { limitBytes, policy };
}

export function containerOptions({ budget }: ConfigValues): ContainerBudgetOptions & Pick<BudgetOptions, 'policy'> {
  return { headroomRatio: budget.headroomRatio, policy: budget.policy };
}

export function childBudgetOptions({ budget }: ConfigValues): ChildBudgetOptions {
  const { childLimitBytes, childGuaranteedBytes, childPriority, quantumBytes } = budget;
  return {
    ...given('limitBytes', childLimitBytes),
    guaranteedBytes: childGuaranteedBytes,
    priority: childPriority,
    ...given('quantumBytes', quantumBytes),
  };
}

export function acquireOptions({ budget }: ConfigValues): BudgetAcquireOptions {
  return given('deadlineMs', budget.deadlineMs);
}

export function reservationOptions({ budget }: ConfigValues): ReservationOptions {
  return { mode: budget.reservationMode, ...given('expiresMs', budget.reservationExpiresMs) };
}

export function guardedOptions({ allocator }: ConfigValues): GuardedOptions {
  const { guardBytes, quarantineBytes } = allocator;
  const fills = { ...given('allocatedFill', allocator.allocFill), ...given('freedFill', allocator.freeFill) };
  return { canaryBytes: guardBytes, quarantineBytes, ...fills };
}

export function trackedOptions({ stats }: ConfigValues): TrackedOptions {
  const { level, sampleInterval, stackDepth, maxSites } = stats;
  return { level, sampleInterval, stackDepth, maxSites };
}

/** A word such as `none` as null. */
function orNull(value: number | string): number | null {
  return typeof value === 'string' ? null : value;
}

export function pressureLimits({ allocator, monitor }: ConfigValues): PressureLimits {
  return {
    none: orNull(allocator.maxAllocationBytes),
    low: orNull(monitor.lowMaxBlockBytes),
    medium: orNull(monitor.mediumMaxBlockBytes),
    high: orNull(monitor.highMaxBlockBytes),
    critical: orNull(monitor.criticalMaxBlockBytes),
  };
}

export function pressureThresholds({ monitor }: ConfigValues): PressureThresholds {
  return {
    low: [monitor.lowEnterRatio, monitor.lowLeaveRatio],
    medium: [monitor.mediumEnterRatio, monitor.mediumLeaveRatio],
    high: [monitor.highEnterRatio, monitor.highLeaveRatio],
    critical: [monitor.criticalEnterRatio, monitor.criticalLeaveRatio],
  };
}

export function monitorSettings({ monitor }: ConfigValues): MonitorSettings {
  const { intervalMs, dwellMs, retryMs, actionIntervalMs, actionDeadlineMs, stepRatio, dryRun } = monitor;
  return { intervalMs, dwellMs, retryMs, actionIntervalMs, actionDeadlineMs, stepRatio, dryRun };
}

export function utilizationOptions(values: ConfigValues): UtilizationSourceOptions {
  return { thresholds: pressureThresholds(values), ...given('limitBytes', values.monitor.limitBytes) };
}

export function tierOptions({ system }: ConfigValues): {
  readonly stack: StackTierOptions | false;
  readonly pool: PoolTierOptions | false;
  readonly arena: ArenaTierOptions | false;
  readonly system: SystemTierOptions;
} {
  const { stackUpToBytes, stackBytes, poolUpToBytes, poolBytes, poolMaxBytes, arenaUpToBytes } = system;
  const { arenaBytes, arenas, arenaChunkBytes, arenaRetainBytes, regionMaxBytes } = system;
  return {
    stack: stackUpToBytes === 'off' ? false : { upToBytes: stackUpToBytes, bytes: stackBytes },
    pool: poolUpToBytes === 'off' ? false : { upToBytes: poolUpToBytes, bytes: poolBytes, maxBytes: poolMaxBytes },
    arena:
      arenaUpToBytes === 'off'
        ? false
        : {
            upToBytes: arenaUpToBytes,
            bytes: arenaBytes,
            arenas,
            chunkBytes: arenaChunkBytes,
            retainBytes: arenaRetainBytes,
          },
    system: given('maxBytes', regionMaxBytes),
  };
}

export function admissionOptions({ system }: ConfigValues): Pick<SystemOptions, 'admission' | 'metricsIntervalMs'> {
  const { mediumPriority, highPriority, criticalPriority, metricsIntervalMs } = system;
  return {
    admission: { medium: mediumPriority, high: highPriority, critical: criticalPriority },
    metricsIntervalMs: metricsIntervalMs === 'never' ? 0 : metricsIntervalMs,
  };
}

export function shutdownOptions({ system }: ConfigValues): { readonly deadlineMs: number } {
  return { deadlineMs: system.shutdownDeadlineMs };
}
