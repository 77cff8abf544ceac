import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Allocator,
  checkBoolean,
  checkFunction,
  checkInteger,
  checkOptions,
  checkString,
  describe,
  disposeAll,
  formatBytes,
  type MemoryError,
  type MemoryUsage,
  memoryError,
  nearest,
} from '../../core';
import { Region } from '../../platform';
import { describeLeaks, TrackedAllocator, unwrap } from '../../tracking';
import { HandleSpace, Owner } from './handles';
import { type Departed, type ManagerStats, noteDeparture, readStats, sumStats } from './stats';

export interface RegisterOptions {
  /** Disposed by the manager when it is unregistered or the manager is disposed. Default false: it stays its maker's. */
  readonly owned?: boolean;
  /** The region whose bytes its offsets count, for {@link AllocatorManager.ownerAt}. */
  readonly region?: Region;
}

/** Where a block is: its allocator, and the offset there. */
export interface BlockLocation {
  readonly name: string;
  readonly allocator: Allocator;
  readonly offset: number;
}

const METHODS = ['allocate', 'tryAllocate', 'deallocate', 'view', 'reset', 'owns', 'stats', Symbol.dispose] as const;

/**
 * Allocators by name, and one space of handles for the blocks of all of them: whoever is active now, a free always
 * reaches the allocator that the block came from. Which allocator is active is a matter of the async context, not of the
 * process. Belongs to one thread.
 *
 * A handle is a number from 2^20 to 2^53 that stands for allocator and offset. It needs no object, and after its
 * allocator was unregistered it is ERR_MEMORY_STALE_HANDLE: handles are not used again before two million later parts.
 */
export class AllocatorManager implements MemoryUsage, Disposable {
  readonly name: string;
  private readonly owners = new Map<string, Owner>();
  private readonly byAllocator = new Map<Allocator, Owner>();
  /** @internal Read by the memory system's hot paths. */
  readonly space: HandleSpace = new HandleSpace();
  private defaultOwner: Owner | null = null;
  /** Made by the first scope: without one no request asks for the async context. */
  private scopes: AsyncLocalStorage<Owner> | null = null;
  private readonly departed: Departed = { allocations: 0, deallocations: 0, failures: 0, resets: 0 };
  private closed = false;
  private static processWide: AllocatorManager | undefined;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT */
  constructor(name: string = 'manager') {
    this.name = checkString('AllocatorManager: name', name, 200);
  }

  /** The one of this thread, for code that has no other; made at the first call. */
  static get global(): AllocatorManager {
    if (AllocatorManager.processWide === undefined || AllocatorManager.processWide.closed) {
      AllocatorManager.processWide = new AllocatorManager('global');
    }
    return AllocatorManager.processWide;
  }

  // ---- who is there ----------------------------------------------------------------------------------------------

  /**
   * Adds an allocator. The first one is the default until setDefault().
   *
   * @throws ERR_MEMORY_INVALID_ARGUMENT for a name that is taken, or for one that is registered already, itself or around
   *   the same allocator: its blocks would have two owners
   */
  register<A extends Allocator>(name: string, allocator: A, options?: RegisterOptions): A {
    this.enter(name, allocator, options);
    return allocator;
  }

  /** @internal As register(), for the memory system. */
  enter(name: string, allocator: Allocator, options?: RegisterOptions): Owner {
    const where = 'AllocatorManager.register';
    this.needOpen(where);
    checkString(`${where}: name`, name, 200);
    const given = checkOptions<RegisterOptions>(where, options, ['owned', 'region']);
    const missing = METHODS.find((method) => typeof (allocator as Partial<Allocator> | null)?.[method] !== 'function');
    if (missing !== undefined) {
      throw invalid(
        `${where}: '${name}' must be an allocator, got ${describe(allocator)} without ${String(missing)}()`,
      );
    }
    if (given.region !== undefined && !(given.region instanceof Region)) {
      throw invalid(`${where}: region must be a Region, got ${describe(given.region)}`);
    }
    const owned = given.owned !== undefined && checkBoolean(`${where}: owned`, given.owned);
    if (this.owners.has(name)) throw invalid(`${where}: there is an allocator '${name}' already`);
    const bottom = unwrap(allocator);
    for (const other of this.owners.values()) {
      if (unwrap(other.allocator) !== bottom) continue;
      throw invalid(`${where}: '${name}' is the same allocator as '${other.name}', or around the same one`);
    }
    const owner = new Owner(name, allocator, owned, given.region);
    this.space.admit(owner);
    this.owners.set(name, owner);
    this.byAllocator.set(allocator, owner);
    this.defaultOwner ??= owner;
    return owner;
  }

