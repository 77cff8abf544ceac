import { isProvider } from '../../allocators';
import {
  type BudgetLike,
  type ByteSize,
  type Clock,
  checkBudget,
  checkClock,
  checkInteger,
  checkOneOf,
  checkOptions,
  checkString,
  checkTimers,
  type Duration,
  describe,
  memoryError,
  parseBytes,
  parseDuration,
  type RegionProvider,
  type Timers,
} from '../../core';
import type { Carrier } from '../../platform';
import { TRACKING_LEVELS, type TrackingLevel } from '../../tracking';
import { classSizes } from './size-classes';

/** How a {@link BufferPool} keeps, reuses and limits. */
export interface BufferPoolOptions {
  /** Smallest class, default 256 bytes; 4 KiB with `reuse: 'safe'`, where every buffer has pages of its own. */
  readonly minBytes?: ByteSize;
  /** Largest class, default 1 MiB, at most 1 GiB. */
  readonly maxBytes?: ByteSize;
  /** Above the largest class: `map` (default) a region for each, given back at release, or `refuse`. */
  readonly oversize?: 'map' | 'refuse';
  /**
   * Sizes of the buffers, ascending, instead of `minBytes` and `maxBytes`; rounded up to 64 bytes. Default: four a doubling,
   * which leaves less than 20 % of a buffer unused.
   */
  readonly classes?: readonly ByteSize[];
  /** What views that outlive their lease can reach. Default `batch`; see {@link BufferPool}. */
  readonly reuse?: 'fast' | 'batch' | 'safe';
  /**
   * When the bytes of a former holder are overwritten by zeros. `never` (default) as Buffer.allocUnsafe: nearly everybody
   * writes before reading, and zeros cost 1 to 3 us for 64 KiB, a hundred times the rest. `acquire`: a lease begins as
   * zeros. `release`: nothing stays behind while a buffer waits;
   * what a provider's memory held before is up to the provider.
   */
  readonly zero?: 'never' | 'acquire' | 'release';
  /** Most buffers of a class, lent, idle and resting. Default: no limit. */
  readonly maxBuffersPerClass?: number | null;
  /** The same in bytes. A class whose buffers are larger has none. Default: no limit. */
  readonly maxBytesPerClass?: ByteSize | null;
  /** Most bytes that are mapped in all, oversize ones included. Default: no limit. */
  readonly limitBytes?: ByteSize | null;
  /** Buffers are mapped together, as slabs of about this size, at most 256 in one. Default 2 MiB, a huge page. */
  readonly slabBytes?: ByteSize;
  /** Charged for every slab while it is mapped. Default: none. */
  readonly budget?: BudgetLike;
  /** Where slabs come from. Default: the system. */
  readonly provider?: RegionProvider;
  /**
   * `local` (default): views over ArrayBuffers. `shared`: over SharedArrayBuffers, which cost the collector nothing and
   * which web APIs refuse. Not together with `provider`.
   */
  readonly carrier?: Carrier;
  /** Of the slabs that nobody used for so long, half go back to the system; null: none. Default 10 s. At least 1 ms. */
  readonly decayMs?: Duration | null;
  /**
   * Who holds what: `off` (default), `simple`: the line of code of one loan in 1024, `advanced`: ten frames of one in 128,
   * `paranoid`: ten frames of every one.
   */
  readonly leakLevel?: TrackingLevel;
  readonly name?: string;
  readonly clock?: Clock;
  readonly timers?: Timers;
}

export interface BufferPoolSettings {
  readonly name: string;
  readonly sizes: readonly number[];
  readonly maps: boolean;
  readonly reuse: 'fast' | 'batch' | 'safe';
  readonly zero: 'never' | 'acquire' | 'release';
  readonly maxBuffers: number;
  readonly maxClassBytes: number;
  readonly limitBytes: number;
  readonly slabBytes: number;
  readonly budget: BudgetLike | undefined;
  readonly provider: RegionProvider | undefined;
  readonly carrier: Carrier;
  readonly decayMs: number | null;
  readonly leakLevel: TrackingLevel;
  readonly clock: Clock;
  readonly timers: Timers;
}

