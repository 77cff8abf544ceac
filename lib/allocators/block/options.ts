import {
  alignUp,
  type ByteSize,
  checkAlignment,
  checkedMultiply,
  checkInteger,
  checkOptions,
  describe,
  memoryError,
  parseBytes,
} from '../../core';
import { Region } from '../../platform';
import { type AllocatorOptions, COMMON_OPTIONS, type CommonSettings, commonSettings } from '../base';

/** Options of a {@link BlockAllocator} but for who says how many blocks there are. */
export interface BlockShape extends AllocatorOptions {
  /** Size of a block: 1 byte to 1 GiB. Blocks lie this far apart, rounded up to their alignment. */
  readonly blockBytes: ByteSize;
  /** Blocks to begin with, at least 1. Default with `region`: as many as fit. Required otherwise. */
  readonly blocks?: number;
  /**
   * Alignment of every block, a power of two to 4096. Default: the largest that divides `blockBytes`, at least 8.
   * Requests for a larger one are refused.
   */
  readonly alignment?: number;
  /** Memory of somebody else's; it stays theirs. Cannot grow. */
  readonly region?: Region;
  /** Blocks in all, growth included. Default: `blocks`, no growth. At most 2^31 - 4. */
  readonly maxBlocks?: number;
  /** Blocks that one step of growth adds: a region each. Default: `blocks`. */
  readonly growBlocks?: number;
}

/** Options of {@link BlockAllocator}: `blocks` says how many there are, unless a `region` does. */
export type BlockOptions = BlockShape & ({ readonly blocks: number } | { readonly region: Region });

/** Sizes and counts that fit together. */
export interface BlockSettings extends CommonSettings {
  readonly blockBytes: number;
  /** Distance of two blocks. */
  readonly strideBytes: number;
  readonly alignment: number;
  readonly blocks: number;
  readonly maxBlocks: number;
  readonly growBlocks: number;
  readonly region: Region | undefined;
}

/** The original's presets; its back-off and retry limits have no counterpart here. */
export const BLOCK_PRESETS = {
  production: { stats: false },
  debug: { stats: true, allocFill: 0xbb, freeFill: 0xdd },
  performance: { stats: false },
} as const satisfies Record<string, AllocatorOptions>;

const MAX_BLOCKS = 2 ** 31 - 4; // two numbers of the 32-bit links mean something else
const MAX_BLOCK_BYTES = 2 ** 30; // sizes stand in the same words
const KEYS = [...COMMON_OPTIONS, 'blockBytes', 'blocks', 'alignment', 'region', 'maxBlocks', 'growBlocks'] as const;

function defaultAlignment(blockBytes: number): number {
  let alignment = 8;
  while (alignment < 4096 && blockBytes % (alignment * 2) === 0) alignment *= 2;
  return alignment;
}

function blockCount(where: string, options: BlockOptions, strideBytes: number): number {
  const { blocks, region } = options;
  if (blocks !== undefined) return checkInteger(`${where}: blocks`, blocks, 1, MAX_BLOCKS);
  const fitting = region === undefined ? -1 : Math.floor(region.byteLength / strideBytes);
  if (fitting === 0) {
    throw memoryError(
      'ERR_MEMORY_OUT_OF_RANGE',
      `${where}: the region holds no block of ${strideBytes} bytes, it has ${region?.byteLength}`,
    );
  }
  if (fitting > 0) return Math.min(fitting, MAX_BLOCKS);
  throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: blocks is required where no region is given`);
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_INVALID_ALIGNMENT, ERR_MEMORY_OVERFLOW */
export function blockSettings(where: string, given: BlockOptions): BlockSettings {
  const options = checkOptions<BlockOptions>(where, given, KEYS);
  const blockBytes = parseBytes(options.blockBytes, `${where}: blockBytes`, { minBytes: 1, maxBytes: MAX_BLOCK_BYTES });
  const alignment =
    options.alignment === undefined
      ? defaultAlignment(blockBytes)
      : checkAlignment(options.alignment, 4096, `${where}: alignment`);
  const strideBytes = alignUp(blockBytes, alignment);
  const common = commonSettings(where, options);
  const { region } = options;
  if (region !== undefined && !(region instanceof Region)) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: region must be a Region, got ${describe(region)}`);
  }
  if (region?.state === 'freed') throw memoryError('ERR_MEMORY_FREED', `${where}: the region was freed before`);
  const blocks = blockCount(where, options, strideBytes);
  const maxBlocks =
    options.maxBlocks === undefined
      ? blocks
      : checkInteger(`${where}: maxBlocks`, options.maxBlocks, blocks, MAX_BLOCKS);
  if (region !== undefined && (maxBlocks > blocks || checkedMultiply(blocks, strideBytes) > region.byteLength)) {
    throw memoryError(
      'ERR_MEMORY_OUT_OF_RANGE',
      `${where}: the region of ${region.byteLength} bytes cannot hold ${maxBlocks} blocks of ${strideBytes} bytes`,
      { requestedBytes: checkedMultiply(maxBlocks, strideBytes), limitBytes: region.byteLength },
    );
  }
  checkedMultiply(maxBlocks, strideBytes);
  const growBlocks =
    options.growBlocks === undefined ? blocks : checkInteger(`${where}: growBlocks`, options.growBlocks, 1, MAX_BLOCKS);
  return { ...common, blockBytes, strideBytes, alignment, blocks, maxBlocks, growBlocks, region };
}
