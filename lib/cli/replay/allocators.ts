import { alignUp } from '../../core';
import type { EventLog, RecordedAllocator } from '../../tracking';
import type { Arguments } from '../args';
import { REPLAY_ALLOCATORS, type ReplayAllocator } from '../commands';
import { UnsupportedError, UsageError } from '../errors';

/** What a log can be played on: what a flag can choose, and what only a log can name. */
export type ReplayKind =
  | ReplayAllocator
  | 'arena'
  | 'shared-bump'
  | 'shared-stack'
  | 'shared-block'
  | 'shared-heap'
  | 'shared-system';

/** The allocator that a log is played on. */
export interface Chosen {
  readonly kind: ReplayKind;
  /** Null: as much as the system gives. */
  readonly capacityBytes: number | null;
  /** Null but for blocks of one size. */
  readonly block: Block | null;
  /** Of the recorded allocator, as the log has them. Empty for another one. */
  readonly options: Readonly<Record<string, string>>;
}

interface Block {
  readonly bytes: number;
  readonly alignment: number;
}

type Flags = Pick<Arguments, 'allocator' | 'capacityBytes' | 'blockBytes'>;

const KINDS: Readonly<Record<string, ReplayKind>> = {
  BumpAllocator: 'bump',
  StackAllocator: 'stack',
  BlockAllocator: 'block',
  HeapAllocator: 'heap',
  SystemAllocator: 'system',
  Arena: 'arena',
  LocalArena: 'arena',
  CrossThreadArena: 'arena',
  SharedBumpAllocator: 'shared-bump',
  SharedStackAllocator: 'shared-stack',
  SharedBlockAllocator: 'shared-block',
  SharedHeapAllocator: 'shared-heap',
  SharedSystemAllocator: 'shared-system',
};

/** They change no counter while they let everything through. */
const TRANSPARENT = [
  'TrackedAllocator',
  'RecordingAllocator',
  'MonitoredAllocator',
  'BudgetedAllocator',
  'RetryingAllocator',
];

const MIB = 2 ** 20;
const LEAST_BLOCK_ALIGNMENT = 16;

/**
 * From the flags, else exactly what the log was recorded with, else a heap with room to spare.
 *
 * @throws UnsupportedError without a flag where the recorded one cannot be built again, UsageError for --block without blocks
 */
export function chooseAllocator(args: Flags, log: EventLog): Chosen {
  const { recordedWith } = log;
  const recordedKind = recordedWith === null ? null : kindOf(recordedWith.className);
  if (args.allocator === null && recordedWith !== null) refuseForeign(recordedWith);
  const kind = args.allocator ?? recordedKind ?? 'heap';
  if (args.blockBytes !== null && kind !== 'block') {
    throw new UsageError(`--block is for --allocator block, and this is played on ${kind}.`, 'replay');
  }
  const same = kind === recordedKind ? recordedWith : null;
  const block = kind === 'block' ? chooseBlock(args.blockBytes, same, log) : null;
  const capacityBytes = args.capacityBytes ?? same?.capacityBytes ?? needed(kind, log, block);
  const resized = args.capacityBytes !== null || args.blockBytes !== null;
  return { kind, capacityBytes, block, options: same === null || (resized && block !== null) ? {} : same.options };
}

/** Why the counters of a log cannot come out again, whatever it is played on; null where they can. */
export function whyIncomparable({ recordedWith }: EventLog): string | null {
  if (recordedWith === null || recordedWith.fresh) return null;
  return `${recordedWith.className} was in use before recording began, and the log does not hold that`;
}

function kindOf(className: string): ReplayKind | null {
  return Object.hasOwn(KINDS, className) ? (KINDS[className] ?? null) : null;
}

/** @throws UnsupportedError for what would be played on something else than it was recorded on */
function refuseForeign(recordedWith: RecordedAllocator): void {
  const why = obstacle(recordedWith);
  if (why === null) return;
  const { adaptors, className } = recordedWith;
  const name = [...adaptors, className === '' ? 'a class without a name' : className].join(' around ');
  const kinds = REPLAY_ALLOCATORS.join(', ');
  throw new UnsupportedError(
    `recorded on ${name}, which cannot be rebuilt here; choose --allocator (${kinds}).`,
    `Why: ${why}.`,
  );
}

function obstacle({ adaptors, className, interventions, options }: RecordedAllocator): string | null {
  const adaptor = adaptors.find((name) => !TRANSPARENT.includes(name));
  if (adaptor !== undefined) return `the log does not hold what ${adaptor} does by itself`;
  if (interventions > 0) return `adaptors refused or tried again ${interventions} times for reasons that no log holds`;
  const kind = kindOf(className);
  if (kind === null) return 'it is no allocator that this command knows';
  // Blocks that do not grow asked for their memory once, before the first row.
  if (kind === 'block' && options['maxBlocks'] === options['blocks']) return null;
  if (options['budget'] !== undefined) return 'its memory was charged to a budget';
  const hasProvider = options['provider'] !== undefined || options['ownMappings'] === 'false';
  return hasProvider ? 'its memory came from a provider' : null;
}

function chooseBlock(blockBytes: number | null, recordedWith: EventLog['recordedWith'], { summary }: EventLog): Block {
  const bytes = blockBytes ?? recordedWith?.blockBytes ?? Math.max(1, summary.largestBytes);
  const alignment = blockBytes === null ? (recordedWith?.blockAlignment ?? null) : null;
  return { bytes, alignment: alignment ?? LEAST_BLOCK_ALIGNMENT };
}

/** Enough for the log: twice the peak where blocks come back, everything where they do not. */
function needed(kind: ReplayKind, { summary }: EventLog, block: Block | null): number | null {
  if (kind === 'system' || kind === 'arena') return null;
  // More blocks than ever were handed out are never needed; a closer bound would take a replay.
  if (block !== null) return strideOf(block) * Math.min(Math.max(1, summary.allocations), MIB);
  const bytes = kind === 'bump' ? summary.bumpBytes : 2 * summary.peakBytes + summary.largestBytes;
  return Math.max(1, Math.ceil(bytes / MIB)) * MIB;
}

/** Distance of two blocks. */
export function strideOf({ bytes, alignment }: Block): number {
  return alignUp(bytes, alignment);
}
