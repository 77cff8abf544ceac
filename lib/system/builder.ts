import type { BudgetOptions } from '../budgets';
import { type BudgetLike, type Duration, describe, memoryError, type Timers } from '../core';
import type { ReclaimTarget } from '../manager';
import type { Logger, MetricsSink, Serializer } from './extensions/interfaces';
import type { MemoryPlugin } from './extensions/plugin';
import type { Admission } from './gate';
import type { CacheLike, MonitorLike, SystemOptions } from './options';
import type { ArenaTierOptions, PoolTierOptions, StackTierOptions, SystemTierOptions } from './tiers/options';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Gathers the options of a system one by one. Each of them once, but for caches, plugins and reclaimables. */
export class SystemBuilder<S> {
  private readonly make: (options: SystemOptions) => S;
  private readonly options: Writable<SystemOptions> = {};

  /** Internal: made by MemorySystem.builder(). */
  constructor(make: (options: SystemOptions) => S) {
    this.make = make;
  }

  private set<K extends keyof SystemOptions>(key: K, value: SystemOptions[K]): this {
    if (this.options[key] !== undefined) {
      throw memoryError(
        'ERR_MEMORY_INVALID_ARGUMENT',
        `MemorySystem.builder: ${key} was given before, now ${describe(value)}`,
      );
    }
    this.options[key] = value;
    return this;
  }

  withName(name: string): this {
    return this.set('name', name);
  }

  /** False leaves the tier out, here and below. */
  withStack(options: StackTierOptions | false = {}): this {
    return this.set('stack', options);
  }

  withPool(options: PoolTierOptions | false = {}): this {
    return this.set('pool', options);
  }

  withArena(options: ArenaTierOptions | false = {}): this {
    return this.set('arena', options);
  }

  withSystem(options: SystemTierOptions | false = {}): this {
    return this.set('system', options);
  }

  withBudget(budget: BudgetLike | (BudgetOptions & { readonly name?: string })): this {
    return this.set('budget', budget);
  }

  withMonitor(monitor: MonitorLike): this {
    return this.set('monitor', monitor);
  }

  withAdmission(admission: Admission): this {
    return this.set('admission', admission);
  }

  withLogger(logger: Logger): this {
    return this.set('logger', logger);
  }

  withMetrics(sink: MetricsSink, intervalMs?: Duration): this {
    if (intervalMs !== undefined) this.set('metricsIntervalMs', intervalMs);
    return this.set('metrics', sink);
  }

  withSerializer(serializer: Serializer): this {
    return this.set('serializer', serializer);
  }

  withTimers(timers: Timers): this {
    return this.set('timers', timers);
  }

  /** Adds a cache that is made smaller when memory is short. */
  withCache(cache: CacheLike): this {
    this.options.caches = [...(this.options.caches ?? []), cache];
    return this;
  }

  /** Adds a plugin behind those before it. */
  withPlugin(plugin: MemoryPlugin): this {
    this.options.plugins = [...(this.options.plugins ?? []), plugin];
    return this;
  }

  /** Adds somebody else who can give memory back. */
  withReclaimable(target: ReclaimTarget): this {
    this.options.reclaimables = [...(this.options.reclaimables ?? []), target];
    return this;
  }

  /** @throws as `new MemorySystem(options)` */
  build(): S {
    return this.make(this.options);
  }
}
