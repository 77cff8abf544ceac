import {
  type ByteSize,
  checkOptions,
  describe,
  isMemoryError,
  memoryError,
  parseBytes,
  type RegionProvider,
} from '../../core';
import { Region } from '../../platform';

/** Memory of somebody else's: the region is used and never freed by who takes it. */
export interface RegionSource {
  /** A region that is live for as long as it is used. */
  readonly region: Region;
}

/** Memory from a provider: acquired at construction and released to it by dispose(). */
export interface ProviderSource {
  /** One whose acquire() returns a {@link Region}. */
  readonly provider: RegionProvider;
  /** At least this much; providers round up to their pages. */
  readonly byteLength: ByteSize;
}

/** Where an allocator gets its memory: a size (private memory of its own), a region, or a provider. */
export type MemorySource = ByteSize | RegionSource | ProviderSource;

/** A region, how much of it may be used, and who lets go of it. Internal to the allocators. */
export interface Backing {
  readonly region: Region;
  /** Usable bytes: the region's length. */
  readonly byteLength: number;
  /** The buffer over the whole region; null where one buffer cannot span it: take windows. */
  readonly buffer: ArrayBuffer | SharedArrayBuffer | null;
  /** Others hold the region too and can remap it, and the buffer is a shared one, which cannot be emptied then. */
  readonly mayMove: boolean;
  /** Lets go of the memory, unless it is somebody else's. Call once. */
  release(): void;
}

function isSized(source: MemorySource): source is ByteSize {
  return typeof source === 'number' || typeof source === 'string';
}

function spanning(region: Region): ArrayBuffer | SharedArrayBuffer | null {
  try {
    return region.buffer;
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_MEMORY_TOO_LARGE') return null;
    throw error;
  }
}

/** A region as the memory of an allocator; it is let go of when that cannot be. */
export function backingOf(region: Region, release: () => void): Backing {
  try {
    const buffer = spanning(region);
    return { region, byteLength: region.byteLength, buffer, mayMove: !(buffer instanceof ArrayBuffer), release };
  } catch (error) {
    release();
    throw error;
  }
}

function badProvider(where: string, why: string): Error {
  return memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: the provider cannot be used: ${why}`, {
    hint: 'acquire(byteLength) has to return a Region of at least that many bytes, or to throw.',
  });
}

/**
 * A region of a provider, which is somebody else's code: what it returns is looked at before it is used.
 *
 * @throws ERR_MEMORY_INVALID_ARGUMENT for what is no Region, is freed or too small; and what the provider throws
 */
export function acquireFrom(where: string, provider: RegionProvider, byteLength: number): Region {
  const region: unknown = provider.acquire(byteLength);
  if (!(region instanceof Region)) throw badProvider(where, `it returned ${describe(region)} instead of a Region`);
  if (region.state === 'freed') throw badProvider(where, 'it returned a region that is freed');
  if (region.byteLength >= byteLength) return region;
  const got = region.byteLength;
  provider.release(region);
  throw badProvider(where, `it returned ${got} bytes where ${byteLength} were asked for`);
}

const HUGE_BYTES = 2 ** 21;

function isHuge(region: Region): boolean {
  return region.byteLength >= HUGE_BYTES && region.placement.got.pageBytes >= HUGE_BYTES;
}

/** True for a provider that says that its release() takes the bytes from every view itself, as those of this package do. */
export function emptiesViews(provider: RegionProvider): boolean {
  return (provider as { emptiesViews?: unknown }).emptiesViews === true;
}

/**
 * Takes the bytes from every view of a region that goes back to a provider which may hand its pages on as they are.
 * The pages move to other addresses and stay present; without views nothing happens. Memory that cannot be moved, and huge
 * pages, which would have to be copied, are freed instead: providers settle their books for those.
 */
function emptyViews(provider: RegionProvider, region: Region): void {
  if (emptiesViews(provider) && !isHuge(region)) return;
  const settles = typeof (provider as { renew?: unknown }).renew === 'function';
  if (!settles || !isHuge(region)) {
    try {
      region.remap(region.byteLength);
      return;
    } catch (error) {
      // Pinned or attached elsewhere: the provider says so, or lets go of its own holder only.
      if (isMemoryError(error) && error.code === 'ERR_MEMORY_IN_USE') return;
    }
  }
  try {
    region.free();
  } catch (error) {
    if (!isMemoryError(error) || error.code !== 'ERR_MEMORY_IN_USE') throw error;
  }
}

/**
 * Gives a region back to its provider, with its views emptied: by the provider where it says so, else before. A provider may
 * refuse one that was freed from under us: what it says then is of no use, for the memory is gone, and whoever held it can
 * end.
 */
export function releaseTo(provider: RegionProvider, region: Region): void {
  if (region.state === 'live') emptyViews(provider, region);
  const gone = region.state === 'freed';
  try {
    provider.release(region);
  } catch (error) {
    if (!gone) throw error;
  }
}

/** Takes memory from a provider. @throws as acquireFrom */
function backingFrom(where: string, provider: RegionProvider, byteLength: number): Backing {
  const region = acquireFrom(where, provider, byteLength);
  return backingOf(region, () => releaseTo(provider, region));
}

/** True for what has the methods of a provider. */
export function isProvider(value: unknown): value is RegionProvider {
  const shape = value as Partial<RegionProvider> | null | undefined;
  return typeof shape?.acquire === 'function' && typeof shape.release === 'function';
}

/**
 * Opens the memory that a user named.
 *
 * @param where the constructor as the user knows it
 * @throws ERR_MEMORY_INVALID_ARGUMENT for no source, ERR_MEMORY_OUT_OF_RANGE for size 0, ERR_MEMORY_FREED for a freed
 *   region, and what mapping throws
 */
export function openSource(where: string, source: MemorySource): Backing {
  if (isSized(source)) {
    const region = Region.map(parseBytes(source, `${where}: byteLength`, { minBytes: 1 }));
    return backingOf(region, () => region.free());
  }
  const given: Partial<RegionSource & ProviderSource> = checkOptions(where, source as RegionSource & ProviderSource, [
    'region',
    'provider',
    'byteLength',
  ]);
  if (given.region !== undefined && given.provider === undefined && given.byteLength === undefined) {
    if (!(given.region instanceof Region)) {
      throw memoryError(
        'ERR_MEMORY_INVALID_ARGUMENT',
        `${where}: region must be a Region, got ${describe(given.region)}`,
      );
    }
    if (given.region.state === 'freed') {
      throw memoryError('ERR_MEMORY_FREED', `${where}: the region was freed before`);
    }
    return backingOf(given.region, () => {});
  }
  if (given.region === undefined && given.byteLength !== undefined && isProvider(given.provider)) {
    return backingFrom(where, given.provider, parseBytes(given.byteLength, `${where}: byteLength`, { minBytes: 1 }));
  }
  throw memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `${where}: memory must be a size, { region } or { provider, byteLength }, got ${describe(source)}`,
  );
}