  /**
   * Takes an allocator out: its handles are stale from here on. It keeps its blocks, unless it is `owned`, which disposes it.
   * A scope that still names it throws ERR_MEMORY_CLOSED at its next request.
   *
   * @param options `force` also with blocks that are handed out
   * @throws ERR_MEMORY_IN_USE while blocks are handed out, saying how many, and whose where it is a TrackedAllocator;
   *   ERR_MEMORY_INVALID_ARGUMENT for what is not registered
   */
  unregister(which: string | Allocator, options?: { readonly force?: boolean }): void {
    const where = 'AllocatorManager.unregister';
    this.needOpen(where);
    const given = checkOptions<{ readonly force?: boolean }>(where, options, ['force']);
    const force = given.force !== undefined && checkBoolean(`${where}: force`, given.force);
    const owner = this.need(where, which);
    if (!force) this.needIdle(where, owner);
    if (owner.owned) owner.allocator[Symbol.dispose](); // may throw ERR_MEMORY_IN_USE for pinned memory: still there then
    this.leave(owner);
  }

  private leave(owner: Owner): void {
    noteDeparture(this.departed, owner);
    this.space.dismiss(owner);
    this.owners.delete(owner.name);
    this.byAllocator.delete(owner.allocator);
    owner.registered = false;
    if (this.defaultOwner === owner) this.defaultOwner = null;
  }

  private needIdle(where: string, owner: Owner): void {
    const stats = readStats(owner);
    const live = stats?.liveAllocations ?? 0;
    if (stats === null || live === 0) return;
    throw memoryError(
      'ERR_MEMORY_IN_USE',
      `${where}: '${owner.name}' has ${live} ${live === 1 ? 'block' : 'blocks'} of ${formatBytes(stats.usedBytes)} handed out${whose(owner)}`,
      { source: owner.name, hint: 'Free them first, or pass { force: true }: their handles are stale then.' },
    );
  }

  /** The allocator of that name. @throws ERR_MEMORY_INVALID_ARGUMENT naming the nearest one */
  get(name: string): Allocator {
    return this.need('AllocatorManager.get', name).allocator;
  }

  has(name: string): boolean {
    return this.owners.has(name);
  }

  /** In the order of their registration. */
  names(): string[] {
    return [...this.owners.keys()];
  }

  // ---- which one is active ---------------------------------------------------------------------------------------

  /** Makes it the one for code outside of every scope. @throws ERR_MEMORY_INVALID_ARGUMENT for what is not registered */
  setDefault(which: string | Allocator): void {
    this.needOpen('AllocatorManager.setDefault');
    this.defaultOwner = this.need('AllocatorManager.setDefault', which);
  }

  /** Null when there is none, or when it was unregistered. */
  get defaultAllocator(): Allocator | null {
    return this.defaultOwner?.allocator ?? null;
  }

  /**
   * Runs a function, and everything asynchronous that it starts, with that allocator as the active one. Other requests that
   * run meanwhile do not notice.
   *
   * @returns what the function returns
   * @throws ERR_MEMORY_INVALID_ARGUMENT for what is not registered here, and what the function throws
   */
  withAllocator<T>(which: string | Allocator, work: () => T): T {
    this.needOpen('AllocatorManager.withAllocator');
    checkFunction('AllocatorManager.withAllocator: work', work);
    const owner = this.need('AllocatorManager.withAllocator', which);
    this.scopes ??= new AsyncLocalStorage<Owner>();
    return this.scopes.run(owner, work);
  }

  /**
   * The innermost withAllocator() around the running code, or else the default.
   *
   * @throws ERR_MEMORY_INVALID_STATE where there is neither, ERR_MEMORY_CLOSED for one that was unregistered meanwhile
   */
  currentAllocator(): Allocator {
    return this.current('currentAllocator').allocator;
  }

  private current(method: string): Owner {
    const owner = this.scopes?.getStore() ?? this.defaultOwner;
    if (owner?.registered && !this.closed) return owner;
    this.needOpen(`AllocatorManager.${method}`);
    if (owner === null) {
      throw memoryError('ERR_MEMORY_INVALID_STATE', `AllocatorManager.${method}: no allocator is active`, {
        source: this.name,
        hint: 'Register one and setDefault() it, or run inside of withAllocator().',
      });
    }
    throw memoryError('ERR_MEMORY_CLOSED', `AllocatorManager.${method}: '${owner.name}' was unregistered meanwhile`, {
      source: this.name,
    });
  }

  // ---- blocks ----------------------------------------------------------------------------------------------------

  /** A block of the active allocator, as a handle. @throws as the allocator, and as currentAllocator() */
  allocate(byteLength: number, alignment?: number): number {
    const owner = this.current('allocate');
    return this.handle(owner, owner.allocator.allocate(byteLength, alignment), byteLength);
  }

  /** As allocate(), but -1 where there is no room. */
  tryAllocate(byteLength: number, alignment?: number): number {
    const owner = this.current('tryAllocate');
    const offset = owner.allocator.tryAllocate(byteLength, alignment);
    return offset === -1 ? -1 : this.handle(owner, offset, byteLength);
  }

