import { checkBlockAlignment, FAST_LIMIT, isProvider } from '../../allocators';
import {
  type BudgetLike,
  type ByteSize,
  checkBoolean,
  checkBudget,
  checkNumber,
  checkOneOf,
  checkOptions,
  checkString,
  describe,
  memoryError,
  parseBytes,
  type RegionProvider,
} from '../../core';
import { type Carrier, Region } from '../../platform';

/** What reset() does with views that the former generation left behind. */
export type OnReset = 'reuse' | 'detach';

/** Options of {@link Arena} and of everything that is built on one. Sizes are bytes or strings such as '64KiB'. */
export interface ArenaOptions {
  /** The first chunk. Default 64 KiB; rounded up to whole pages of 4 KiB. */
  readonly chunkBytes?: ByteSize;
  /** Each further chunk is this many times the one before, 1 to 16. Default 2. */
  readonly growthFactor?: number;
  /** Where growth ends, at most 1 GiB. Default 16 MiB. A larger request gets a chunk of its own. */
  readonly maxChunkBytes?: ByteSize;
  /** Most bytes of all chunks together. Default: none. */
  readonly limitBytes?: ByteSize;
  /** Where chunks come from: anything whose acquire() returns a {@link Region}. Default: a mapping each. */
  readonly provider?: RegionProvider;
  /** Of the default provider's mappings: `local` (default) buffers can be emptied, `shared` ones cost the collector nothing. */
  readonly carrier?: Carrier;
  /** Charged for every chunk while the arena holds it. */
  readonly budget?: BudgetLike;
  /** Alignment of blocks in bytes where `allocate` names none: a power of two up to 4096. Default 8. */
  readonly alignment?: number;
  /** Whether blocks begin as zeros. Default false: a reused chunk holds what was there before. */
  readonly zero?: boolean;
  /**
   * `reuse` (default): reset() takes at most 200 ns, and views of the former generation see what is written next.
   * `detach`: chunks that were looked at move to other addresses, so such views have length 0 or read zeros; microseconds a chunk.
   */
  readonly onReset?: OnReset;
  /** Counters of operations in stats(). Default true; sizes and live blocks are always known. */
  readonly stats?: boolean;
  /** For statistics and errors. Default 'arena'. */
  readonly name?: string;
}

export const ARENA_KEYS = [
  'chunkBytes',
  'growthFactor',
  'maxChunkBytes',
  'limitBytes',
  'provider',
  'carrier',
  'budget',
  'alignment',
  'zero',
  'onReset',
  'stats',
  'name',
] as const;

/** Checked options with their defaults. Internal to the arenas. */
export interface ArenaPlan {
  readonly chunkBytes: number;
  readonly growthFactor: number;
  readonly maxChunkBytes: number;
  readonly limitBytes: number | null;
  readonly provider: RegionProvider;
  /** Chunks are mappings of the arena's own, so that they begin as zeros. */
  readonly ownMappings: boolean;
  readonly budget: BudgetLike | undefined;
  readonly alignment: number;
  readonly zero: boolean;
  readonly onReset: OnReset;
  readonly stats: boolean;
  readonly name: string;
}

/** Chunks are whole base pages, so that offsets and addresses share their alignment. */
export const CHUNK_PAGE = 4096;

const KIB = 1024;
const MIB = 1024 * KIB;

/** The sets of options that {@link Arena} offers as static methods. */
export const ARENA_PRESETS = Object.freeze({
  production: { chunkBytes: 64 * KIB, growthFactor: 1.5, maxChunkBytes: 256 * MIB, stats: false, alignment: 16 },
  performance: { chunkBytes: 64 * KIB, growthFactor: 1.5, maxChunkBytes: 256 * MIB, stats: false, alignment: 16 },
  debug: { chunkBytes: 4 * KIB, growthFactor: 2, maxChunkBytes: 16 * MIB, zero: true, onReset: 'detach' },
  conservative: { chunkBytes: 16 * KIB, growthFactor: 1.8, maxChunkBytes: 64 * MIB, alignment: 16 },
  smallObjects: { chunkBytes: 8 * KIB, growthFactor: 2, maxChunkBytes: 32 * MIB, stats: false },
  largeObjects: { chunkBytes: 256 * KIB, growthFactor: 1.3, maxChunkBytes: 512 * MIB, alignment: 64 },
} as const satisfies Record<string, ArenaOptions>);

