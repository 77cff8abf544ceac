import {
  BlockAllocator,
  BumpAllocator,
  HeapAllocator,
  SharedBlockAllocator,
  SharedBumpAllocator,
  SharedHeapAllocator,
  SharedStackAllocator,
  SharedSystemAllocator,
  StackAllocator,
  SystemAllocator,
} from '../../allocators';
import { Arena } from '../../arenas';
import type { Allocator } from '../../core';
import { type Chosen, type ReplayKind, strideOf } from './allocators';

type Numbers = Readonly<Record<string, number>>;

/**
 * Each with the options that its counters depend on. Counters are always on, fills and zeros are left out: nothing looks at
 * the memory.
 */
const BUILDERS: Readonly<Record<ReplayKind, (bytes: number, options: Numbers, chosen: Chosen) => Allocator>> = {
  bump: (bytes, options) => new BumpAllocator(bytes, pick(options, 'leastBytes')),
  stack: (bytes) => new StackAllocator(bytes),
  heap: (bytes) => new HeapAllocator(bytes),
  block: buildBlock,
  system: (_, __, { capacityBytes }) => new SystemAllocator(capacityBytes === null ? {} : { maxBytes: capacityBytes }),
  arena: (_, options, { capacityBytes }) => {
    const limit = capacityBytes === null ? {} : { limitBytes: capacityBytes };
    return new Arena({ ...pick(options, 'chunkBytes', 'growthFactor', 'maxChunkBytes', 'alignment'), ...limit });
  },
  'shared-bump': (bytes, options) => SharedBumpAllocator.create(bytes, pick(options, 'owners')),
  'shared-stack': (bytes, options) => SharedStackAllocator.create(bytes, pick(options, 'owners', 'maxBlocks')),
  'shared-block': buildSharedBlock,
  'shared-heap': (bytes, options) => SharedHeapAllocator.create(bytes, pick(options, 'owners')),
  'shared-system': (bytes, options) => SharedSystemAllocator.create(bytes, pick(options, 'owners', 'pageBytes')),
};

/** @throws what the allocator's constructor throws, such as ERR_MEMORY_OUT_OF_MEMORY */
export function openAllocator(chosen: Chosen): Allocator {
  const numbers: Record<string, number> = {};
  for (const [key, text] of Object.entries(chosen.options)) {
    if (/^\d+(\.\d+)?$/.test(text)) numbers[key] = Number(text);
  }
  return BUILDERS[chosen.kind](chosen.capacityBytes ?? 0, numbers, chosen);
}

/** Those of the options that the log has: logs of before have none. */
function pick<K extends string>(options: Numbers, ...keys: readonly K[]): { readonly [P in K]?: number } {
  const picked: { [P in K]?: number } = {};
  for (const key of keys) {
    const value = options[key];
    if (value !== undefined) picked[key] = value;
  }
  return picked;
}

function buildBlock(bytes: number, options: Numbers, { block }: Chosen): Allocator {
  const { bytes: blockBytes, alignment } = block ?? { bytes: 1, alignment: 1 };
  const fitting = Math.max(1, Math.floor(bytes / strideOf({ bytes: blockBytes, alignment })));
  const { blocks = fitting, ...growth } = pick(options, 'blocks', 'maxBlocks', 'growBlocks');
  return new BlockAllocator({ blockBytes, alignment, blocks, ...growth });
}

function buildSharedBlock(bytes: number, options: Numbers): Allocator {
  const { blockBytes = 1, blocks, owners } = options;
  const more = owners === undefined ? {} : { owners };
  const count = blocks === undefined || bytes < blocks * blockBytes ? Math.floor(bytes / blockBytes) : blocks;
  return SharedBlockAllocator.create({ blockBytes, blocks: count, ...more });
}
