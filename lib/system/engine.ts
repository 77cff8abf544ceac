import { checkBlockAlignment, checkByteLength } from '../allocators';
import { type MemoryError, memoryError, type PressureLevel } from '../core';
import { type AllocatorManager, LOW_END, type Owner, type Reclaimer } from '../manager';
import { type Hooks, wordsOf } from './extensions/hooks';
import type { SystemState } from './extensions/plugin';
import { CHARGES, chargeBefore, chargeOf, LARGEST_CHARGED_BY_TABLE } from './tiers/charge';
import { FAST_BYTES, type Space, tierOf } from './tiers/space';
import { BLOCK_ALIGNMENT, type Tier } from './tiers/tier';

/** Sums of sizes stay exact below it. */
const LARGEST_REQUEST = 2 ** 52;

/** What says how large a block may be now; a MemoryMonitor does. */
export interface Limiter {
  readonly largestAllowedBytes: number;
}

// Constants of this file are folded into the compiled code, imported ones are looked up in their module.
const TABLE = CHARGES;
const TABLE_END = LARGEST_CHARGED_BY_TABLE;
const SMALL_HANDLES = LOW_END;

/**
 * Requests and frees of a system and its tenants: gates, budget, tiers, hooks. The fast paths ask one flag whether anything is
 * out of the ordinary. Internal.
 */
export class Engine {
  readonly manager: AllocatorManager;
  readonly hooks: Hooks;
  readonly reclaimer: Reclaimer;
  private readonly low: (Owner | null)[];
  private readonly admission: Readonly<Record<PressureLevel, number>>;
  /** True when requests are served and nobody wants to know of each. */
  private plain = false;
  /** The least priority that is served now. */
  private least = 0;
  /** As it was when the fast paths were opened or shut last. */
  private leastBefore = 0;
  private limiter: Limiter | null = null;
  /** Those whose fast paths it opens and shuts. */
  private readonly spaces = new Set<Space>();
  private current: SystemState = 'created';
  private pressure: PressureLevel = 'none';
  /** Called at the first request. */
  private readonly begin: () => void;
  /** Called after a free while draining. */
  onFree: (() => void) | null = null;
  private backOff = 0;
  private skips = 0;
  /** What targets still offered after the round that did not help. */
  private leftBytes = 0;
  /** What the block takes that a request with `paid` bytes was refused for once it was there; set to 0 by who wants to know. */
  wantedBytes = 0;
  /** Requests refused for their priority or size under pressure. */
  shed = 0;

  constructor(
    manager: AllocatorManager,
    reclaimer: Reclaimer,
    hooks: Hooks,
    admission: Readonly<Record<PressureLevel, number>>,
    begin: () => void,
  ) {
    this.manager = manager;
    this.reclaimer = reclaimer;
    this.hooks = hooks;
    this.low = manager.space.low;
    this.admission = admission;
    this.begin = begin;
  }

  // ---- what holds now --------------------------------------------------------------------------------------------

  get state(): SystemState {
    return this.current;
  }

  get level(): PressureLevel {
    return this.pressure;
  }

  setState(to: SystemState): void {
    const from = this.current;
    if (from === to) return;
    this.current = to;
    this.update();
    this.hooks.log('info', { from, to }, 'the memory system changed its state');
    this.hooks.emit({ kind: 'state', from, to });
  }

  setPressure(to: PressureLevel): void {
    const from = this.pressure;
    if (from === to) return;
    this.pressure = to;
    this.least = this.admission[to];
    this.update();
    this.hooks.log(to === 'high' || to === 'critical' ? 'warn' : 'info', { from, to }, 'memory pressure changed');
    this.hooks.emit({ kind: 'pressure', from, to });
    this.hooks.call('onPressure', Object.freeze({ from, to }));
  }

  setLimiter(limiter: Limiter | null): void {
    this.limiter = limiter;
  }

  addSpace(space: Space): void {
    this.spaces.add(space);
    this.openFast(space);
  }

  removeSpace(space: Space): void {
    this.spaces.delete(space);
    space.fastBytes = 0;
  }

