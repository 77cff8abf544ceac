import { type ConfigPath, type MemoryConfig, MemorySystem, type TierName, type TierStats } from '../../../lib/system';
import type { Probe } from './probe';

type SystemPath = Extract<ConfigPath, `system.${string}`>;
type Parts = Parameters<MemoryConfig['toSystemOptions']>[0];

const KIB = 1024;
const MIB = 1024 * KIB;

function withSystem<T>(config: MemoryConfig, work: (system: MemorySystem) => T, parts?: Parts): T {
  using system = new MemorySystem(config.toSystemOptions(parts));
  return work(system);
}

function tierOf(config: MemoryConfig, bytes: number): TierName {
  return withSystem(config, (system) => {
    using lease = system.request(bytes);
    return lease.tier;
  });
}

/** What a tier tells while requests of these sizes are held. */
function holding<T>(config: MemoryConfig, tier: TierName, sizes: readonly number[], look: (stats: TierStats) => T): T {
  return withSystem(config, (system) => {
    const leases = sizes.map((size) => system.tryRequest(size));
    const stats = system.stats().tiers.find((one) => one.tier === tier) as TierStats;
    for (const lease of leases) lease?.free();
    return look(stats);
  });
}

/** Whether a request of a priority is served at a level. */
function served(config: MemoryConfig, level: 'medium' | 'high' | 'critical', priority: number): boolean {
  const monitor = { level, on: () => {}, off: () => {} };
  const work = (system: MemorySystem): boolean => {
    using lease = system.tryRequest(100, { priority });
    return lease !== null;
  };
  return withSystem(config, work, { monitor });
}

/** How long the timers were asked to wait, of a system that publishes and is shut down while a block is held. */
function timed(config: MemoryConfig): number[] {
  const delays: number[] = [];
  const timers = { start: (_: () => void, delayMs: number) => delays.push(delayMs), stop: () => {} };
  const metrics = { gauge: () => {}, counter: () => {} };
  const work = (system: MemorySystem): void => {
    const lease = system.request(100);
    const ended = system.shutdown(config.toShutdownOptions());
    lease.free();
    ended.catch(() => {});
  };
  withSystem(config, work, { timers, metrics });
  return delays;
}

export const SYSTEM_PROBES: Readonly<Record<SystemPath, Probe>> = {
  'system.stackUpToBytes': { sample: '4KiB', see: (config) => tierOf(config, 3 * KIB), seen: 'stack' },
  'system.stackBytes': {
    sample: '64KiB',
    see: (config) => holding(config, 'stack', Array(100).fill(KIB), ({ fellThrough }) => fellThrough > 0),
    seen: true,
  },
  'system.poolUpToBytes': { sample: '1MiB', see: (config) => tierOf(config, 2 * MIB), seen: 'arena' },
  'system.poolBytes': {
    sample: '16MiB',
    see: (config) => holding(config, 'pool', [9 * MIB, 9 * MIB], ({ allocators }) => allocators),
    seen: 2,
  },
  'system.poolMaxBytes': {
    sample: '64MiB',
    see: (config) => holding(config, 'pool', Array(8).fill(9 * MIB), ({ allocators }) => allocators),
    seen: 1,
  },
  'system.arenaUpToBytes': { sample: '20MiB', see: (config) => tierOf(config, 30 * MIB), seen: 'system' },
  'system.arenaBytes': {
    sample: '64MiB',
    see: (config) => holding(config, 'arena', [40 * MIB, 40 * MIB], ({ allocators }) => allocators),
    seen: 2,
  },
  'system.arenas': {
    sample: 1,
    beside: { system: { arenaBytes: '64MiB' } },
    see: (config) => holding(config, 'arena', [40 * MIB, 40 * MIB], ({ allocators }) => allocators),
    seen: 1,
  },
  'system.arenaChunkBytes': {
    sample: '32MiB',
    see: (config) => holding(config, 'arena', [11 * MIB], ({ reservedBytes }) => reservedBytes),
    seen: 32 * MIB,
  },
  'system.arenaRetainBytes': {
    sample: 0,
    see: (config) =>
      withSystem(config, (system) => {
        system.request(11 * MIB).free();
        return system.stats().tiers.find(({ tier }) => tier === 'arena')?.reservedBytes;
      }),
    seen: 0,
  },
  'system.regionMaxBytes': {
    sample: '150MiB',
    see: (config) => withSystem(config, (system) => [system.tryRequest(120 * MIB), system.tryRequest(120 * MIB)][1]),
    seen: null,
  },
  'system.mediumPriority': { sample: 40, see: (config) => served(config, 'medium', 30), seen: false },
  'system.highPriority': { sample: 70, see: (config) => served(config, 'high', 60), seen: false },
  'system.criticalPriority': { sample: 90, see: (config) => served(config, 'critical', 80), seen: false },
  'system.metricsIntervalMs': { sample: '3s', see: (config) => timed(config).includes(3000), seen: true },
  'system.shutdownDeadlineMs': { sample: '3s', see: (config) => timed(config).includes(3000), seen: true },
};
