import { isProvider } from '../../allocators';
import {
  type ByteSize,
  checkInteger,
  checkOptions,
  describe,
  type MemoryError,
  memoryError,
  parseBytes,
  type RegionProvider,
} from '../../core';
import type { AdaptorDescription } from '../../manager';
import type { Region } from '../../platform';

/** Where a request is served: the smallest at the top. */
export type TierName = 'stack' | 'pool' | 'arena' | 'system';

export const TIER_NAMES: readonly TierName[] = Object.freeze(['stack', 'pool', 'arena', 'system']);

/** Short-lived small blocks: one stack of this thread, whose freed room comes back when everything newer is free too. */
export interface StackTierOptions {
  /** Largest request. Default 1 KiB. */
  readonly upToBytes?: ByteSize;
  /** Memory of the stack. Default 1 MiB; 64 KiB to 256 MiB. */
  readonly bytes?: ByteSize;
}

/** Blocks of one size beside the heap of the pools: for requests over half of it, up to it. */
export interface PoolClassOptions {
  readonly blockBytes: ByteSize;
  readonly blocks: number;
  /** Blocks in all, growth included. Default: `blocks`. */
  readonly maxBlocks?: number;
}

/** Any size, freed in any order: heaps with size classes, which are added one by one as they fill. */
export interface PoolTierOptions {
  /** Largest request. Default 10 MiB. */
  readonly upToBytes?: ByteSize;
  /** Memory of each heap. Default 64 MiB; reserved, and present as it is used. */
  readonly bytes?: ByteSize;
  /** Memory of all heaps. Default 1 GiB. */
  readonly maxBytes?: ByteSize;
  readonly classes?: readonly PoolClassOptions[];
  readonly provider?: RegionProvider<Region>;
  /** A preset of HeapAllocator: `production`, `debug`, `performance`. */
  readonly preset?: string;
  /** Adaptors around each heap, as AllocatorFactory knows them. */
  readonly adaptors?: readonly AdaptorDescription[];
}

/** Large blocks that come and go together: arenas, each of which is used again when its last block is freed. */
export interface ArenaTierOptions {
  /** Largest request. Default 100 MiB. */
  readonly upToBytes?: ByteSize;
  /** Most memory of one arena. Default 256 MiB. */
  readonly bytes?: ByteSize;
  /** Most arenas. Default 4. */
  readonly arenas?: number;
  /** The first chunk of an arena. Default 16 MiB. */
  readonly chunkBytes?: ByteSize;
  /** Memory that all empty arenas together keep for the next request. Default 128 MiB. */
  readonly retainBytes?: ByteSize;
  readonly provider?: RegionProvider<Region>;
}

/** A region for each block, back at the system when it is freed. */
export interface SystemTierOptions {
  /** Most bytes in use. Default: none but the system's own. */
  readonly maxBytes?: ByteSize;
  readonly provider?: RegionProvider<Region>;
}

