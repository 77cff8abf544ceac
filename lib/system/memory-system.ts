import type { BudgetLike, ByteSize, MemoryUsage, PressureLevel } from '../core';
import { checkBoolean, checkOptions, checkString, disposeAll, memoryError } from '../core';
import { AllocatorFactory, AllocatorManager, Reclaimer } from '../manager';
import { SystemBuilder } from './builder';
import { Engine } from './engine';
import { Hooks } from './extensions/hooks';
import { JSON_SERIALIZER, type Serializer } from './extensions/interfaces';
import type { MemoryPlugin, SystemEvent, SystemEventKind, SystemState } from './extensions/plugin';
import { NORMAL } from './gate';
import type { MemoryLease } from './lease';
import { Leasing, type MemoryContext, type SystemAcquireOptions } from './leasing';
import { Life, type LifeHost, type ShutdownOptions } from './life';
import { LONGEST_NAME, planSystem, type SystemOptions, type SystemPlan } from './options';
import { budgetReport, bytesOf, healthOf, type SystemHealth, type SystemStats } from './report';
import { readSnapshot, type SystemSnapshot, snapshotOf } from './snapshot';
import { type RequestOptions, Tenant, type TenantHost, type TenantOptions } from './tenants/tenant';
import { tierPlans } from './tiers/plans';
import { Space } from './tiers/space';
import { sumOfAll } from './tiers/tier';
import { Wiring } from './wiring';

/**
 * The memory of a service in one object: requests of any size go to the allocator that fits them, after the budget was
 * asked; pressure, plugins, tenants and an orderly end are part of it. Belongs to one thread; each worker makes its own.
 *
 * Sizes choose the tier: a stack, pools, arenas, the system; a full tier passes the request on. Blocks are aligned to 16 bytes
 * and hold what was there before.
 */
export class MemorySystem implements MemoryUsage, Disposable {
  readonly name: string;
  /** What requests are charged to; null without a limit. */
  readonly budget: BudgetLike | null;
  /** Where further targets can be registered: pools, caches, providers. */
  readonly reclaimer: Reclaimer;
  private readonly plan: SystemPlan;
  private readonly manager: AllocatorManager;
  private readonly factory = new AllocatorFactory();
  private readonly hooks: Hooks;
  private readonly engine: Engine;
  private readonly space: Space;
  private readonly wiring: Wiring;
  private readonly host: TenantHost;
  private readonly leasing: Leasing;
  private readonly life: Life;
  private readonly byName = new Map<string, Tenant>();
  private failuresSeen = 0;
  /** Counts of tenants that were closed: the system's own go on. */
  private readonly departed = { refusals: 0, failures: 0 };

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE; maps nothing yet */
  constructor(options?: SystemOptions) {
    const plan = planSystem('MemorySystem', options);
    this.plan = plan;
    this.name = plan.name;
    this.budget = plan.budget;
    this.manager = new AllocatorManager(plan.name);
    this.reclaimer = new Reclaimer({ name: plan.name });
    this.hooks = new Hooks(plan.logger, () => this.engine?.update());
    this.engine = new Engine(this.manager, this.reclaimer, this.hooks, plan.admission, () => this.life.start());
    this.space = new Space('', tierPlans(plan.tiers, this.factory), this.manager, plan.budget, NORMAL);
    const tiers = { idleBytes: () => this.sum((space) => space.idleBytes()), trim: () => this.trimTiers() };
    this.wiring = new Wiring(plan, this.engine, this.reclaimer, tiers, () => this.stats());
    this.leasing = new Leasing(this.engine);
    this.life = new Life(this.lifeHost(), this.engine, plan.timers);
    this.host = {
      engine: this.engine,
      factory: this.factory,
      lease: (where, space, size, given) => this.leasing.lease(where, space, size, given),
      runIn: (tenant, work) => this.run({ tenant }, work),
      forget: (tenant) => this.forget(tenant),
    };
    this.engine.addSpace(this.space);
    for (const plugin of plan.plugins) this.hooks.add('MemorySystem: plugins', plugin);
  }