  /** Decides anew whether the fast paths may be taken. */
  update(): void {
    const plain = this.current === 'running' && !this.hooks.watchesBlocks && !this.hooks.running;
    if (plain === this.plain && this.least === this.leastBefore) return;
    this.plain = plain;
    this.leastBefore = this.least;
    for (const space of this.spaces) this.openFast(space);
  }

  private openFast(space: Space): void {
    space.fastBytes = this.plain && space.priority >= this.least ? FAST_BYTES : 0;
  }

  // ---- requests --------------------------------------------------------------------------------------------------

  /** After allocateFast() gave -1. @throws as serve(), and what it returns */
  allocate(where: string, space: Space, byteLength: number): number {
    const result = this.serve(where, space, byteLength, BLOCK_ALIGNMENT, space.priority);
    if (typeof result === 'number') return result;
    throw result;
  }

  /** As allocate(), but -1 where there is no room. */
  tryAllocate(where: string, space: Space, byteLength: number): number {
    const result = this.serve(where, space, byteLength, BLOCK_ALIGNMENT, space.priority);
    return typeof result === 'number' ? result : -1;
  }

  /** Small, in the first allocators of its tiers, and nobody to be asked but the budget; -1 sends it the slow way. */
  allocateFast(space: Space, byteLength: number): number {
    if (
      typeof byteLength !== 'number' ||
      (byteLength | 0) !== byteLength ||
      byteLength <= 0 ||
      byteLength > space.fastBytes ||
      (this.limiter !== null && byteLength > this.limiter.largestAllowedBytes)
    ) {
      return -1;
    }
    const { budget } = space;
    if (budget === null) return space.takeSmall(byteLength);
    const charge = TABLE[(byteLength + 15) >> 4] as number;
    if (!budget.tryReserve(charge)) return -1;
    space.charged(charge);
    let handle = -1;
    try {
      handle = space.takeSmall(byteLength);
    } finally {
      if (handle === -1) space.giveBack(charge);
    }
    return handle;
  }

  /**
   * A request with everything that can be asked. Returns the handle, or the error of what is not to be had now.
   *
   * @param paid bytes that the caller has charged the budget, who gives them back where this is refused or throws; 0 for none
   * @throws what is wrong with the request or the state, and what a budget or provider throws that is no want of room
   */
  serve(
    where: string,
    space: Space,
    byteLength: number,
    alignment: number,
    priority: number,
    paid: number = 0,
  ): number | MemoryError {
    this.ready(where);
    checkByteLength(where, byteLength);
    checkBlockAlignment(where, alignment);
    const result = this.admit(where, space, byteLength, alignment, priority, paid);
    if (typeof result === 'number') {
      if (!this.plain) this.told('onAllocation', space, result, byteLength);
      return result;
    }
    if (paid > 0 && this.wantedBytes > 0) return result; // it waits for the rest as well
    const tenant = space.name === '' ? null : space.name;
    this.hooks.emit({ kind: 'refusal', byteLength, tenant, error: result });
    this.hooks.log('debug', { byteLength, tenant, code: result.code }, 'a request was refused');
    return result;
  }

  /** @throws ERR_MEMORY_INVALID_STATE inside of a hook and while draining, ERR_MEMORY_CLOSED */
  ready(where: string): void {
    this.hooks.needQuiet(where);
    if (this.current === 'created') this.begin();
    if (this.current !== 'running') throw this.notRunning(where);
  }

