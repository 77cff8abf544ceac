import type { PressureLevel } from '../core';
import type { Reclaimer, ReclaimingBudget } from '../manager';
import type { Engine } from './engine';
import { wordsOf } from './extensions/hooks';
import { MetricsPublisher } from './extensions/metrics';
import type { SystemPlan } from './options';
import type { SystemStats } from './report';

/** Ends what connect() began, newest first; everything is tried. */
type Undo = () => void;

/** What a running system is connected to: monitor, budget, caches, metrics. Internal. */
export class Wiring {
  private readonly plan: SystemPlan;
  private readonly engine: Engine;
  private readonly reclaimer: Reclaimer;
  private readonly tiers: { idleBytes(): number; trim(): number };
  private readonly stats: () => SystemStats;
  private readonly publisher: MetricsPublisher | null;
  private undo: Undo[] = [];
  private timer: unknown = null;

  constructor(
    plan: SystemPlan,
    engine: Engine,
    reclaimer: Reclaimer,
    tiers: { idleBytes(): number; trim(): number },
    stats: () => SystemStats,
  ) {
    this.plan = plan;
    this.engine = engine;
    this.reclaimer = reclaimer;
    this.tiers = tiers;
    this.stats = stats;
    this.publisher = plan.metrics === null ? null : new MetricsPublisher(plan.metrics);
  }

  /** @throws what a target, budget or monitor throws, with everything undone */
  connect(): void {
    try {
      this.connectTargets();
      this.connectBudget();
      this.connectMonitor();
    } catch (error) {
      this.disconnect();
      throw error;
    }
    this.arm();
  }

  private connectTargets(): void {
    const { plan, reclaimer, tiers } = this;
    const target = {
      reclaimableBytes: () => tiers.idleBytes(),
      reclaim: () => tiers.trim(),
    };
    this.undo.push(reclaimer.register(target, { name: 'tiers', priority: 10, forBudgets: false }));
    for (const other of [...plan.reclaimables, ...plan.caches]) this.undo.push(reclaimer.register(other));
    this.undo.push(
      reclaimer.listen(({ reason, freedBytes }) => {
        this.engine.hooks.log('info', { reason, freedBytes }, 'memory was reclaimed');
        this.engine.hooks.emit({ kind: 'trim', reason, freedBytes });
      }),
    );
  }

  private connectBudget(): void {
    const budget = this.plan.budget as Partial<ReclaimingBudget> | null;
    if (typeof budget?.addReclaimer !== 'function') return;
    this.undo.push(this.reclaimer.attachBudget(budget as ReclaimingBudget));
  }

  private connectMonitor(): void {
    const { monitor, name } = this.plan;
    if (monitor === null) return;
    const listener = ({ to }: { readonly to: PressureLevel }): void => this.engine.setPressure(to);
    monitor.on('change', listener);
    this.undo.push(() => void monitor.off('change', listener));
    const { largestAllowedBytes } = monitor;
    if (largestAllowedBytes !== undefined) {
      this.engine.setLimiter(monitor as { readonly largestAllowedBytes: number });
      this.undo.push(() => this.engine.setLimiter(null));
    }
    if (typeof monitor.addAction === 'function') {
      this.undo.push(this.reclaimer.attachMonitor(monitor as Required<typeof monitor>, { name: `system ${name}` }));
    }
    this.engine.setPressure(monitor.level);
  }

  private arm(): void {
    const { metricsIntervalMs, timers } = this.plan;
    if (this.publisher === null || metricsIntervalMs === 0) return;
    this.timer = timers.start(() => {
      this.timer = null;
      this.publish();
      this.arm();
    }, metricsIntervalMs);
  }

  /** Hands the statistics to the metrics sink. False without one, or when it threw. */
  publish(): boolean {
    if (this.publisher === null) return false;
    try {
      this.publisher.publish(this.stats());
      return true;
    } catch (error) {
      this.engine.hooks.log('warn', { error: wordsOf(error) }, 'metrics could not be published');
      return false;
    }
  }

  /** May be called again. */
  disconnect(): void {
    if (this.timer !== null) this.plan.timers.stop(this.timer);
    this.timer = null;
    for (const step of this.undo.splice(0).reverse()) {
      try {
        step();
      } catch (error) {
        this.engine.hooks.log('warn', { error: wordsOf(error) }, 'a part could not be disconnected');
      }
    }
  }
}