  /** `MemorySystem.builder().withPool().withBudget({ limitBytes: '1GiB' }).build()`: the options one by one. */
  static builder(): SystemBuilder<MemorySystem> {
    return new SystemBuilder((options) => new MemorySystem(options));
  }

  // ---- requests --------------------------------------------------------------------------------------------------

  /**
   * A block as an object that gives itself back. Inside of run() it is the tenant's. The first request starts the system.
   *
   * @throws ERR_MEMORY_BUDGET_EXCEEDED, ERR_MEMORY_OUT_OF_MEMORY under pressure or where no tier has room,
   *   ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_INVALID_ALIGNMENT, ERR_MEMORY_INVALID_STATE while
   *   draining and inside of hooks, ERR_MEMORY_CLOSED
   */
  request(size: ByteSize, options?: RequestOptions): MemoryLease {
    const { tenant } = this.leasing;
    if (tenant !== undefined) return tenant.request(size, options);
    const lease = this.leasing.lease('MemorySystem.request', this.space, size, options);
    if (lease instanceof Error) throw lease;
    return lease;
  }

  /** As request(), but null where there is no room now. */
  tryRequest(size: ByteSize, options?: RequestOptions): MemoryLease | null {
    const { tenant } = this.leasing;
    if (tenant !== undefined) return tenant.tryRequest(size, options);
    const lease = this.leasing.lease('MemorySystem.tryRequest', this.space, size, options);
    return lease instanceof Error ? null : lease;
  }

  /**
   * As request(), but waits for its turn at the budget. Without a budget that lets one wait it does not.
   *
   * @throws as request(), and ERR_MEMORY_TIMEOUT, ERR_MEMORY_ABORTED
   */
  acquire(size: ByteSize, options: SystemAcquireOptions = {}): Promise<MemoryLease> {
    return this.leasing.acquire(this.space, size, options);
  }

  /**
   * A block of the system's own as a number: the fast form. Free it with its size.
   *
   * @throws as request()
   */
  allocate(byteLength: number): number {
    const handle = this.engine.allocateFast(this.space, byteLength);
    return handle === -1 ? this.engine.allocate('MemorySystem.allocate', this.space, byteLength) : handle;
  }

  /** As allocate(), but -1 where there is no room now. */
  tryAllocate(byteLength: number): number {
    const handle = this.engine.allocateFast(this.space, byteLength);
    return handle === -1 ? this.engine.tryAllocate('MemorySystem.tryAllocate', this.space, byteLength) : handle;
  }

  /**
   * Gives a block back, a tenant's as well. A size of the same class passes in the pools, and is accounted for exactly.
   *
   * @throws ERR_MEMORY_DOUBLE_FREE, ERR_MEMORY_FOREIGN_FREE, ERR_MEMORY_STALE_HANDLE after the tenant or the system ended,
   *   ERR_MEMORY_INVALID_ARGUMENT for a wrong size: nothing has changed then
   */
  free(handle: number, byteLength: number): void {
    this.engine.free('MemorySystem.free', handle, byteLength);
  }

  /** A window over a block or its first bytes. @throws as free(), and ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_FREED */
  view(handle: number, byteLength: number): Uint8Array {
    return this.engine.view('MemorySystem.view', handle, byteLength);
  }

  // ---- tenants and context ---------------------------------------------------------------------------------------