const KEYS = [
  'minBytes',
  'maxBytes',
  'oversize',
  'classes',
  'reuse',
  'zero',
  'maxBuffersPerClass',
  'maxBytesPerClass',
  'limitBytes',
  'slabBytes',
  'budget',
  'provider',
  'carrier',
  'decayMs',
  'leakLevel',
  'name',
  'clock',
  'timers',
] as const;

const MOST_BYTES = 2 ** 30;
const PAGE_BYTES = 4096;

function limitOf(name: string, value: ByteSize | null | undefined): number {
  return value === undefined || value === null ? Number.POSITIVE_INFINITY : parseBytes(value, name);
}

function sizesOf(where: string, given: BufferPoolOptions, safe: boolean): readonly number[] {
  const { classes, minBytes, maxBytes } = given;
  if (classes !== undefined && (minBytes !== undefined || maxBytes !== undefined)) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: classes go without minBytes and maxBytes`);
  }
  const most = parseBytes(maxBytes ?? 2 ** 20, `${where}: maxBytes`, { minBytes: 64, maxBytes: MOST_BYTES });
  const least = parseBytes(minBytes ?? Math.min(256, most), `${where}: minBytes`, { minBytes: 64, maxBytes: most });
  return classSizes(where, classes, safe ? Math.min(most, Math.max(least, PAGE_BYTES)) : least, most);
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function readBufferPoolOptions(where: string, options: BufferPoolOptions | undefined): BufferPoolSettings {
  const given = checkOptions<BufferPoolOptions>(where, options, [...KEYS]);
  const clock = checkClock(where, given.clock);
  const timers = checkTimers(where, given.timers);
  const { provider, maxBuffersPerClass: buffers = null } = given;
  if (provider !== undefined && !isProvider(provider)) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: a provider is needed, got ${describe(provider)}`);
  }
  if (provider !== undefined && given.carrier !== undefined) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: carrier goes without provider, which has its own`);
  }
  const reuse = checkOneOf(`${where}: reuse`, given.reuse ?? 'batch', ['fast', 'batch', 'safe']);
  const { decayMs = '10s' } = given;
  const halfLife = decayMs === null ? null : parseDuration(decayMs, `${where}: decayMs`);
  if (halfLife !== null && halfLife < 1) {
    throw memoryError(
      'ERR_MEMORY_OUT_OF_RANGE',
      `${where}: decayMs must be 1 ms or more, or null, got ${halfLife} ms`,
      {
        hint: 'Call trim() where idle memory has to go back at once.',
      },
    );
  }
  return {
    name: checkString(`${where}: name`, given.name ?? 'buffer-pool', 200),
    sizes: sizesOf(where, given, reuse === 'safe'),
    maps: checkOneOf(`${where}: oversize`, given.oversize ?? 'map', ['map', 'refuse']) === 'map',
    reuse,
    zero: checkOneOf(`${where}: zero`, given.zero ?? 'never', ['never', 'acquire', 'release']),
    maxBuffers: buffers === null ? Number.POSITIVE_INFINITY : checkInteger(`${where}: maxBuffersPerClass`, buffers, 1),
    maxClassBytes: limitOf(`${where}: maxBytesPerClass`, given.maxBytesPerClass),
    limitBytes: limitOf(`${where}: limitBytes`, given.limitBytes),
    slabBytes: parseBytes(given.slabBytes ?? 2 ** 21, `${where}: slabBytes`, { minBytes: 1, maxBytes: MOST_BYTES }),
    budget: given.budget === undefined ? undefined : checkBudget(where, given.budget),
    provider,
    carrier: checkOneOf(`${where}: carrier`, given.carrier ?? 'local', ['local', 'shared']),
    decayMs: halfLife,
    leakLevel: checkOneOf(`${where}: leakLevel`, given.leakLevel ?? 'off', TRACKING_LEVELS),
    clock,
    timers,
  };
}