  private admit(
    where: string,
    space: Space,
    byteLength: number,
    alignment: number,
    priority: number,
    paid: number,
  ): number | MemoryError {
    if (byteLength > LARGEST_REQUEST) {
      return memoryError('ERR_MEMORY_TOO_LARGE', `${where}: ${byteLength} bytes are more than a system can count`, {
        requestedBytes: byteLength,
        limitBytes: LARGEST_REQUEST,
      });
    }
    if (priority < this.least || (this.limiter !== null && byteLength > this.limiter.largestAllowedBytes)) {
      this.shed += 1;
      return this.tooLowFor(where, byteLength, priority);
    }
    const charge = paid === 0 ? chargeBefore(byteLength, alignment) : paid;
    if (space.budget !== null && paid === 0) {
      const refused = this.reserve(space, charge);
      if (refused !== null) return refused;
    }
    let result: number | MemoryError = -1;
    try {
      result = space.take(byteLength, Math.max(alignment, BLOCK_ALIGNMENT));
      if (result === -1) result = this.takeAfterReclaim(space, byteLength, Math.max(alignment, BLOCK_ALIGNMENT));
      if (result !== -1 && space.budget !== null) result = this.settle(space, result, byteLength, charge, paid > 0);
    } catch (error) {
      result = -1;
      throw error;
    } finally {
      if ((typeof result !== 'number' || result === -1) && paid === 0 && space.budget !== null) space.giveBack(charge);
    }
    if (result !== -1) return result;
    space.failures += 1;
    return memoryError('ERR_MEMORY_OUT_OF_MEMORY', `${where}: no tier has room for ${byteLength} bytes`, {
      requestedBytes: byteLength,
      source: space.name === '' ? 'system' : space.name,
      hint: 'Free what is no longer needed, make the tiers larger, or leave the tier of the system in.',
    });
  }

  // Once a block is there it is known what it took: more than its size says where it is aligned to more than 16 bytes, and in
  // tiers of fixed blocks, of larger pages or with adaptors. That is what it is charged.
  private settle(
    space: Space,
    handle: number,
    byteLength: number,
    charge: number,
    waits: boolean,
  ): number | MemoryError {
    const { took } = space;
    const usual = chargeOf(byteLength);
    const whole = Math.max(usual, took);
    if (whole > charge) {
      let refused: MemoryError | null = null;
      let reserved = false;
      try {
        refused = this.reserve(space, whole - charge);
        reserved = refused === null;
      } finally {
        if (!reserved) this.takeBack(handle, byteLength);
      }
      if (refused !== null) {
        if (waits) this.wantedBytes = whole;
        return refused;
      }
    } else if (whole < charge) {
      space.giveBack(charge - whole);
    }
    if (whole === usual) return handle;
    const owner = this.manager.space.ownerOf(handle);
    if (owner === null) {
      space.giveBack(whole - charge); // the budget has ended the space meanwhile, and the block with it
      return -1;
    }
    (tierOf(owner) as Tier).keepCharge(handle, whole);
    return handle;
  }

  private takeBack(handle: number, byteLength: number): void {
    const owner = this.manager.space.ownerOf(handle);
    if (owner === null) return; // gone with its space
    owner.allocator.deallocate(this.manager.space.offsetOf(owner, handle), byteLength);
    const tier = tierOf(owner) as Tier;
    if (tier.watchesFrees) this.tidy(tier, owner);
  }

  // Where that does not help, the next ones fail without it: 1, 3, 7 and so on up to 1023 of them, or until targets offer more.
  private takeAfterReclaim(space: Space, byteLength: number, alignment: number): number {
    if (this.skips > 0 && this.reclaimer.offeredBytes() <= this.leftBytes) {
      this.skips -= 1;
      return -1;
    }
    const freed = this.reclaimer.reclaim(byteLength, 'no tier has room');
    const handle = freed > 0 ? space.take(byteLength, alignment) : -1;
    this.backOff = handle === -1 ? Math.min(1023, this.backOff * 2 + 1) : 0;
    this.skips = this.backOff;
    if (handle === -1) this.leftBytes = this.reclaimer.offeredBytes();
    return handle;
  }

  private reserve(space: Space, charge: number): MemoryError | null {
    try {
      space.budget?.reserve(charge);
      space.charged(charge);
      return null;
    } catch (error) {
      space.refusals += 1;
      if ((error as Partial<MemoryError> | null)?.category === 'exhausted') return error as MemoryError;
      throw error;
    }
  }

