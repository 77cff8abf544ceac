import type { PressureLevel } from '../../../lib/core';
import { AllocatorFactory } from '../../../lib/manager';
import {
  type CallAction,
  ManualSource,
  MemoryMonitor,
  type PressureAction,
  type PressureSource,
  UtilizationSource,
} from '../../../lib/monitor';
import type { ConfigPath, MemoryConfig } from '../../../lib/system/config';
import type { Probe } from './probe';

type MonitorPath = Extract<ConfigPath, `monitor.${string}`>;

interface Running {
  readonly monitor: MemoryMonitor;
  readonly manual: ManualSource;
  /** Lets time pass and reads. */
  readonly after: (ms: number) => PressureLevel;
  readonly delays: readonly number[];
}

/** A monitor of the configuration under pressure `high`, with a clock of its own. */
function running<T>(
  config: MemoryConfig,
  parts: { readonly action?: PressureAction; readonly source?: PressureSource },
  work: (running: Running) => T,
): T {
  let nowMs = 0;
  const delays: number[] = [];
  const manual = new ManualSource();
  using monitor = new MemoryMonitor(
    config.toMonitorOptions({
      sources: [manual, ...(parts.source === undefined ? [] : [parts.source])],
      actions: parts.action === undefined ? [] : [parts.action],
      clock: { nowMs: () => nowMs },
      timers: { start: (_, delayMs) => delays.push(delayMs), stop: () => {} },
    }),
  );
  manual.set('high');
  monitor.start();
  const after = (ms: number): PressureLevel => {
    nowMs += ms;
    return monitor.poll();
  };
  return work({ monitor, manual, after, delays });
}

/** An action that counts how often it is asked. */
function counting(answer?: Promise<unknown>): { readonly action: CallAction; count: number } {
  const counter = {
    count: 0,
    action: {
      name: 'count',
      kind: 'call' as const,
      from: 'low' as const,
      run: () => {
        counter.count += 1;
        return answer;
      },
    },
  };
  return counter;
}

/** The level of a budget that is used so far, step by step, under the thresholds of the configuration. */
function levelAfter(config: MemoryConfig, ...shares: number[]): PressureLevel | undefined {
  const budget = { name: 'images', usedBytes: 0, limitBytes: 1000 };
  const [source] = config.toMonitorOptions({ sources: [], budgets: [budget] }).sources ?? [];
  let level: PressureLevel | undefined;
  for (const share of shares) {
    budget.usedBytes = share * 1000;
    level = source?.read(0).level;
  }
  return level;
}

function threshold(sample: number, shares: readonly number[], seen: PressureLevel): Probe {
  return { sample, see: (config) => levelAfter(config, ...shares), seen };
}

function largestBlock(level: PressureLevel): Probe {
  const see = (config: MemoryConfig): number => {
    using factory = new AllocatorFactory();
    const allocator = factory.create(config.toAllocatorDescription({ signal: { level } }));
    const offset = allocator.tryAllocate(3000);
    allocator[Symbol.dispose]();
    return offset;
  };
  return { sample: '2KiB', see, seen: -1 };
}

export const MONITOR_PROBES: Readonly<Record<MonitorPath, Probe>> = {
  'monitor.intervalMs': {
    sample: '3s',
    see: (config) => running(config, {}, ({ delays }) => delays.at(-1)),
    seen: 3000,
  },
  'monitor.dwellMs': {
    sample: '2s',
    see: (config) =>
      running(config, {}, ({ manual, after }) => {
        manual.set('none');
        after(10);
        return after(2500);
      }),
    seen: 'none',
  },
  'monitor.retryMs': {
    sample: '3s',
    see: (config) => {
      let reads = 0;
      const source: PressureSource = {
        name: 'broken',
        read: () => {
          reads += 1;
          throw new Error('gone');
        },
      };
      return running(config, { source }, ({ after }) => [after(3500), reads][1]);
    },
    seen: 2,
  },
  'monitor.actionIntervalMs': {
    sample: '3s',
    see: (config) => {
      const counter = counting();
      return running(config, counter, ({ after }) => [after(2000), counter.count][1]);
    },
    seen: 1,
  },
  'monitor.actionDeadlineMs': {
    sample: '3s',
    see: (config) =>
      running(config, counting(new Promise(() => {})), ({ monitor, after }) => {
        after(4000);
        return monitor.journal().some(({ outcome }) => outcome === 'unanswered');
      }),
    seen: true,
  },
  'monitor.stepRatio': {
    sample: 0.5,
    see: (config) => {
      let asked = 0;
      const target = { reclaimableBytes: () => 1000, reclaim: (bytes: number) => (asked = bytes) };
      return running(config, { action: { name: 'reclaim', kind: 'reclaim', target } }, () => asked);
    },
    seen: 500,
  },
  'monitor.dryRun': {
    sample: true,
    see: (config) => {
      const counter = counting();
      return running(config, counter, () => counter.count);
    },
    seen: 0,
  },
  'monitor.journalEntries': {
    sample: 3,
    see: (config) =>
      running(config, counting(), ({ monitor, after }) => {
        for (let step = 0; step < 8; step += 1) after(2000);
        return monitor.journal().length;
      }),
    seen: 3,
  },
  'monitor.limitBytes': {
    sample: '1TiB',
    see: (config) => {
      const source = config.toMonitorOptions().sources?.find((one) => one instanceof UtilizationSource);
      return source?.read(0).detail.includes(`of ${2 ** 40} bytes (limitBytes)`);
    },
    seen: true,
  },
  'monitor.lowEnterRatio': threshold(0.68, [0.69], 'low'),
  'monitor.lowLeaveRatio': threshold(0.5, [0.72, 0.6], 'low'),
  'monitor.mediumEnterRatio': threshold(0.78, [0.79], 'medium'),
  'monitor.mediumLeaveRatio': threshold(0.7, [0.81, 0.72], 'medium'),
  'monitor.highEnterRatio': threshold(0.87, [0.88], 'high'),
  'monitor.highLeaveRatio': threshold(0.8, [0.91, 0.82], 'high'),
  'monitor.criticalEnterRatio': threshold(0.93, [0.94], 'critical'),
  'monitor.criticalLeaveRatio': threshold(0.87, [0.96, 0.9], 'critical'),
  'monitor.lowMaxBlockBytes': largestBlock('low'),
  'monitor.mediumMaxBlockBytes': largestBlock('medium'),
  'monitor.highMaxBlockBytes': largestBlock('high'),
  'monitor.criticalMaxBlockBytes': { ...largestBlock('critical') },
};
