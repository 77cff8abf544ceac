// The suite over stacks of adaptors, first over a plain allocator of the tests, then over those of the package.
import { BlockAllocator } from '../../lib/allocators/block';
import { BumpAllocator } from '../../lib/allocators/bump';
import { HeapAllocator, SharedHeapAllocator, SharedSystemAllocator } from '../../lib/allocators/heap';
import { SharedBlockAllocator, SharedBumpAllocator, SharedStackAllocator } from '../../lib/allocators/shared';
import { StackAllocator } from '../../lib/allocators/stack';
import { SystemAllocator } from '../../lib/allocators/system';
import { Arena, LocalArena, ThreadSafeArena } from '../../lib/arenas';
import type { Allocator } from '../../lib/core';
import {
  BudgetedAllocator,
  FailureInjectingAllocator,
  FallbackAllocator,
  GuardedAllocator,
  MonitoredAllocator,
  RecordingAllocator,
  RetryingAllocator,
  TrackedAllocator,
} from '../../lib/tracking';
import { ListAllocator } from '../tracking/support/list-allocator';
import { type AllocatorTraits, allocatorConformance } from './allocator-suite';

const CAPACITY = 2 ** 20;
const LIST: AllocatorTraits = {
  frees: 'any',
  wrongSize: 'exact',
  noRoomCode: 'ERR_MEMORY_ARENA_EXHAUSTED',
  afterDispose: 'kept',
};

type Wrap = (inner: Allocator) => Allocator;

const tracked = (level: 'off' | 'simple' | 'advanced' | 'paranoid'): Wrap => {
  return (inner) => new TrackedAllocator(inner, { level, sampleInterval: 4, stackDepth: 2 });
};
const monitored: Wrap = (inner) => new MonitoredAllocator(inner, { signal: { level: 'low' } });
const budgeted: Wrap = (inner) => new BudgetedAllocator(inner, { limitBytes: '4PiB' });
const guarded: Wrap = (inner) => new GuardedAllocator(inner);
const unquarantined: Wrap = (inner) => new GuardedAllocator(inner, { quarantineBytes: 0 });
const recording: Wrap = (inner) => new RecordingAllocator(inner, { sink: () => {} });
const retrying: Wrap = (inner) => new RetryingAllocator(inner, { onFailure: () => false });
const failing: Wrap = (inner) => new FailureInjectingAllocator(inner);
const fallback: Wrap = (inner) => new FallbackAllocator(inner, new ListAllocator(65_536));

/** Outermost first. */
function stack(...wraps: readonly Wrap[]): Wrap {
  return (inner) => wraps.reduceRight((allocator, wrap) => wrap(allocator), inner);
}

const STACKS: readonly (readonly [name: string, wrap: Wrap])[] = [
  ['tracked off', tracked('off')],
  ['tracked simple', tracked('simple')],
  ['tracked advanced', tracked('advanced')],
  ['tracked paranoid', tracked('paranoid')],
  ['monitored', monitored],
  ['budgeted', budgeted],
  ['guarded', guarded],
  ['guarded without quarantine', unquarantined],
  ['recording', recording],
  ['retrying', retrying],
  ['failing', failing],
  ['fallback', fallback],
  ['fallback in fallback', stack(fallback, fallback)],
  ['tracked over guarded', stack(tracked('paranoid'), guarded)],
  ['guarded over tracked', stack(guarded, tracked('paranoid'))],
  ['guarded over guarded', stack(guarded, guarded)],
  ['budgeted over recording over tracked', stack(budgeted, recording, tracked('simple'))],
  ['retrying over budgeted over guarded', stack(retrying, budgeted, guarded)],
  ['monitored over budgeted over tracked', stack(monitored, budgeted, tracked('advanced'))],
  ['fallback over guarded', stack(fallback, guarded)],
  ['tracked over fallback', stack(tracked('paranoid'), fallback)],
  ['recording over retrying over failing', stack(recording, retrying, failing)],
  [
    'all of them',
    stack(tracked('paranoid'), monitored, recording, retrying, budgeted, failing, guarded, fallback, tracked('simple')),
  ],
];

