import { BlockAllocator, BumpAllocator, HeapAllocator, StackAllocator, SystemAllocator } from '../../allocators';
import { type Allocator, alignUp } from '../../core';
import type { EventLog } from '../../tracking';
import type { Arguments } from '../args';
import type { ReplayAllocator } from '../commands';

/** The allocator that a log is played on. */
export interface Chosen {
  readonly kind: ReplayAllocator;
  /** Null: as much as the system gives. */
  readonly capacityBytes: number | null;
  /** Null but for block. */
  readonly block: Block | null;
}

interface Block {
  readonly bytes: number;
  readonly alignment: number;
}

const CLASSES: Readonly<Record<ReplayAllocator, string>> = {
  bump: 'BumpAllocator',
  stack: 'StackAllocator',
  block: 'BlockAllocator',
  heap: 'HeapAllocator',
  system: 'SystemAllocator',
};

const MIB = 2 ** 20;
const LEAST_BLOCK_ALIGNMENT = 16;

/** From the flags, else from what the log was recorded with, else a heap with room to spare. */
export function chooseAllocator(
  args: Pick<Arguments, 'allocator' | 'capacityBytes' | 'blockBytes'>,
  log: EventLog,
): Chosen {
  const kinds = Object.keys(CLASSES) as ReplayAllocator[];
  const recordedKind = kinds.find((kind) => CLASSES[kind] === log.recordedWith?.className);
  const kind = args.allocator ?? recordedKind ?? 'heap';
  const recordedWith = kind === recordedKind ? log.recordedWith : null;
  const block = kind === 'block' ? chooseBlock(args.blockBytes, recordedWith, log) : null;
  const capacityBytes = args.capacityBytes ?? recordedWith?.capacityBytes ?? needed(kind, log, block);
  return { kind, capacityBytes, block };
}

function chooseBlock(blockBytes: number | null, recordedWith: EventLog['recordedWith'], { summary }: EventLog): Block {
  const bytes = blockBytes ?? recordedWith?.blockBytes ?? Math.max(1, summary.largestBytes);
  const alignment = blockBytes === null ? (recordedWith?.blockAlignment ?? null) : null;
  return { bytes, alignment: alignment ?? LEAST_BLOCK_ALIGNMENT };
}

/** Enough for the log: twice the peak where blocks come back, everything where they do not. */
function needed(kind: ReplayAllocator, { summary }: EventLog, block: Block | null): number | null {
  if (kind === 'system') return null;
  // More blocks than ever were handed out are never needed; a closer bound would take a replay.
  if (block !== null) return strideOf(block) * Math.min(Math.max(1, summary.allocations), MIB);
  const bytes = kind === 'bump' ? summary.bumpBytes : 2 * summary.peakBytes + summary.largestBytes;
  return Math.max(1, Math.ceil(bytes / MIB)) * MIB;
}

function strideOf({ bytes, alignment }: Block): number {
  return alignUp(bytes, alignment);
}

/** @throws what the allocator's constructor throws, such as ERR_MEMORY_OUT_OF_MEMORY */
export function openAllocator({ kind, capacityBytes, block }: Chosen): Allocator {
  if (kind === 'system') return new SystemAllocator(capacityBytes === null ? {} : { maxBytes: capacityBytes });
  const bytes = capacityBytes ?? 0;
  if (block !== null) {
    const blocks = Math.max(1, Math.floor(bytes / strideOf(block)));
    return new BlockAllocator({ blockBytes: block.bytes, alignment: block.alignment, blocks });
  }
  if (kind === 'bump') return new BumpAllocator(bytes);
  return kind === 'stack' ? new StackAllocator(bytes) : new HeapAllocator(bytes);
}