  private tooLowFor(where: string, byteLength: number, priority: number): MemoryError {
    const largestAllowedBytes = this.limiter?.largestAllowedBytes ?? Number.POSITIVE_INFINITY;
    const why =
      priority < this.least
        ? `at least priority ${this.least} is served now, this one has ${priority}`
        : `at most ${largestAllowedBytes} bytes a block are granted now`;
    return memoryError(
      'ERR_MEMORY_OUT_OF_MEMORY',
      `${where}: ${byteLength} bytes are refused, memory pressure is ${this.pressure}: ${why}`,
      {
        requestedBytes: byteLength,
        source: 'pressure',
        hint: 'Try later, free what can be computed again, or give what cannot wait a higher priority.',
        ...(priority < this.least ? {} : { limitBytes: largestAllowedBytes }),
      },
    );
  }

  private notRunning(where: string): MemoryError {
    const draining = this.current === 'draining';
    return memoryError(
      draining ? 'ERR_MEMORY_INVALID_STATE' : 'ERR_MEMORY_CLOSED',
      `${where}: the memory system ${draining ? 'is draining: it takes no more requests' : 'has stopped'}`,
    );
  }

  // ---- frees -----------------------------------------------------------------------------------------------------

  free(where: string, handle: number, byteLength: number): void {
    if (this.plain && typeof handle === 'number' && handle < SMALL_HANDLES && byteLength <= TABLE_END) {
      const owner = this.low[handle >>> 20];
      if (owner !== null && owner !== undefined) {
        const { home, watchesFrees } = owner.data as Tier;
        if (!watchesFrees) {
          owner.allocator.deallocate(handle - owner.base, byteLength);
          if (home.budget !== null) home.giveBack(TABLE[(byteLength + 15) >> 4] as number);
          return;
        }
      }
    }
    this.freeSlowly(where, handle, byteLength);
  }

  private freeSlowly(where: string, handle: number, byteLength: number): void {
    const { space } = this.manager;
    const owner = space.ownerOf(handle);
    if (owner === null) throw space.refusal(where, handle);
    const tier = tierOf(owner) as Tier;
    if (tier.home.budget === null) {
      owner.allocator.deallocate(space.offsetOf(owner, handle), byteLength);
    } else {
      // Out before the free: the handle may be another block's when it returns.
      const kept = tier.takeCharge(handle);
      let done = false;
      try {
        owner.allocator.deallocate(space.offsetOf(owner, handle), byteLength);
        done = true;
      } finally {
        if (!done && kept !== undefined) tier.keepCharge(handle, kept);
      }
      tier.home.giveBack(kept ?? chargeOf(byteLength));
    }
    if (tier.watchesFrees) this.tidy(tier, owner);
    if (!this.plain) this.told('onDeallocation', tier.home, handle, byteLength, tier);
    this.onFree?.();
  }

  // The block is free whatever happens to the memory below it.
  private tidy(tier: Tier, owner: Owner): void {
    try {
      tier.afterFree(owner);
    } catch (error) {
      this.hooks.log('warn', { tier: tier.name, error: wordsOf(error) }, 'memory could not be given back');
    }
  }

  /** A window over a block. @throws ERR_MEMORY_STALE_HANDLE, ERR_MEMORY_FOREIGN_FREE, and what the allocator throws */
  view(where: string, handle: number, byteLength: number): Uint8Array {
    const { space } = this.manager;
    const owner = space.ownerOf(handle);
    if (owner === null) throw space.refusal(where, handle);
    return owner.allocator.view(space.offsetOf(owner, handle), byteLength);
  }

  /** Whose block a handle is. @throws as view() */
  tierOf(where: string, handle: number): Tier {
    const owner = this.manager.space.ownerOf(handle);
    if (owner === null) throw this.manager.space.refusal(where, handle);
    return tierOf(owner) as Tier;
  }

  private told(
    hook: 'onAllocation' | 'onDeallocation',
    home: { readonly name: string },
    handle: number,
    byteLength: number,
    known?: Tier,
  ): void {
    if (!this.hooks.watchesBlocks) return;
    const tier = known ?? this.tierOf('hook', handle);
    const event = Object.freeze({ handle, byteLength, tier: tier.name, tenant: home.name === '' ? null : home.name });
    this.hooks.call(hook, event);
    this.hooks.emit({ kind: hook === 'onAllocation' ? 'allocation' : 'deallocation', block: event });
  }
}
