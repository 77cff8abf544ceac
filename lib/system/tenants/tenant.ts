import { PageProvider } from '../../allocators';
import type { MemoryBudget } from '../../budgets';
import {
  type ByteSize,
  checkBoolean,
  checkOptions,
  formatBytes,
  type MemoryUsage,
  memoryError,
  parseBytes,
  type RegionProvider,
} from '../../core';
import type { AdaptorDescription, AllocatorFactory } from '../../manager';
import type { Region } from '../../platform';
import type { Engine } from '../engine';
import { checkPriority, NORMAL, type Priority } from '../gate';
import type { MemoryLease } from '../lease';
import { heapTier, regionTier } from '../tiers/plans';
import { Space } from '../tiers/space';
import type { TierStats } from '../tiers/tier';
import { tenantBudget } from './budget';

export interface TenantOptions {
  /** The most that it may hold. */
  readonly limitBytes: ByteSize;
  /** Memory of its heap; larger requests and what does not fit get a region each. Default: the limit, at most 64 MiB. */
  readonly bytes?: ByteSize;
  /** Pages around its memory that end the process when native code runs over into them. Default false. */
  readonly guardPages?: boolean;
  /** Bytes of the system's budget that are its own whatever the others do. Default 0. */
  readonly guaranteedBytes?: ByteSize;
  /** Of its requests where they name none. Default normal. */
  readonly priority?: Priority;
  readonly provider?: RegionProvider<Region>;
  /** A preset of its HeapAllocator. */
  readonly preset?: string;
  /** Adaptors around its heap, as AllocatorFactory knows them. */
  readonly adaptors?: readonly AdaptorDescription[];
}

export interface TenantStats {
  readonly name: string;
  readonly limitBytes: number;
  /** Charged to its budget. */
  readonly usedBytes: number;
  readonly liveBlocks: number;
  readonly priority: number;
  readonly guardPages: boolean;
  readonly refusals: number;
  readonly failures: number;
  readonly tiers: readonly TierStats[];
}

export interface RequestOptions {
  /** Low ones are refused first under pressure. Default: the tenant's, or normal. */
  readonly priority?: Priority;
  /** A power of two to 4096. Default 16. */
  readonly alignment?: number;
  /** Who holds it, for statistics and for shutdown(). Few different ones: not an id of each request. */
  readonly name?: string;
}

/** What a tenant needs of its system. Internal. */
export interface TenantHost {
  readonly engine: Engine;
  readonly factory: AllocatorFactory;
  lease(where: string, space: Space, size: ByteSize, options: RequestOptions | undefined): MemoryLease | Error;
  runIn<T>(tenant: Tenant, work: () => T): T;
  forget(tenant: Tenant): void;
}

const LEAST_HEAP = 64 * 1024;
const DEFAULT_HEAP = 64 * 2 ** 20;

/**
 * A part of a service with memory and a limit of its own: what it asks for, loses or corrupts comes out of its share. Made by
 * {@link MemorySystem.tenant}; belongs to the thread of its system.
 */
export class Tenant implements MemoryUsage, Disposable {
  readonly name: string;
  /** Its limit; also for what is no request. */
  readonly budget: MemoryBudget;
  readonly guardPages: boolean;
  private readonly host: TenantHost;
  /** @internal */
  readonly space: Space;
  private readonly endWaits: () => void;
  private closed = false;
  private ended = false;