  /**
   * Makes a tenant: a limit, a heap and regions of its own.
   *
   * @param name 1 to 192 characters
   * @throws ERR_MEMORY_INVALID_ARGUMENT for a name that is taken, ERR_MEMORY_BUDGET_EXCEEDED for more than the system's budget has
   *   left, ERR_MEMORY_INVALID_STATE inside of a hook and once draining
   */
  tenant(name: string, options: TenantOptions): Tenant {
    const where = 'MemorySystem.tenant';
    this.hooks.needQuiet(where);
    checkString(`${where}: name`, name, LONGEST_NAME);
    if (this.byName.has(name)) {
      throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: there is a tenant '${name}' already`);
    }
    if (this.state === 'created') this.start();
    if (this.state !== 'running') {
      throw memoryError('ERR_MEMORY_INVALID_STATE', `${where}: the memory system is ${this.state}`);
    }
    const tenant = new Tenant(this.host, this.space, name, options);
    this.byName.set(name, tenant);
    this.engine.addSpace(tenant.space);
    return tenant;
  }

  private forget(tenant: Tenant): void {
    const { name, space } = tenant;
    if (this.byName.get(name) !== tenant) return; // a second close() after one that failed
    this.engine.removeSpace(space);
    this.byName.delete(name);
    this.departed.refusals += space.refusals;
    this.departed.failures += space.failures;
    this.wiring.forget(name);
    this.leasing.holders.drop(name);
    this.life.recount();
  }

  /** A tenant by its name; undefined for none. */
  getTenant(name: string): Tenant | undefined {
    return this.byName.get(name);
  }

  /** In the order of their making. */
  tenants(): Tenant[] {
    return [...this.byName.values()];
  }

  /**
   * Runs a function, and everything asynchronous that it starts, in a context: its tenant serves request(), tryRequest() and
   * acquire(), its priority and name count where they are given none. The number form is not concerned.
   *
   * @returns what the function returns
   */
  run<T>(context: MemoryContext, work: () => T): T {
    return this.leasing.run(this.byName, context, work);
  }

  // ---- extensions ------------------------------------------------------------------------------------------------

  /** Adds a plugin behind those that are there. @throws ERR_MEMORY_INVALID_STATE once the system was started, ERR_MEMORY_INVALID_ARGUMENT */
  use(plugin: MemoryPlugin): this {
    this.hooks.needQuiet('MemorySystem.use');
    if (this.state !== 'created') {
      throw memoryError(
        'ERR_MEMORY_INVALID_STATE',
        `MemorySystem.use: plugins are added before start(), it is ${this.state}`,
      );
    }
    this.hooks.add('MemorySystem.use', plugin);
    return this;
  }

  /** Calls a function for every event, or those of some kinds; returns the function that ends it. @throws ERR_MEMORY_INVALID_STATE */
  observe(listener: (event: SystemEvent) => void, kinds?: readonly SystemEventKind[]): () => void {
    this.hooks.needQuiet('MemorySystem.observe');
    return this.hooks.observe('MemorySystem.observe', listener, kinds);
  }

  // ---- life ------------------------------------------------------------------------------------------------------

  get state(): SystemState {
    return this.engine.state;
  }

  /** As the monitor said last. */
  get pressure(): PressureLevel {
    return this.engine.level;
  }

  /** Maps the first memory, connects budget and monitor, and begins to serve; twice does nothing. @throws ERR_MEMORY_INVALID_STATE */
  start(): this {
    this.life.start();
    return this;
  }

  /** Takes no more requests; resolves when nothing is held any more. Frees go on. */
  drain(): Promise<void> {
    return this.life.drain();
  }

  /**
   * Drains, waits for what is held, and ends: everything goes back to the system. A second call joins the first. The timer
   * of the deadline does not keep the process alive.
   *
   * @throws ERR_MEMORY_TIMEOUT naming who holds what at the deadline: it goes on draining, and can be shut down again;
   *   ERR_MEMORY_IN_USE for pinned memory
   */
  shutdown(options?: ShutdownOptions): Promise<void> {
    return this.life.shutdown(options);
  }

  /** Ends at once, whatever is held: views of it have length 0 then. May be called again. */
  [Symbol.dispose](): void {
    this.life.dispose();
  }

  /** Alias of disposal, for code without `using`. */
  dispose(): void {
    this[Symbol.dispose]();
  }

  private lifeHost(): LifeHost {
    return {
      name: this.name,
      open: () => this.open(),
      close: () => this.close(),
      liveBlocks: () => this.sum((space) => space.liveBlocks),
      holders: () => this.leasing.holders.list(),
      spaces: () => this.spaces().flatMap((space) => space.reports()),
    };
  }

  private open(): void {
    this.space.open();
    try {
      this.wiring.connect();
    } catch (error) {
      this.space.close();
      throw error;
    }
  }

  private close(): void {
    this.wiring.publish();
    this.wiring.disconnect();
    const step = (work: () => void): Disposable => ({ [Symbol.dispose]: work });
    // Last to first: a tenant's budget lies below the system's, its memory came through the factory.
    disposeAll([
      this.factory,
      step(() => this.plan.ownBudget?.close()),
      step(() => this.space.close()),
      ...this.tenants(),
    ]);
    this.manager.dispose();
    this.leasing.close();
  }

  // ---- what it is ------------------------------------------------------------------------------------------------

  private spaces(): Space[] {
    return [this.space, ...this.tenants().map(({ space }) => space)];
  }

  private sum(read: (space: Space) => number): number {
    return this.spaces().reduce((total, space) => total + read(space), 0);
  }

  private trimTiers(): number {
    return sumOfAll(this.spaces(), (space) => space.trim());
  }

  /** Bytes handed out by all tiers and tenants, with rounding. */
  get usedBytes(): number {
    return this.manager.usedBytes;
  }

  /** The budget's limit, or null without one. */
  get capacityBytes(): number | null {
    return budgetReport(this.budget)?.limitBytes ?? null;
  }

  /**
   * Gives memory that nobody uses back to the operating system: free pages of the tiers and tenants, idle arenas. With `caches`
   * also what the caches and the other reclaimables can give.
   *
   * @returns the bytes
   * @throws ERR_MEMORY_IN_USE for a free heap that is pinned, and what a provider throws: the others have given back then
   */
  trim(options?: { readonly caches?: boolean }): number {
    this.hooks.needQuiet('MemorySystem.trim');
    const given = checkOptions<{ readonly caches?: boolean }>('MemorySystem.trim', options, ['caches']);
    if (given.caches !== undefined && checkBoolean('MemorySystem.trim: caches', given.caches)) {
      return this.reclaimer.reclaim(Number.POSITIVE_INFINITY, 'trim');
    }
    const freedBytes = this.trimTiers();
    this.hooks.emit({ kind: 'trim', reason: 'trim', freedBytes });
    return freedBytes;
  }

  stats(): SystemStats {
    return Object.freeze({
      name: this.name,
      state: this.state,
      pressure: this.pressure,
      tiers: Object.freeze([...this.space.tiers, ...this.space.classes].map((tier) => tier.stats())),
      tenants: Object.freeze(this.tenants().map((tenant) => tenant.stats())),
      budget: budgetReport(this.budget),
      caches: Object.freeze(
        this.plan.caches.map((cache) => ({ name: cache.name, usedBytes: bytesOf(() => cache.usedBytes) })),
      ),
      chargedBytes: this.space.chargedBytes,
      owedBytes: this.sum((space) => space.owedBytes),
      liveBlocks: this.sum((space) => space.liveBlocks),
      refusals: this.departed.refusals + this.sum((space) => space.refusals),
      shed: this.engine.shed,
      failures: this.departed.failures + this.sum((space) => space.failures),
      holders: Object.freeze(this.leasing.holders.list()),
      ...this.hooks.stats(),
      reclaimer: this.reclaimer.stats(),
      total: this.manager.stats().total,
    });
  }

  /** Whether it can serve, and what is wrong. Requests without room count since the last call. */
  health(): SystemHealth {
    const stats = this.stats();
    const fresh = stats.failures - this.failuresSeen;
    this.failuresSeen = stats.failures;
    return healthOf(stats, fresh);
  }

  /** Hands the numbers to the metrics sink now. False without one, or when it threw. */
  publish(): boolean {
    return this.wiring.publish();
  }

  /** Its statistics as the serializer writes them. @throws what the serializer throws */
  snapshot(): string | Uint8Array {
    return this.plan.serializer.serialize(snapshotOf(this.stats()));
  }

  /** Reads what snapshot() wrote. @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_UNSUPPORTED for another version */
  static readSnapshot(data: string | Uint8Array, serializer: Serializer = JSON_SERIALIZER): SystemSnapshot {
    return readSnapshot(data, serializer);
  }
}