allocatorConformance('the list allocator of the tests', () => ({ allocator: new ListAllocator(CAPACITY) }), LIST);

describe.each(STACKS)('%s', (name, wrap) => {
  allocatorConformance(`${name} over a list`, () => ({ allocator: wrap(new ListAllocator(CAPACITY)) }), LIST);
});

const BUMP: AllocatorTraits = {
  frees: 'reset',
  wrongSize: 'none',
  detectsInnerFree: false,
  noRoomCode: 'ERR_MEMORY_ARENA_EXHAUSTED',
};
/** A tracker or guards outside make every free exact, whatever is inside. */
const EXACT = { wrongSize: 'exact', detectsInnerFree: true } as const;
const STACK: AllocatorTraits = { frees: 'lifo', wrongSize: 'exact', noRoomCode: 'ERR_MEMORY_ARENA_EXHAUSTED' };
const BLOCK: AllocatorTraits = {
  ...{ frees: 'any', wrongSize: 'exact', noRoomCode: 'ERR_MEMORY_POOL_EXHAUSTED' },
  ...{ maxBlockBytes: 4096, maxAlignment: 4096 },
};
/** Guards stand inside of the block. */
const GUARDED_BLOCK: AllocatorTraits = { ...BLOCK, maxBlockBytes: 2000, maxAlignment: 1024, fillBytes: 2000 };
const HEAP: AllocatorTraits = { frees: 'any', wrongSize: 'class', noRoomCode: 'ERR_MEMORY_ARENA_EXHAUSTED' };
const SYSTEM: AllocatorTraits = { frees: 'any', wrongSize: 'exact', noRoomCode: 'ERR_MEMORY_ARENA_EXHAUSTED' };

const bump = () => new BumpAllocator('1MiB');
const lifo = () => new StackAllocator('1MiB');
const block = () => new BlockAllocator({ blockBytes: 4096, blocks: 256 });
const heap = () => new HeapAllocator('1MiB');
const system = () => new SystemAllocator({ maxBytes: '1MiB' });
const overflow: Wrap = (inner) => new FallbackAllocator(inner, new HeapAllocator('1MiB'));
const ALL = stack(tracked('paranoid'), monitored, recording, retrying, budgeted, failing, guarded, tracked('simple'));

/** Over each allocator of the package. */
const REAL: readonly (readonly [name: string, make: () => Allocator, traits: AllocatorTraits])[] = [
  ['tracked over bump', () => tracked('simple')(bump()), BUMP],
  ['paranoid over bump', () => tracked('paranoid')(bump()), { ...BUMP, ...EXACT }],
  ['guarded over bump', () => guarded(bump()), { ...BUMP, ...EXACT }],
  ['recording over budgeted over bump', () => stack(recording, budgeted)(bump()), BUMP],
  ['bump, then another', () => new FallbackAllocator(bump(), bump()), BUMP],
  ['tracked over stack', () => tracked('paranoid')(lifo()), STACK],
  ['guarded without quarantine over stack', () => unquarantined(lifo()), STACK],
  ['retrying over monitored over stack', () => stack(retrying, monitored)(lifo()), STACK],
  ['tracked over block', () => tracked('advanced')(block()), BLOCK],
  ['budgeted over block', () => budgeted(block()), BLOCK],
  ['guarded over block', () => guarded(block()), GUARDED_BLOCK],
  ['recording over retrying over block', () => stack(recording, retrying)(block()), BLOCK],
  ['tracked over heap', () => tracked('simple')(heap()), HEAP],
  ['paranoid over heap', () => tracked('paranoid')(heap()), { ...HEAP, ...EXACT }],
  ['guarded over heap', () => guarded(heap()), { ...HEAP, ...EXACT }],
  ['guarded without quarantine over heap', () => unquarantined(heap()), { ...HEAP, ...EXACT }],
  ['monitored over budgeted over heap', () => stack(monitored, budgeted)(heap()), HEAP],
  ['heap, then another', () => overflow(heap()), HEAP],
  ['tracked over a heap and a system', () => tracked('paranoid')(new FallbackAllocator(heap(), system())), SYSTEM],
  ['tracked over system', () => tracked('paranoid')(system()), SYSTEM],
  ['guarded over system', () => guarded(system()), SYSTEM],
  ['recording over system without a limit', () => recording(new SystemAllocator()), { ...SYSTEM, bounded: false }],
  ['all of them over heap', () => ALL(heap()), { ...HEAP, ...EXACT }],
  ['all of them over system', () => ALL(system()), SYSTEM],
];

