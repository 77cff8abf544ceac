import type { SystemStats } from '../report';
import type { MetricsSink } from './interfaces';

const PREFIX = 'nebula_memory_';

/** Turns statistics into a sink's counters and gauges; counters are told as what came since the last time. */
export class MetricsPublisher {
  private readonly sink: MetricsSink;
  private readonly last = new Map<string, number>();

  constructor(sink: MetricsSink) {
    this.sink = sink;
  }

  private counter(name: string, value: number, labels: Readonly<Record<string, string>>): void {
    const key = `${name}|${Object.values(labels).join('|')}`;
    const before = this.last.get(key) ?? 0;
    // One that is smaller began anew: its tenant was made again.
    const delta = value >= before ? value - before : value;
    this.last.set(key, value);
    if (delta > 0) this.sink.counter(PREFIX + name, delta, labels);
  }

  /** @throws what the sink throws */
  publish(stats: SystemStats): void {
    const system = stats.name;
    const spaces = [
      { tenant: '', tiers: stats.tiers },
      ...stats.tenants.map(({ name, tiers }) => ({ tenant: name, tiers })),
    ];
    for (const { tenant, tiers } of spaces) {
      for (const { tier, usedBytes, reservedBytes, liveBlocks, served, fellThrough } of merge(tiers)) {
        const labels = { system, tenant, tier };
        this.sink.gauge(`${PREFIX}used_bytes`, usedBytes, labels);
        this.sink.gauge(`${PREFIX}reserved_bytes`, reservedBytes, labels);
        this.sink.gauge(`${PREFIX}live_blocks`, liveBlocks, labels);
        this.counter('requests_total', served, labels);
        this.counter('fall_throughs_total', fellThrough, labels);
      }
    }
    this.counter('refusals_total', stats.refusals, { system, reason: 'budget' });
    this.counter('refusals_total', stats.shed, { system, reason: 'pressure' });
    this.counter('refusals_total', stats.failures, { system, reason: 'room' });
    this.counter('reclaimed_bytes_total', stats.reclaimer.freedBytes, { system });
    for (const { name, usedBytes } of stats.caches)
      if (usedBytes !== null) this.sink.gauge(`${PREFIX}cache_bytes`, usedBytes, { system, cache: name });
    const { budget } = stats;
    if (budget?.usedBytes != null) this.sink.gauge(`${PREFIX}budget_used_bytes`, budget.usedBytes, { system });
    if (budget?.limitBytes != null) this.sink.gauge(`${PREFIX}budget_limit_bytes`, budget.limitBytes, { system });
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
