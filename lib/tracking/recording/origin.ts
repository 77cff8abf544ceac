import { AllocatorBase } from '../../allocators';
import type { Allocator } from '../../core';
import { AllocatorAdaptor, unwrap } from '../base';
import { RetryingAllocator } from '../retrying';
import type { NoteFacts } from './format';

/** What stands in the first row of a log: enough to build the allocator again, and the counters as they were then. */
export function originOf(inner: Allocator): NoteFacts {
  const bottom = unwrap(inner);
  const { allocations, deallocations, failures, resets, liveAllocations, usedBytes, peakUsedBytes, capacityBytes } =
    inner.stats();
  const adaptors = adaptorsOf(inner).map(classOf);
  return {
    allocator: classOf(bottom),
    ...(adaptors.length === 0 ? {} : { adaptors: adaptors.join('>') }),
    ...(capacityBytes === null ? {} : { capacity: capacityBytes }),
    ...(bottom instanceof AllocatorBase ? bottom.recipe() : {}),
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
