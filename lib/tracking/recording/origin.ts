import type { Allocator } from '../../core';
import { AllocatorAdaptor, unwrap } from '../base';
import { RetryingAllocator } from '../retrying';
import type { NoteFacts } from './format';

type Fact = readonly [key: string, path: string];

const own = (...keys: readonly string[]): Fact[] => keys.map((key) => [key, key]);
const within = (field: string, ...keys: readonly string[]): Fact[] => keys.map((key) => [key, `${field}.${key}`]);

const OWNERS = within('memory.layout', 'owners');
const ARENA: readonly Fact[] = [
  ...within('plan', 'chunkBytes', 'growthFactor', 'maxChunkBytes', 'alignment', 'ownMappings', 'budget'),
];

/**
 * Where each class keeps the options that its counters depend on. Some of these fields are private, and the recorder is the
 * only other reader: test/cli/replay-exact.test.ts plays a log of every class back, and fails when one is renamed.
 */
const OPTIONS: Readonly<Record<string, readonly Fact[]>> = {
  BumpAllocator: own('leastBytes'),
  BlockAllocator: [
    ...own('blockBytes', 'blockAlignment'),
    ...within('settings', 'blocks', 'maxBlocks', 'growBlocks', 'provider', 'budget'),
  ],
  SystemAllocator: [...own('pageBytes'), ...within('supply', 'provider', 'budget')],
  SharedBumpAllocator: OWNERS,
  SharedStackAllocator: [...own('maxBlocks'), ...OWNERS],
  SharedBlockAllocator: [...own('blockBytes', 'blocks'), ...OWNERS],
  SharedHeapAllocator: OWNERS,
  SharedSystemAllocator: [...own('pageBytes'), ...OWNERS],
  Arena: ARENA,
  LocalArena: ARENA,
  CrossThreadArena: ARENA,
};

/** Stands for a budget or provider: that there is one is all that a log can tell. */
const GIVEN = 'given';

/** What stands in the first row of a log: enough to build the allocator again, and the counters as they were then. */
export function originOf(inner: Allocator): NoteFacts {
  const bottom = unwrap(inner);
  const className = classOf(bottom);
  const options: Record<string, string | number> = {};
  for (const [key, path] of Object.hasOwn(OPTIONS, className) ? (OPTIONS[className] ?? []) : []) {
    const value = valueAt(bottom, path);
    if (value !== null) options[key] = value;
  }
  const { allocations, deallocations, failures, resets, liveAllocations, usedBytes, peakUsedBytes, capacityBytes } =
    inner.stats();
  const adaptors = adaptorsOf(inner).map(classOf);
  return {
    allocator: className,
    ...(adaptors.length === 0 ? {} : { adaptors: adaptors.join('>') }),
    ...(capacityBytes === null ? {} : { capacity: capacityBytes }),
    ...(valueAt(bottom, 'step') === 0 ? { counters: 'off' } : {}),
    ...options,
    ...{ allocations, deallocations, failures, resets, live: liveAllocations, used: usedBytes, peak: peakUsedBytes },
  };
}

/**
 * How often the adaptors decided by themselves, and not for what stands in the log: refusals of budgets and monitors, and
 * the further attempts of retrying ones.
 */
export function interventionsOf(inner: Allocator): number {
  let count = 0;
  for (const adaptor of adaptorsOf(inner)) {
    if (adaptor instanceof RetryingAllocator) count += adaptor.retries;
    else count += Math.max(0, adaptor.stats().failures - adaptor.inner.stats().failures);
  }
  return count;
}

function adaptorsOf(allocator: Allocator): AllocatorAdaptor[] {
  const adaptors: AllocatorAdaptor[] = [];
  for (let at = allocator; at instanceof AllocatorAdaptor; at = at.inner) adaptors.push(at);
  return adaptors;
}

function classOf(allocator: Allocator): string {
  return allocator.constructor?.name ?? '';
}

function valueAt(allocator: Allocator, path: string): string | number | null {
  let value: unknown = allocator;
  try {
    for (const key of path.split('.')) value = (value as Record<string, unknown> | null | undefined)?.[key];
  } catch {
    return null; // somebody else's getter
  }
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'object' && value !== null) return GIVEN;
  return typeof value === 'number' || typeof value === 'string' ? value : null;
}
