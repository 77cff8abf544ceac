import { AsyncLocalStorage } from 'node:async_hooks';
import { checkBlockAlignment } from '../allocators';
import {
  type ByteSize,
  checkFunction,
  checkOptions,
  checkSignal,
  checkString,
  type Duration,
  describe,
  memoryError,
  parseBytes,
  systemClock,
} from '../core';
import type { Engine } from './engine';
import { checkPriority, type Priority } from './gate';
import { Holders } from './holders';
import { MemoryLease } from './lease';
import { type BudgetWait, leftOf, type WaitingBudget } from './tenants/both-budgets';
import { type RequestOptions, Tenant } from './tenants/tenant';
import { chargeBefore } from './tiers/charge';
import type { Space } from './tiers/space';
import { BLOCK_ALIGNMENT } from './tiers/tier';

/** What holds for the requests of a task: see MemorySystem.run(). What is left out stays as it is outside. */
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

const REQUEST_KEYS = ['priority', 'alignment', 'name'] as const;
const UNNAMED = 'unnamed';

/** Requests as objects, and the context that they are made in. Internal. */
export class Leasing {
  readonly holders = new Holders();
  private readonly engine: Engine;
  /** Made by the first run(): without one no request asks for the async context. */
  private scopes: AsyncLocalStorage<Scope> | null = null;
  private readonly host = {
    viewLeased: (handle: number, byteLength: number) => this.engine.view('MemoryLease.view', handle, byteLength),
    freeLeased: (handle: number, byteLength: number) => this.engine.free('MemoryLease.free', handle, byteLength),
  };

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /** The tenant of the running task. */
  get tenant(): Tenant | undefined {
    return this.scopes?.getStore()?.tenant;
  }

  /**
   * A lease, or the error of what is not to be had now.
   *
   * @param paid bytes that the caller has charged the budget; 0 for none
   */
  lease(
    where: string,
    space: Space,
    size: ByteSize,
    options: RequestOptions | undefined,
    paid: number = 0,
  ): MemoryLease | Error {
    const byteLength = typeof size === 'number' ? size : parseBytes(size, `${where}: size`);
    const scope = this.scopes?.getStore();
    let name = UNNAMED;
    let handle = -1;
    if (options === undefined && scope === undefined && paid === 0)
      handle = this.engine.allocateFast(space, byteLength);
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
    return new MemoryLease(this.host, handle, byteLength, tier, this.holders.of(name, space.name));
  }

  /** As lease(), but waits for its turn at a budget that lets one wait. */
  async acquire(system: Space, size: ByteSize, options: SystemAcquireOptions): Promise<MemoryLease> {
    const where = 'MemorySystem.acquire';
    const keys = [...REQUEST_KEYS, 'deadlineMs', 'signal'] as const;
    const { deadlineMs, signal, ...rest } = checkOptions<SystemAcquireOptions>(where, options, keys);
    checkSignal(`${where}: signal`, signal);
    const scope = this.scopes?.getStore();
    scope?.tenant?.needOpen('acquire');
    const space = scope?.tenant?.space ?? system;
    const byteLength = parseBytes(size, `${where}: size`, { minBytes: 1, maxBytes: 2 ** 52 });
    const budget = space.budget as Partial<WaitingBudget> | null;
    const own = rest.priority === undefined ? undefined : checkPriority(`${where}: priority`, rest.priority);
    this.engine.ready(where);
    const take = (charge: number): MemoryLease | Error => {
      let lease: MemoryLease | Error | undefined;
      try {
        scope?.tenant?.needOpen('acquire'); // it may have closed while this waited
        this.engine.wantedBytes = 0;
        lease = this.lease(where, space, byteLength, rest, charge);
        return lease;
      } finally {
        if (!(lease instanceof MemoryLease)) space.giveBack(charge);
      }
    };
    const alignment = rest.alignment ?? BLOCK_ALIGNMENT;
    let lease: MemoryLease | Error;
    if (typeof budget?.acquire === 'function') {
      checkBlockAlignment(where, alignment);
      const priority = own ?? scope?.priority ?? space.priority;
      const waits = { priority, ...(signal === undefined ? {} : { signal }) };
      const bytes = chargeBefore(byteLength, alignment);
      lease = await this.takeInTurn(space, budget as WaitingBudget, bytes, { deadlineMs, waits }, take);
    } else {
      lease = take(0);
    }
    if (lease instanceof Error) throw lease;
    return lease;
  }

  /** Waits for the bytes; where the block then turns out to take more, for those that it takes. */
  private async takeInTurn(
    space: Space,
    budget: WaitingBudget,
    firstBytes: number,
    { deadlineMs, waits }: { readonly deadlineMs: Duration | undefined; readonly waits: BudgetWait },
    take: (charge: number) => MemoryLease | Error,
  ): Promise<MemoryLease | Error> {
    const sinceMs = systemClock.nowMs();
    let left = deadlineMs;
    for (let bytes = firstBytes; ; ) {
      const reservation = await budget.acquire(bytes, left === undefined ? waits : { ...waits, deadlineMs: left });
      const charge = reservation.claim();
      space.charged(charge);
      const lease = take(charge);
      const { wantedBytes } = this.engine;
      if (!(lease instanceof Error) || wantedBytes <= charge) return lease;
      space.refusals -= 1; // that was none: it waits on, and holds nothing meanwhile
      bytes = wantedBytes;
      left = leftOf(deadlineMs, sinceMs);
    }
  }

  run<T>(tenants: ReadonlyMap<string, Tenant>, context: MemoryContext, work: () => T): T {
    const where = 'MemorySystem.run';
    const given = checkOptions<MemoryContext>(where, context, ['tenant', 'priority', 'name']);
    checkFunction(`${where}: work`, work);
    const outer = this.scopes?.getStore();
    const tenant = typeof given.tenant === 'string' ? tenants.get(given.tenant) : given.tenant;
    if (given.tenant !== undefined && (!(tenant instanceof Tenant) || tenants.get(tenant.name) !== tenant)) {
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
    if (this.engine.state === 'stopped') return work(); // nothing is served any more
    this.scopes ??= new AsyncLocalStorage<Scope>();
    return this.scopes.run(scope, work);
  }

  /** After the end of the system: no context is carried any more. */
  close(): void {
    this.scopes?.disable();
    this.scopes = null;
  }
}
