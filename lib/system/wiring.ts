import { type PressureLevel, stopTimer } from '../core';
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

  /** @throws what a target, budget, monitor or timer throws, with everything undone */
  connect(): void {
    try {
      this.connectTargets();
      this.connectBudget();
      this.connectMonitor();
      this.arm();
    } catch (error) {
      this.disconnect();
      throw error;
    }
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
    const timer = timers.start(() => {
      if (this.timer !== timer) return; // could not be stopped
      this.timer = null;
      this.publish();
      try {
        this.arm();
      } catch (error) {
        this.engine.hooks.log('warn', { error: wordsOf(error) }, 'metrics are published no more at their interval');
      }
    }, metricsIntervalMs);
    this.timer = timer;
  }

  /** Hands the statistics to the metrics sink. False without one, or when it threw. */
  publish(): boolean {
    if (this.publisher === null) return false;
    const failed = (error: unknown): void =>
      this.engine.hooks.log('warn', { error: wordsOf(error) }, 'metrics could not be published');
    try {
      this.publisher.publish(this.stats(), failed);
      return true;
    } catch (error) {
      failed(error);
      return false;
    }
  }

  /** A tenant was closed: nothing of it is kept for the metrics. */
  forget(tenant: string): void {
    this.publisher?.forget(tenant);
  }

  /** May be called again. */
  disconnect(): void {
    const { timer } = this;
    this.timer = null;
    if (timer !== null) stopTimer(this.plan.timers, timer);
    for (const step of this.undo.splice(0).reverse()) {
      try {
        step();
      } catch (error) {
        this.engine.hooks.log('warn', { error: wordsOf(error) }, 'a part could not be disconnected');
      }
    }
  }
}
