import { AsyncLocalStorage } from 'node:async_hooks';
import type { Reservation } from '../budgets';
import {
  type BudgetLike,
  type ByteSize,
  checkBoolean,
  checkFunction,
  checkOptions,
  checkSignal,
  checkString,
  type Duration,
  describe,
  disposeAll,
  type MemoryUsage,
  memoryError,
  type PressureLevel,
  parseBytes,
  parseDuration,
} from '../core';
import { AllocatorFactory, AllocatorManager, Reclaimer } from '../manager';
import { SystemBuilder } from './builder';
import { Draining, stillHeld } from './draining';
import { Engine } from './engine';
import { Hooks } from './extensions/hooks';
import { JSON_SERIALIZER, type Serializer } from './extensions/interfaces';
import type { MemoryPlugin, SystemEvent, SystemEventKind, SystemState } from './extensions/plugin';
import { checkPriority, NORMAL, type Priority } from './gate';
import { Holders } from './holders';
import { MemoryLease } from './lease';
import { planSystem, type SystemOptions, type SystemPlan } from './options';
import { budgetReport, healthOf, type SystemHealth, type SystemStats } from './report';
import { readSnapshot, type SystemSnapshot, snapshotOf } from './snapshot';
import { type RequestOptions, Tenant, type TenantHost, type TenantOptions } from './tenants/tenant';
import { chargeOf } from './tiers/charge';
import { tierPlans } from './tiers/plans';
import { Space } from './tiers/space';
import { BLOCK_ALIGNMENT } from './tiers/tier';
import { Wiring } from './wiring';

/** What holds for the requests of a task: see {@link MemorySystem.run}. What is left out stays as it is outside. */
export interface MemoryContext {
  readonly tenant?: Tenant | string;
  readonly priority?: Priority;
  /** Label of its leases. */
  readonly name?: string;
}

interface Scope {
  readonly tenant: Tenant | undefined;
  readonly priority: number | undefined;
  readonly name: string | undefined;
}

export interface SystemAcquireOptions extends RequestOptions {
  /** How long to wait for the budget, at most. Default: without end. */
  readonly deadlineMs?: Duration;
  readonly signal?: AbortSignal;
}

export interface ShutdownOptions {
  /** How long to wait for what is held. Default 10 s; 0 does not wait. */
  readonly deadlineMs?: Duration;
  /** End at the deadline, whatever is held: views of it have length 0 then. Default false. */
  readonly force?: boolean;
}

/** A budget that lets one wait. */
type WaitingBudget = BudgetLike & {
  acquire(
    bytes: number,
    options: Omit<SystemAcquireOptions, 'alignment' | 'name' | 'priority'> & { priority: number },
  ): Promise<Reservation>;
};