export interface TierOptions {
  /** False leaves the tier out; so does every other one. */
  readonly stack?: StackTierOptions | false;
  readonly pool?: PoolTierOptions | false;
  readonly arena?: ArenaTierOptions | false;
  readonly system?: SystemTierOptions | false;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

function invalid(message: string): MemoryError {
  return memoryError('ERR_MEMORY_INVALID_ARGUMENT', message);
}

function bytesOf(
  value: ByteSize | undefined,
  fallback: number,
  name: string,
  minBytes: number,
  maxBytes?: number,
): number {
  return parseBytes(value ?? fallback, name, maxBytes === undefined ? { minBytes } : { minBytes, maxBytes });
}

function checkProvider(
  where: string,
  provider: RegionProvider<Region> | undefined,
): RegionProvider<Region> | undefined {
  if (provider === undefined || isProvider(provider)) return provider;
  throw invalid(`${where}: provider must have acquire and release, got ${describe(provider)}`);
}

export interface StackPlan {
  readonly upToBytes: number;
  readonly bytes: number;
}

export interface PoolPlan {
  readonly upToBytes: number;
  readonly bytes: number;
  readonly maxHeaps: number;
  readonly classes: readonly { readonly blockBytes: number; readonly blocks: number; readonly maxBlocks: number }[];
  readonly provider: RegionProvider<Region> | undefined;
  readonly preset: string | undefined;
  readonly adaptors: readonly AdaptorDescription[];
}

export interface ArenaPlan {
  readonly upToBytes: number;
  readonly bytes: number;
  readonly arenas: number;
  readonly chunkBytes: number;
  readonly retainBytes: number;
  readonly provider: RegionProvider<Region> | undefined;
}

export interface SystemPlan {
  readonly maxBytes: number | undefined;
  readonly provider: RegionProvider<Region> | undefined;
}

/** Checked options; null for a tier that is left out. */
export interface TierPlans {
  readonly stack: StackPlan | null;
  readonly pool: PoolPlan | null;
  readonly arena: ArenaPlan | null;
  readonly system: SystemPlan | null;
}

function planStack(where: string, options: StackTierOptions | undefined): StackPlan {
  const { upToBytes, bytes } = checkOptions<StackTierOptions>(where, options, ['upToBytes', 'bytes']);
  const size = bytesOf(bytes, MIB, `${where}: bytes`, 64 * KIB, 256 * MIB);
  return { bytes: size, upToBytes: bytesOf(upToBytes, KIB, `${where}: upToBytes`, 1, Math.min(size, 32 * KIB)) };
}

function planPool(where: string, options: PoolTierOptions | undefined): PoolPlan {
  const given = checkOptions<PoolTierOptions>(where, options, [
    ...(['upToBytes', 'bytes', 'maxBytes', 'classes', 'provider', 'preset', 'adaptors'] as const),
  ]);
  const bytes = bytesOf(given.bytes, 64 * MIB, `${where}: bytes`, 64 * KIB, 2 ** 40);
  const maxBytes = bytesOf(given.maxBytes, Math.max(bytes, GIB), `${where}: maxBytes`, bytes);
  const { classes = [], adaptors = [], preset } = given;
  if (!Array.isArray(classes)) throw invalid(`${where}: classes must be an array, got ${describe(classes)}`);
  if (!Array.isArray(adaptors)) throw invalid(`${where}: adaptors must be an array, got ${describe(adaptors)}`);
  return {
    bytes,
    maxHeaps: Math.max(1, Math.floor(maxBytes / bytes)),
    upToBytes: bytesOf(given.upToBytes, 10 * MIB, `${where}: upToBytes`, 1),
    classes: (classes as PoolClassOptions[]).map((one) => planClass(`${where}: classes`, one)),
    provider: checkProvider(where, given.provider),
    preset,
    adaptors,
  };
}

function planClass(where: string, options: PoolClassOptions): PoolPlan['classes'][number] {
  const given = checkOptions<PoolClassOptions>(where, options, ['blockBytes', 'blocks', 'maxBlocks']);
  const blocks = checkInteger(`${where}: blocks`, given.blocks, 1);
  return {
    blockBytes: parseBytes(given.blockBytes, `${where}: blockBytes`, { minBytes: 1, maxBytes: GIB }),
    blocks,
    maxBlocks: checkInteger(`${where}: maxBlocks`, given.maxBlocks ?? blocks, blocks),
  };
}

function planArena(where: string, options: ArenaTierOptions | undefined): ArenaPlan {
  const given = checkOptions<ArenaTierOptions>(where, options, [
    ...(['upToBytes', 'bytes', 'arenas', 'chunkBytes', 'retainBytes', 'provider'] as const),
  ]);
  const bytes = bytesOf(given.bytes, 256 * MIB, `${where}: bytes`, 64 * KIB);
  return {
    bytes,
    arenas: checkInteger(`${where}: arenas`, given.arenas ?? 4, 1, 64),
    chunkBytes: bytesOf(
      given.chunkBytes,
      Math.min(bytes, 16 * MIB),
      `${where}: chunkBytes`,
      4 * KIB,
      Math.min(bytes, GIB),
    ),
    upToBytes: bytesOf(given.upToBytes, 100 * MIB, `${where}: upToBytes`, 1),
    retainBytes: bytesOf(given.retainBytes, 128 * MIB, `${where}: retainBytes`, 0),
    provider: checkProvider(where, given.provider),
  };
}

function planSystem(where: string, options: SystemTierOptions | undefined): SystemPlan {
  const { maxBytes, provider } = checkOptions<SystemTierOptions>(where, options, ['maxBytes', 'provider']);
  return {
    maxBytes: maxBytes === undefined ? undefined : parseBytes(maxBytes, `${where}: maxBytes`, { minBytes: 1 }),
    provider: checkProvider(where, provider),
  };
}

/**
 * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE for thresholds that do not rise from tier to tier, or when
 *   every tier is left out
 */
export function planTiers(where: string, options: TierOptions): TierPlans {
  const plans: TierPlans = {
    stack: options.stack === false ? null : planStack(`${where}: stack`, options.stack),
    pool: options.pool === false ? null : planPool(`${where}: pool`, options.pool),
    arena: options.arena === false ? null : planArena(`${where}: arena`, options.arena),
    system: options.system === false ? null : planSystem(`${where}: system`, options.system),
  };
  let below = { name: '', upToBytes: 0 };
  for (const name of ['stack', 'pool', 'arena'] as const) {
    const upToBytes = plans[name]?.upToBytes;
    if (upToBytes === undefined) continue;
    if (upToBytes <= below.upToBytes) {
      throw memoryError(
        'ERR_MEMORY_OUT_OF_RANGE',
        `${where}: ${name}.upToBytes must be above ${below.name}.upToBytes (${below.upToBytes} bytes), got ${upToBytes}`,
      );
    }
    below = { name, upToBytes };
  }
  if (below.upToBytes === 0 && plans.system === null) throw invalid(`${where}: every tier is left out`);
  return plans;
}
