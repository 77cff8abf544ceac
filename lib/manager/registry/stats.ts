import type { AllocatorStats } from '../../core';
import type { Owner } from './handles';

/** Sums over the allocators of a manager. Bytes; counters stop at 2^53 - 1. */
export interface ManagerStats {
  readonly name: string;
  /** Sums. `peakUsedBytes` is the sum of the peaks, which need not have been at one moment; the counters hold those that have left, too. */
  readonly total: Omit<AllocatorStats, 'name'>;
  readonly allocators: readonly (AllocatorStats & { readonly registeredAs: string })[];
  /** Names of those whose stats() threw: they are in no sum. */
  readonly unreadable: readonly string[];
}

/** Counters of allocators that were unregistered, so that sums never fall. */
export interface Departed {
  allocations: number;
  deallocations: number;
  failures: number;
  resets: number;
}

function add(a: number, b: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, a + b);
}

/** What an allocator tells of itself; null where it throws. */
export function readStats(owner: Owner): AllocatorStats | null {
  try {
    return owner.allocator.stats();
  } catch {
    return null;
  }
}

/** Keeps the counters of one that leaves. */
export function noteDeparture(departed: Departed, owner: Owner): void {
  const stats = readStats(owner);
  if (stats === null) return;
  departed.allocations = add(departed.allocations, stats.allocations);
  departed.deallocations = add(departed.deallocations, stats.deallocations);
  departed.failures = add(departed.failures, stats.failures);
  departed.resets = add(departed.resets, stats.resets);
}

export function sumStats(name: string, owners: Iterable<Owner>, departed: Departed): ManagerStats {
  const total = {
    ...departed,
    liveAllocations: 0,
    usedBytes: 0,
    peakUsedBytes: 0,
    capacityBytes: 0 as number | null,
    reservedBytes: 0,
  };
  const allocators: (AllocatorStats & { readonly registeredAs: string })[] = [];
  const unreadable: string[] = [];
  for (const owner of owners) {
    const stats = readStats(owner);
    if (stats === null) {
      unreadable.push(owner.name);
      continue;
    }
    allocators.push(Object.freeze({ registeredAs: owner.name, ...stats }));
    total.allocations = add(total.allocations, stats.allocations);
    total.deallocations = add(total.deallocations, stats.deallocations);
    total.failures = add(total.failures, stats.failures);
    total.resets = add(total.resets, stats.resets);
    total.liveAllocations = add(total.liveAllocations, stats.liveAllocations);
    total.usedBytes = add(total.usedBytes, stats.usedBytes);
    total.peakUsedBytes = add(total.peakUsedBytes, stats.peakUsedBytes);
    total.reservedBytes = add(total.reservedBytes, stats.reservedBytes);
    const { capacityBytes } = stats;
    total.capacityBytes =
      total.capacityBytes === null || capacityBytes === null ? null : add(total.capacityBytes, capacityBytes);
  }
  return Object.freeze({ name, total: Object.freeze(total), allocators: Object.freeze(allocators), unreadable });
}