describe.each(REAL)('%s', (name, make, traits) => {
  allocatorConformance(name, () => ({ allocator: make() }), traits);
});

const SHARED = { afterDispose: 'zeros' } as const;
const ARENA: AllocatorTraits = { frees: 'any', wrongSize: 'exact', noRoomCode: 'ERR_MEMORY_ARENA_EXHAUSTED' };

const sharedBump = () => SharedBumpAllocator.create('1MiB');
const sharedStack = () => SharedStackAllocator.create('1MiB');
const sharedBlock = () => SharedBlockAllocator.create({ blockBytes: 4096, blocks: 256 });
const sharedHeap = () => SharedHeapAllocator.create('4MiB');
const sharedSystem = () => SharedSystemAllocator.create('4MiB');
const arena = () => new Arena('8KiB', { limitBytes: '2MiB', maxChunkBytes: '64KiB' });
const localArena = () => new LocalArena('8KiB', { limitBytes: '2MiB', maxChunkBytes: '64KiB' });
const safeArena = () => ThreadSafeArena.create('2MiB', { segmentBytes: '16KiB' });

/** Over the shared mode, and over arenas. */
const OTHERS: readonly (readonly [name: string, make: () => Allocator, traits: AllocatorTraits])[] = [
  ['tracked over shared bump', () => tracked('simple')(sharedBump()), { ...BUMP, detectsInnerFree: true, ...SHARED }],
  ['paranoid over shared bump', () => tracked('paranoid')(sharedBump()), { ...BUMP, ...EXACT, ...SHARED }],
  ['budgeted over shared stack', () => budgeted(sharedStack()), { ...STACK, ...SHARED }],
  ['tracked over shared stack', () => tracked('paranoid')(sharedStack()), { ...STACK, ...SHARED }],
  [
    'recording over retrying over shared block',
    () => stack(recording, retrying)(sharedBlock()),
    { ...BLOCK, ...SHARED },
  ],
  ['guarded over shared block', () => guarded(sharedBlock()), { ...GUARDED_BLOCK, ...SHARED }],
  ['monitored over budgeted over shared heap', () => stack(monitored, budgeted)(sharedHeap()), { ...HEAP, ...SHARED }],
  ['guarded over shared heap', () => guarded(sharedHeap()), { ...HEAP, ...EXACT, ...SHARED }],
  ['paranoid over shared system', () => tracked('paranoid')(sharedSystem()), { ...HEAP, ...EXACT, ...SHARED }],
  ['tracked over an arena', () => tracked('advanced')(arena()), ARENA],
  ['guarded over an arena', () => guarded(arena()), ARENA],
  ['retrying over budgeted over a local arena', () => stack(retrying, budgeted)(localArena()), ARENA],
  ['recording over a thread-safe arena', () => recording(safeArena()), { ...ARENA, frees: 'reset', ...SHARED }],
];

describe.each(OTHERS)('%s', (name, make, traits) => {
  allocatorConformance(name, () => ({ allocator: make() }), traits);
});
