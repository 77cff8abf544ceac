import { ignoreFailure } from '../../core';
import type { SystemStats } from '../report';
import type { MetricsSink } from './interfaces';

const PREFIX = 'nebula_memory_';

type Labels = Readonly<Record<string, string>>;

/**
 * Turns statistics into a sink's counters and gauges; counters are told as what came since the last time. What the sink
 * throws for is told again with the next.
 */
export class MetricsPublisher {
  private readonly sink: MetricsSink;
  /** What the sink knows of each counter, by tenant; the system's own stand under ''. */
  private readonly told = new Map<string, Map<string, number>>();
  /** Of the round under way. */
  private failed: (error: unknown) => void = () => {};

  constructor(sink: MetricsSink) {
    this.sink = sink;
  }

  /** A tenant that was closed: one of the same name counts from 0. */
  forget(tenant: string): void {
    this.told.delete(tenant);
  }

  private counter(name: string, value: number, labels: Labels, tenant: string = ''): void {
    let told = this.told.get(tenant);
    if (told === undefined) {
      told = new Map();
      this.told.set(tenant, told);
    }
    const known = told;
    const key = `${name}|${Object.values(labels).join('|')}`;
    const delta = value - (known.get(key) ?? 0);
    if (delta <= 0) return;
    const { failed } = this;
    const answer: unknown = this.sink.counter(PREFIX + name, delta, labels);
    known.set(key, value);
    ignoreFailure(answer, (error) => {
      known.set(key, (known.get(key) ?? 0) - delta);
      failed(error);
    });
  }

  private gauge(name: string, value: number, labels: Labels): void {
    ignoreFailure(this.sink.gauge(PREFIX + name, value, labels), this.failed);
  }

  /**
   * @param failed told of the first promise of the sink that fails
   * @throws what the sink throws
   */
  publish(stats: SystemStats, failed: (error: unknown) => void): void {
    let failures = 0;
    this.failed = (error) => {
      failures += 1;
      if (failures === 1) failed(error);
    };
    const system = stats.name;
    const spaces = [
      { tenant: '', tiers: stats.tiers },
      ...stats.tenants.map(({ name, tiers }) => ({ tenant: name, tiers })),
    ];
    for (const { tenant, tiers } of spaces) {
      for (const { tier, usedBytes, reservedBytes, liveBlocks, served, fellThrough } of merge(tiers)) {
        const labels = { system, tenant, tier };
        this.gauge('used_bytes', usedBytes, labels);
        this.gauge('reserved_bytes', reservedBytes, labels);
        this.gauge('live_blocks', liveBlocks, labels);
        this.counter('requests_total', served, labels, tenant);
        this.counter('fall_throughs_total', fellThrough, labels, tenant);
      }
    }
    this.counter('refusals_total', stats.refusals, { system, reason: 'budget' });
    this.counter('refusals_total', stats.shed, { system, reason: 'pressure' });
    this.counter('refusals_total', stats.failures, { system, reason: 'room' });
    this.counter('reclaimed_bytes_total', stats.reclaimer.freedBytes, { system });
    for (const { name, usedBytes } of stats.caches)
      if (usedBytes !== null) this.gauge('cache_bytes', usedBytes, { system, cache: name });
    const { budget } = stats;
    if (budget?.usedBytes != null) this.gauge('budget_used_bytes', budget.usedBytes, { system });
    if (budget?.limitBytes != null) this.gauge('budget_limit_bytes', budget.limitBytes, { system });
  }
}

/** One row a tier: pools of one block size are counted with the pool. */
function merge(tiers: SystemStats['tiers']): SystemStats['tiers'] {
  const rows = new Map<string, SystemStats['tiers'][number]>();
  for (const tier of tiers) {
    const row = rows.get(tier.tier);
    rows.set(
      tier.tier,
      row === undefined
        ? tier
        : {
            ...row,
            usedBytes: row.usedBytes + tier.usedBytes,
            reservedBytes: row.reservedBytes + tier.reservedBytes,
            liveBlocks: row.liveBlocks + tier.liveBlocks,
            served: row.served + tier.served,
            fellThrough: row.fellThrough + tier.fellThrough,
          },
    );
  }
  return [...rows.values()];
}