export type ArenaPreset = keyof typeof ARENA_PRESETS;

/** A mapping for each chunk, made and freed by itself. */
function mappingProvider(carrier: Carrier): RegionProvider<Region> {
  return {
    name: 'map',
    pageBytes: CHUNK_PAGE,
    acquire: (byteLength) => Region.map(byteLength, { carrier }),
    release: (region) => region.free(),
    trim: () => 0,
  };
}

function checkProvider(where: string, options: ArenaOptions): RegionProvider {
  const carrier =
    options.carrier === undefined ? 'local' : checkOneOf(`${where}: carrier`, options.carrier, ['local', 'shared']);
  if (options.provider === undefined) return mappingProvider(carrier);
  if (!isProvider(options.provider)) {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${where}: provider must have acquire and release, got ${describe(options.provider)}`,
    );
  }
  if (options.carrier === undefined) return options.provider;
  throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: carrier is for arenas without a provider`, {
    hint: 'Choose the carrier where the provider is made.',
  });
}

function toPages(bytes: number): number {
  return Math.ceil(bytes / CHUNK_PAGE) * CHUNK_PAGE;
}

/** Merges `new X(chunkBytes, options)` and `new X(options)` into one object. @throws ERR_MEMORY_INVALID_ARGUMENT */
export function mergeOptions<T extends ArenaOptions>(
  where: string,
  first: ByteSize | T | undefined,
  more: T | undefined,
  keys: readonly (keyof T & string)[],
): T {
  if (typeof first !== 'number' && typeof first !== 'string') {
    if (first === undefined || more === undefined) return checkOptions(where, first ?? more, keys);
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: chunkBytes must be a size, got ${describe(first)}`);
  }
  const options = checkOptions(where, more, keys);
  if (options.chunkBytes !== undefined) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: chunkBytes is given twice`);
  }
  return { ...options, chunkBytes: first };
}

/** Checks what {@link mergeOptions} gave. @throws ERR_MEMORY_INVALID_ARGUMENT, _OUT_OF_RANGE, _INVALID_ALIGNMENT */
export function planArena(where: string, options: ArenaOptions, defaultName: string): ArenaPlan {
  const most = { minBytes: 1, maxBytes: FAST_LIMIT };
  const chunkBytes = toPages(parseBytes(options.chunkBytes ?? 64 * KIB, `${where}: chunkBytes`, most));
  const { limitBytes, maxChunkBytes, stats, zero } = options;
  return {
    chunkBytes,
    growthFactor:
      options.growthFactor === undefined ? 2 : checkNumber(`${where}: growthFactor`, options.growthFactor, 1, 16),
    maxChunkBytes:
      maxChunkBytes === undefined
        ? Math.max(chunkBytes, 16 * MIB)
        : toPages(parseBytes(maxChunkBytes, `${where}: maxChunkBytes`, { minBytes: chunkBytes, maxBytes: FAST_LIMIT })),
    limitBytes:
      limitBytes === undefined ? null : parseBytes(limitBytes, `${where}: limitBytes`, { minBytes: CHUNK_PAGE }),
    provider: checkProvider(where, options),
    ownMappings: options.provider === undefined,
    budget: options.budget === undefined ? undefined : checkBudget(where, options.budget),
    alignment: options.alignment === undefined ? 8 : checkBlockAlignment(where, options.alignment),
    zero: zero !== undefined && checkBoolean(`${where}: zero`, zero),
    onReset:
      options.onReset === undefined ? 'reuse' : checkOneOf(`${where}: onReset`, options.onReset, ['reuse', 'detach']),
    stats: stats === undefined || checkBoolean(`${where}: stats`, stats),
    name: options.name === undefined ? defaultName : checkString(`${where}: name`, options.name, 200),
  };
}