  private handle(owner: Owner, offset: number, byteLength: number): number {
    try {
      return this.space.handleOf(owner, offset);
    } catch (error) {
      owner.allocator.deallocate(offset, byteLength);
      throw error;
    }
  }

  /**
   * Gives a block back to the allocator that it came from, whoever is active now.
   *
   * @throws ERR_MEMORY_STALE_HANDLE after the allocator was unregistered, ERR_MEMORY_FOREIGN_FREE for what was never handed
   *   out, and what the allocator throws
   */
  deallocate(handle: number, byteLength: number): void {
    const owner = this.space.ownerOf(handle);
    if (owner === null) throw this.space.refusal('AllocatorManager.deallocate', handle);
    owner.allocator.deallocate(this.space.offsetOf(owner, handle), byteLength);
  }

  /** A window over a block, or its first bytes. @throws as deallocate() */
  view(handle: number, byteLength: number): Uint8Array {
    const owner = this.space.ownerOf(handle);
    if (owner === null) throw this.space.refusal('AllocatorManager.view', handle);
    return owner.allocator.view(this.space.offsetOf(owner, handle), byteLength);
  }

  /** The handle of a block that was got from a registered allocator directly. @throws ERR_MEMORY_FOREIGN_FREE for no block */
  handleOf(which: string | Allocator, offset: number): number {
    const owner = this.need('AllocatorManager.handleOf', which);
    checkInteger('AllocatorManager.handleOf: offset', offset);
    if (owner.allocator.owns(offset)) return this.space.handleOf(owner, offset);
    throw memoryError(
      'ERR_MEMORY_FOREIGN_FREE',
      `AllocatorManager.handleOf: '${owner.name}' has no block at ${offset}`,
    );
  }

  /** Whose block a handle is, and where; null for what is nobody's, or not handed out. */
  locate(handle: number): BlockLocation | null {
    const owner = this.space.ownerOf(handle);
    if (owner === null) return null;
    const offset = this.space.offsetOf(owner, handle);
    const { name, allocator } = owner;
    return allocator.owns(offset) ? Object.freeze({ name, allocator, offset }) : null;
  }

  /**
   * Whose block lies at an offset of a region: of those that were registered with it. Null for nobody's.
   *
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE
   */
  ownerAt(region: Region, offset: number): BlockLocation | null {
    if (!(region instanceof Region))
      throw invalid(`AllocatorManager.ownerAt: a Region is needed, got ${describe(region)}`);
    checkInteger('AllocatorManager.ownerAt: offset', offset);
    for (const { name, allocator, region: own } of this.owners.values()) {
      if (own === region && allocator.owns(offset)) return Object.freeze({ name, allocator, offset });
    }
    return null;
  }

  // ---- all of them -----------------------------------------------------------------------------------------------

  /** Bytes handed out by all. */
  get usedBytes(): number {
    return this.stats().total.usedBytes;
  }

  /** Sum of the capacities; null when one has none. */
  get capacityBytes(): number | null {
    return this.stats().total.capacityBytes;
  }

  stats(): ManagerStats {
    return sumStats(this.name, this.owners.values(), this.departed);
  }

  /** Unregisters all, and disposes those that are owned, whatever they have handed out. May be called again. */
  [Symbol.dispose](): void {
    if (this.closed) return;
    const owners = [...this.owners.values()];
    disposeAll(
      owners.map((owner) => ({
        [Symbol.dispose]: () => {
          if (owner.owned) owner.allocator[Symbol.dispose]();
          this.leave(owner);
        },
      })),
    );
    this.closed = true;
    this.scopes?.disable(); // or the process would carry the store through every later turn
    this.scopes = null;
  }

  /** Alias of disposal, for code without `using`. */
  dispose(): void {
    this[Symbol.dispose]();
  }

  private needOpen(where: string): void {
    if (!this.closed) return;
    throw memoryError('ERR_MEMORY_CLOSED', `${where}: the manager was disposed before`, { source: this.name });
  }

  private need(where: string, which: string | Allocator): Owner {
    const owner = typeof which === 'string' ? this.owners.get(which) : this.byAllocator.get(which);
    if (owner !== undefined) return owner;
    if (typeof which !== 'string')
      throw invalid(`${where}: the allocator is not registered here, got ${describe(which)}`);
    const guess = nearest(which, this.names());
    const names = this.names().join(', ') || 'none';
    throw invalid(
      `${where}: there is no allocator ${describe(which)}.${guess === undefined ? '' : ` Did you mean '${guess}'?`}`,
      `Registered here: ${names}.`,
    );
  }
}

function invalid(message: string, hint?: string): MemoryError {
  return memoryError('ERR_MEMORY_INVALID_ARGUMENT', message, { hint });
}

/** Who holds the blocks, where a tracker knows. */
function whose(owner: Owner): string {
  const { allocator } = owner;
  if (!(allocator instanceof TrackedAllocator) || allocator.level === 'off') return '';
  return `: ${describeLeaks(allocator.leaks())}`;
}