const REQUEST_KEYS = ['priority', 'alignment', 'name'] as const;
const UNNAMED = 'unnamed';
/** How long plugins may take to shut down. */
const HOOK_DEADLINE_MS = 5000;

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
  private readonly holders = new Holders();
  private readonly tenants_ = new Map<string, Tenant>();
  private scopes: AsyncLocalStorage<Scope> | null = null;
  private draining: Draining | null = null;
  private ending: Promise<void> | null = null;
  private failuresSeen = 0;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE; maps nothing yet */
  constructor(options?: SystemOptions) {
    const plan = planSystem('MemorySystem', options);
    this.plan = plan;
    this.name = plan.name;
    this.budget = plan.budget;
    this.manager = new AllocatorManager(plan.name);
    this.reclaimer = new Reclaimer({ name: plan.name });
    this.hooks = new Hooks(plan.logger, () => this.engine?.update());
    this.engine = new Engine(this.manager, this.reclaimer, this.hooks, plan.admission, () => void this.start());
    this.space = new Space('', tierPlans(plan.tiers, this.factory), this.manager, plan.budget, NORMAL);
    const tiers = { idleBytes: () => this.idleBytes(), trim: () => this.trimTiers() };
    this.wiring = new Wiring(plan, this.engine, this.reclaimer, tiers, () => this.stats());
    this.host = {
      engine: this.engine,
      factory: this.factory,
      lease: (where, space, size, given) => this.lease(where, space, size, given),
      runIn: (tenant, work) => this.run({ tenant }, work),
      forget: (tenant) => {
        this.engine.removeSpace(tenant.space);
        this.tenants_.delete(tenant.name);
        this.draining?.recount();
      },
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
    const tenant = this.scopes?.getStore()?.tenant;
    if (tenant !== undefined) return tenant.request(size, options);
    const lease = this.lease('MemorySystem.request', this.space, size, options);
    if (lease instanceof Error) throw lease;
    return lease;
  }

  /** As request(), but null where there is no room now. */
  tryRequest(size: ByteSize, options?: RequestOptions): MemoryLease | null {
    const tenant = this.scopes?.getStore()?.tenant;
    if (tenant !== undefined) return tenant.tryRequest(size, options);
    const lease = this.lease('MemorySystem.tryRequest', this.space, size, options);
    return lease instanceof Error ? null : lease;
  }

  /**
   * As request(), but waits for its turn at the budget. Without a budget that lets one wait it does not.
   *
   * @throws as request(), and ERR_MEMORY_TIMEOUT, ERR_MEMORY_ABORTED
   */
  async acquire(size: ByteSize, options: SystemAcquireOptions = {}): Promise<MemoryLease> {
    const where = 'MemorySystem.acquire';
    const { deadlineMs, signal, ...rest } = checkOptions<SystemAcquireOptions>(where, options, [
      ...REQUEST_KEYS,
      'deadlineMs',
      'signal',
    ]);
    checkSignal(`${where}: signal`, signal);
    const scope = this.scopes?.getStore();
    const space = scope?.tenant?.space ?? this.space;
    const budget = space.budget as Partial<WaitingBudget> | null;
    const byteLength = parseBytes(size, `${where}: size`, { minBytes: 1, maxBytes: 2 ** 52 });
    if (typeof budget?.acquire !== 'function') return this.request(byteLength, rest);
    const given = { ...(deadlineMs === undefined ? {} : { deadlineMs }), ...(signal === undefined ? {} : { signal }) };
    const priority =
      rest.priority === undefined ? (scope?.priority ?? space.priority) : checkPriority(where, rest.priority);
    const charge = chargeOf(byteLength);
    const reservation = await budget.acquire(charge, { ...given, priority });
    reservation.claim();
    space.charged(charge);
    let lease: MemoryLease | Error | undefined;
    try {
      lease = this.lease(where, space, byteLength, rest, true);
    } finally {
      if (!(lease instanceof MemoryLease)) space.giveBack(charge);
    }
    if (lease instanceof Error) throw lease;
    return lease;
  }

  private lease(
    where: string,
    space: Space,
    size: ByteSize,
    options: RequestOptions | undefined,
    paid: boolean = false,
  ): MemoryLease | Error {
    const byteLength = typeof size === 'number' ? size : parseBytes(size, `${where}: size`);
    const scope = this.scopes?.getStore();
    let name = UNNAMED;
    let handle = -1;
    if (options === undefined && scope === undefined && !paid) handle = this.engine.allocateFast(space, byteLength);
    if (handle === -1) {
      const given = checkOptions<RequestOptions>(where, options, REQUEST_KEYS);
      const own = given.priority === undefined ? undefined : checkPriority(`${where}: priority`, given.priority);
      const priority = own ?? scope?.priority ?? space.priority;
      name = given.name === undefined ? (scope?.name ?? UNNAMED) : checkString(`${where}: name`, given.name, 200);
      const result = this.engine.serve(where, space, byteLength, given.alignment ?? BLOCK_ALIGNMENT, priority, paid);
      if (typeof result !== 'number') return result;
      handle = result;
    }
    const tier = this.engine.tierOf(where, handle).name;
    return new MemoryLease(this.leases, handle, byteLength, tier, this.holders.of(name, space.name));
  }

  private readonly leases = {
    viewLeased: (handle: number, byteLength: number) => this.engine.view('MemoryLease.view', handle, byteLength),
    freeLeased: (handle: number, byteLength: number) => this.engine.free('MemoryLease.free', handle, byteLength),
  };

  /**
   * A block of the system's own as a number: the fast form. Free it with its size.
   *
   * @throws as request()
   */
  allocate(byteLength: number): number {
    return this.engine.allocate('MemorySystem.allocate', this.space, byteLength);
  }

  /** As allocate(), but -1 where there is no room now. */
  tryAllocate(byteLength: number): number {
    return this.engine.tryAllocate('MemorySystem.tryAllocate', this.space, byteLength);
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
   * @throws ERR_MEMORY_INVALID_ARGUMENT for a name that is taken, ERR_MEMORY_BUDGET_EXCEEDED for more than the system's budget has
   *   left, ERR_MEMORY_INVALID_STATE inside of a hook and once draining
   */
  tenant(name: string, options: TenantOptions): Tenant {
    const where = 'MemorySystem.tenant';
    this.hooks.needQuiet(where);
    checkString(`${where}: name`, name, 200);
    if (this.tenants_.has(name)) {
      throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: there is a tenant '${name}' already`);
    }
    if (this.state === 'created') this.start();
    if (this.state !== 'running') {
      throw memoryError('ERR_MEMORY_INVALID_STATE', `${where}: the memory system is ${this.state}`);
    }
    const tenant = new Tenant(this.host, this.space, name, options);
    this.tenants_.set(name, tenant);
    this.engine.addSpace(tenant.space);
    return tenant;
  }

  /** A tenant by its name; undefined for none. */
  getTenant(name: string): Tenant | undefined {
    return this.tenants_.get(name);
  }

  /** In the order of their making. */
  tenants(): Tenant[] {
    return [...this.tenants_.values()];
  }

  /**
   * Runs a function, and everything asynchronous that it starts, in a context: its tenant serves request(), tryRequest() and
   * acquire(), its priority and name count where they are given none. The number form is not concerned.
   *
   * @returns what the function returns
   */
  run<T>(context: MemoryContext, work: () => T): T {
    const where = 'MemorySystem.run';
    const given = checkOptions<MemoryContext>(where, context, ['tenant', 'priority', 'name']);
    checkFunction(`${where}: work`, work);
    const outer = this.scopes?.getStore();
    const tenant = typeof given.tenant === 'string' ? this.tenants_.get(given.tenant) : given.tenant;
    if (given.tenant !== undefined && (!(tenant instanceof Tenant) || this.tenants_.get(tenant.name) !== tenant)) {
      throw memoryError(
        'ERR_MEMORY_INVALID_ARGUMENT',
        `${where}: there is no such tenant here, got ${describe(given.tenant)}`,
      );
    }
    const scope: Scope = {
      tenant: tenant ?? outer?.tenant,
      priority: given.priority === undefined ? outer?.priority : checkPriority(`${where}: priority`, given.priority),
      name: given.name === undefined ? outer?.name : checkString(`${where}: name`, given.name, 200),
    };
    this.scopes ??= new AsyncLocalStorage<Scope>();
    return this.scopes.run(scope, work);
  }

  // ---- extensions ------------------------------------------------------------------------------------------------

  /** Adds a plugin behind those that are there; of a system that runs its onInit is called now. @throws ERR_MEMORY_INVALID_STATE */
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
    this.hooks.needQuiet('MemorySystem.start');
    if (this.state === 'running') return this;
    if (this.state !== 'created') {
      throw memoryError(
        'ERR_MEMORY_INVALID_STATE',
        `MemorySystem.start: it is ${this.state}, and does not begin again`,
      );
    }
    this.space.open();
    try {
      this.wiring.connect();
    } catch (error) {
      this.space.close();
      throw error;
    }
    this.hooks.call('onInit', Object.freeze({ name: this.name }));
    this.engine.setState('running');
    return this;
  }

  /** Takes no more requests; resolves when nothing is held any more. Frees go on. */
  drain(): Promise<void> {
    this.hooks.needQuiet('MemorySystem.drain');
    return this.beginDraining()
      .wait(this.plan.timers, null)
      .then(() => {});
  }

  private beginDraining(): Draining {
    if (this.state === 'created' || this.state === 'running') this.engine.setState('draining');
    this.draining ??= new Draining(() => this.liveBlocks());
    this.engine.onFree ??= () => this.draining?.note();
    return this.draining;
  }

  /**
   * Drains, waits for what is held, and ends: everything goes back to the system. A second call joins the first. The timer
   * of the deadline does not keep the process alive.
   *
   * @throws ERR_MEMORY_TIMEOUT naming who holds what at the deadline: it goes on draining, and can be shut down again;
   *   ERR_MEMORY_IN_USE for pinned memory
   */
  shutdown(options?: ShutdownOptions): Promise<void> {
    const where = 'MemorySystem.shutdown';
    this.hooks.needQuiet(where);
    const given = checkOptions<ShutdownOptions>(where, options, ['deadlineMs', 'force']);
    const deadlineMs = parseDuration(given.deadlineMs ?? '10s', `${where}: deadlineMs`);
    const force = given.force !== undefined && checkBoolean(`${where}: force`, given.force);
    this.ending ??= this.end(deadlineMs, force).finally(() => {
      this.ending = null;
    });
    return this.ending;
  }

  private async end(deadlineMs: number, force: boolean): Promise<void> {
    if (this.state === 'stopped') return;
    const empty = await this.beginDraining().wait(this.plan.timers, deadlineMs);
    if (this.hasStopped()) return; // disposed meanwhile
    if (!empty && !force) {
      const error = stillHeld(this.name, deadlineMs, this.holders.list(), this.spaceReports());
      this.hooks.log('error', { held: this.holders.list() }, error.message);
      throw error;
    }
    await this.settlePlugins();
    if (!this.hasStopped()) this.close();
  }

  private hasStopped(): boolean {
    return this.state === 'stopped';
  }

  private async settlePlugins(): Promise<void> {
    const { timers } = this.plan;
    let timer: unknown = null;
    const late = new Promise<void>((resolve) => {
      timer = timers.start(() => {
        this.hooks.log('warn', { afterMs: HOOK_DEADLINE_MS }, 'a plugin did not shut down in time');
        resolve();
      }, HOOK_DEADLINE_MS);
    });
    await Promise.race([this.hooks.settle('onShutdown'), late]);
    timers.stop(timer);
  }

  /** Ends at once, whatever is held: views of it have length 0 then. May be called again. */
  [Symbol.dispose](): void {
    if (this.state === 'stopped') return;
    this.hooks.needQuiet('MemorySystem.dispose');
    this.beginDraining();
    this.hooks.call('onShutdown');
    this.close();
  }

  /** Alias of disposal, for code without `using`. */
  dispose(): void {
    this[Symbol.dispose]();
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
    this.engine.setState('stopped');
    this.draining?.recount();
  }

  // ---- what it is ------------------------------------------------------------------------------------------------

  private spaces(): Space[] {
    return [this.space, ...this.tenants().map(({ space }) => space)];
  }

  private liveBlocks(): number {
    return this.spaces().reduce((sum, space) => sum + space.liveBlocks, 0);
  }

  private idleBytes(): number {
    return this.spaces().reduce((sum, space) => sum + space.idleBytes(), 0);
  }

  private trimTiers(): number {
    return this.spaces().reduce((sum, space) => sum + space.trim(), 0);
  }

  private spaceReports(): { name: string; blocks: number; bytes: number }[] {
    return this.spaces().flatMap((space) =>
      [...space.tiers, ...space.classes].map((tier) => {
        const { liveBlocks, usedBytes } = tier.stats();
        const name = space.name === '' ? `tier ${tier.name}` : `tenant '${space.name}', tier ${tier.name}`;
        return { name, blocks: liveBlocks, bytes: usedBytes };
      }),
    );
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
    const spaces = this.spaces();
    const sum = (read: (space: Space) => number): number => spaces.reduce((total, space) => total + read(space), 0);
    return Object.freeze({
      name: this.name,
      state: this.state,
      pressure: this.pressure,
      tiers: Object.freeze([...this.space.tiers, ...this.space.classes].map((tier) => tier.stats())),
      tenants: Object.freeze(this.tenants().map((tenant) => tenant.stats())),
      budget: budgetReport(this.budget),
      caches: Object.freeze(this.plan.caches.map(({ name, usedBytes }) => ({ name, usedBytes }))),
      chargedBytes: this.space.chargedBytes,
      owedBytes: sum((space) => space.owedBytes),
      liveBlocks: sum((space) => space.liveBlocks),
      refusals: sum((space) => space.refusals),
      shed: this.engine.shed,
      failures: sum((space) => space.failures),
      holders: Object.freeze(this.holders.list()),
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