  /** Internal: made by tenant() of a system. */
  constructor(host: TenantHost, system: Space, name: string, options: TenantOptions) {
    const where = 'MemorySystem.tenant';
    const given = checkOptions<TenantOptions>(where, options, [
      ...([
        'limitBytes',
        'bytes',
        'guardPages',
        'guaranteedBytes',
        'priority',
        'provider',
        'preset',
        'adaptors',
      ] as const),
    ]);
    const limitBytes = parseBytes(given.limitBytes, `${where}: limitBytes`, { minBytes: 1 });
    const guaranteed = parseBytes(given.guaranteedBytes ?? 0, `${where}: guaranteedBytes`, { maxBytes: limitBytes });
    const most = Math.max(LEAST_HEAP, Math.min(limitBytes, DEFAULT_HEAP));
    const bytes = parseBytes(given.bytes ?? most, `${where}: bytes`, { minBytes: LEAST_HEAP });
    this.guardPages = given.guardPages !== undefined && checkBoolean(`${where}: guardPages`, given.guardPages);
    if (this.guardPages && given.provider !== undefined) {
      throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: guardPages and provider exclude each other`, {
        hint: 'Give the provider guard pages: new PageProvider({ guard: true }).',
      });
    }
    const priority = checkPriority(`${where}: priority`, given.priority ?? NORMAL);
    const provider = this.guardPages ? new PageProvider({ guard: true }) : given.provider;
    this.host = host;
    this.name = name;
    const { charged, own, endWaits } = tenantBudget(system.budget, name, limitBytes, guaranteed);
    this.budget = own;
    this.endWaits = endWaits;
    const plan = {
      bytes,
      upToBytes: bytes,
      maxHeaps: 1,
      classes: [],
      provider,
      preset: given.preset,
      adaptors: given.adaptors ?? [],
    };
    const main = [heapTier(plan, host.factory), regionTier({ maxBytes: undefined, provider })];
    this.space = new Space(name, { main, classes: [] }, host.engine.manager, charged, priority);
    try {
      this.space.open();
    } catch (error) {
      own.close();
      throw error;
    }
  }

  get priority(): number {
    return this.space.priority;
  }

  /** As MemorySystem.request(), of this tenant's memory. */
  request(size: ByteSize, options?: RequestOptions): MemoryLease {
    this.needOpen('request');
    const lease = this.host.lease('Tenant.request', this.space, size, options);
    if (lease instanceof Error) throw lease;
    return lease;
  }

  /** As request(), but null where there is no room. */
  tryRequest(size: ByteSize, options?: RequestOptions): MemoryLease | null {
    this.needOpen('tryRequest');
    const lease = this.host.lease('Tenant.tryRequest', this.space, size, options);
    return lease instanceof Error ? null : lease;
  }

  /** As MemorySystem.allocate(), of this tenant's memory. */
  allocate(byteLength: number): number {
    if (this.closed) this.needOpen('allocate');
    const handle = this.host.engine.allocateFast(this.space, byteLength);
    return handle === -1 ? this.host.engine.allocate('Tenant.allocate', this.space, byteLength) : handle;
  }

  /** As allocate(), but -1 where there is no room. */
  tryAllocate(byteLength: number): number {
    if (this.closed) this.needOpen('tryAllocate');
    const handle = this.host.engine.allocateFast(this.space, byteLength);
    return handle === -1 ? this.host.engine.tryAllocate('Tenant.tryAllocate', this.space, byteLength) : handle;
  }

  /** Gives a block of this tenant back. @throws ERR_MEMORY_FOREIGN_FREE for another's, and as MemorySystem.free() */
  free(handle: number, byteLength: number): void {
    this.needOwn('free', handle);
    this.host.engine.free('Tenant.free', handle, byteLength);
  }

  /** A window over a block of this tenant. @throws ERR_MEMORY_FOREIGN_FREE for another's */
  view(handle: number, byteLength: number): Uint8Array {
    this.needOwn('view', handle);
    return this.host.engine.view('Tenant.view', handle, byteLength);
  }

  /** Runs a function, and everything asynchronous that it starts, with this as the tenant of `system.request()`. */
  run<T>(work: () => T): T {
    this.needOpen('run');
    return this.host.runIn(this, work);
  }

  /** Charged to its budget, and with it to the system's. */
  get usedBytes(): number {
    return this.space.chargedBytes;
  }

  get capacityBytes(): number {
    return this.budget.limitBytes;
  }

  stats(): TenantStats {
    return Object.freeze({
      name: this.name,
      limitBytes: this.budget.limitBytes,
      usedBytes: this.space.chargedBytes,
      liveBlocks: this.space.liveBlocks,
      priority: this.space.priority,
      guardPages: this.guardPages,
      refusals: this.space.refusals,
      failures: this.space.failures,
      tiers: Object.freeze(this.space.tiers.map((tier) => tier.stats())),
    });
  }

  /**
   * Ends it: its memory goes back to the system, its limit to the system's budget. Closing twice does nothing.
   *
   * @param options `force` also with blocks that are handed out: views of them have length 0 then
   * @throws ERR_MEMORY_IN_USE while blocks are handed out, or its budget is used for something else; ERR_MEMORY_INVALID_STATE
   *   inside of a hook
   */
  close(options?: { readonly force?: boolean }): void {
    if (this.ended) return;
    this.host.engine.hooks.needQuiet('Tenant.close');
    const given = checkOptions<{ readonly force?: boolean }>('Tenant.close', options, ['force']);
    const force = given.force !== undefined && checkBoolean('Tenant.close: force', given.force);
    const { liveBlocks } = this.space;
    if (liveBlocks > 0 && !force) {
      throw memoryError(
        'ERR_MEMORY_IN_USE',
        `tenant '${this.name}' cannot be closed: ${liveBlocks} ${liveBlocks === 1 ? 'block' : 'blocks'} of ${formatBytes(this.usedBytes)} handed out`,
        { source: this.name, hint: 'Free them, or pass { force: true }.' },
      );
    }
    this.closed = true; // what throws from here on leaves the rest to the next call
    this.endWaits();
    this.space.close();
    this.host.forget(this);
    this.budget.close();
    this.ended = true;
  }

  /** As close({ force: true }). */
  [Symbol.dispose](): void {
    this.close({ force: true });
  }

  /** @internal */
  needOpen(what: string): void {
    if (!this.closed) return;
    throw memoryError('ERR_MEMORY_CLOSED', `Tenant.${what}: tenant '${this.name}' was closed before`, {
      source: this.name,
    });
  }

  private needOwn(what: string, handle: number): void {
    const tier = this.host.engine.tierOf(`Tenant.${what}`, handle);
    if (tier.home === this.space) return;
    throw memoryError('ERR_MEMORY_FOREIGN_FREE', `Tenant.${what}: handle ${handle} is not of tenant '${this.name}'`, {
      source: this.name,
    });
  }
}
