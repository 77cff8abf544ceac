import {
  alignUp,
  type BudgetLike,
  checkOptions,
  isPowerOfTwo,
  memoryError,
  parseBytes,
  type RegionProvider,
  Repayment,
} from '../../core';
import { Region } from '../../platform';
import {
  acquireFrom,
  type Backing,
  backingOf,
  isProvider,
  type MemorySource,
  openSource,
  type ProviderSource,
  type RegionSource,
  releaseTo,
} from './source';

/** Who gives the memory, and who counts it. */
export interface SupplySettings {
  readonly provider: RegionProvider | undefined;
  readonly budget: BudgetLike | undefined;
}

/** That there are such, for an allocator's recipe(). */
export function suppliersOf({ provider, budget }: SupplySettings): Readonly<Record<string, string>> {
  return {
    ...(provider === undefined ? {} : { provider: 'given' }),
    ...(budget === undefined ? {} : { budget: 'given' }),
  };
}

const PAGE_BYTES = 4096;

function pageBytesOf(provider: RegionProvider | undefined): number {
  const given = provider?.pageBytes;
  return typeof given === 'number' && isPowerOfTwo(given) && given > PAGE_BYTES ? given : PAGE_BYTES;
}

/**
 * Regions from a provider, or from the system without one, each charged to a budget in whole pages while it is held. What
 * throws leaves nothing charged.
 */
export class Supply {
  readonly pageBytes: number;
  private readonly provider: RegionProvider | undefined;
  private readonly budget: BudgetLike | undefined;
  private readonly repayment: Repayment;
  /** What is charged for the regions of a provider; those of the system carry their charge themselves. */
  private readonly charged = new Map<Region, number>();

  constructor({ provider, budget }: SupplySettings) {
    this.provider = provider;
    this.budget = budget;
    this.repayment = new Repayment(budget);
    this.pageBytes = pageBytesOf(provider);
  }

  /** @throws what the provider, mapping or the budget throws, ERR_MEMORY_INVALID_ARGUMENT for what is no region */
  acquire(where: string, byteLength: number): Region {
    const { provider, budget } = this;
    if (provider === undefined) return Region.map(byteLength, budget === undefined ? undefined : { budget });
    if (budget === undefined) return acquireFrom(where, provider, byteLength);
    let bytes = alignUp(byteLength, this.pageBytes);
    this.repayment.take(where, bytes);
    let region: Region | undefined;
    try {
      region = acquireFrom(where, provider, byteLength);
      const got = alignUp(region.byteLength, this.pageBytes);
      if (got > bytes) this.repayment.take(where, got - bytes);
      bytes = got; // never less: acquireFrom() has looked
      this.charged.set(region, bytes);
      return region;
    } catch (error) {
      try {
        if (region !== undefined) releaseTo(provider, region);
      } finally {
        this.repayment.give(bytes);
      }
      throw error;
    }
  }

  /** Gives a region of `acquire` back. @throws what the provider throws: it is still held and charged then */
  release(region: Region): void {
    if (this.provider === undefined) region.free();
    else releaseTo(this.provider, region);
    const bytes = this.charged.get(region);
    if (bytes === undefined) return;
    this.charged.delete(region);
    this.repayment.give(bytes); // the region has gone, whatever the budget says
  }

  /** A region as the memory of an allocator. */
  open(where: string, byteLength: number): Backing {
    const region = this.acquire(where, byteLength);
    return backingOf(region, () => this.release(region));
  }
}

/**
 * Opens the memory that a user named, with the `provider` and `budget` that stand beside it.
 *
 * @throws as openSource; what the budget throws; ERR_MEMORY_INVALID_ARGUMENT for either beside a region, which who mapped
 *   it has paid for, and for two providers
 */
export function openMemory(where: string, source: MemorySource, settings: SupplySettings): Backing {
  const { provider, budget } = settings;
  if (provider === undefined && budget === undefined) return openSource(where, source);
  if (typeof source === 'number' || typeof source === 'string') {
    return new Supply(settings).open(where, parseBytes(source, `${where}: byteLength`, { minBytes: 1 }));
  }
  const given: Partial<RegionSource & ProviderSource> = checkOptions(where, source as RegionSource & ProviderSource, [
    'region',
    'provider',
    'byteLength',
  ]);
  if (given.region !== undefined || provider !== undefined) {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${where}: options.${provider === undefined ? 'budget' : 'provider'} goes with memory that is acquired here, not with ${given.region === undefined ? 'a provider in the first argument' : 'a region'}`,
      { hint: `Write new ${where}('64MiB', { provider, budget }), or give Region.map the budget.` },
    );
  }
  if (given.byteLength === undefined || !isProvider(given.provider)) return openSource(where, source);
  const byteLength = parseBytes(given.byteLength, `${where}: byteLength`, { minBytes: 1 });
  return new Supply({ provider: given.provider, budget }).open(where, byteLength);
}
