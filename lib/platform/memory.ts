import { getHeapStatistics } from 'node:v8';
import { type Duration, memoryError, parseDuration } from '../core';
import { type Capabilities, capabilities } from './capabilities';
import {
  type AddressRange,
  type HugePages,
  type Limits,
  openSysroot,
  type Pressure,
  type ProcessMemory,
  readHugePages,
  readLimits,
  readPressure,
  readProcessMemory,
  readTopology,
  residentWithin,
  type Sysroot,
  type Topology,
} from './machine';
import { type NativeTotals, native, unwrap } from './native';

/** How long addresses stay reserved after a view was taken away from under its users. */
export interface QuarantineOptions {
  /** When no request of the event loop was in flight at that moment. Default 10 min. */
  readonly idle?: Duration;
  /** When one was, and the loop was never seen without one since. Default 10 min. */
  readonly busy?: Duration;
}

function listRanges(): AddressRange[] {
  for (let capacity = 1024; ; capacity *= 4) {
    const cells = new Float64Array(2 * capacity);
    const count = unwrap(native().ranges(new Uint8Array(cells.buffer)), () => ({ what: 'memory.processMemory()' }));
    if (count > capacity) continue;
    const ranges = Array.from({ length: count }, (_, i) => ({
      start: cells[2 * i] ?? 0,
      bytes: cells[2 * i + 1] ?? 0,
    }));
    return ranges.sort((a, b) => a.start - b.start);
  }
}

function residentBytesOfRegions(root: Sysroot): number | null {
  const ranges = listRanges();
  if (ranges.length === 0) return 0;
  const text = root.readText('/proc/self/smaps');
  return text === null ? null : residentWithin(text, ranges);
}

function memoryUsage(): NodeJS.MemoryUsage {
  try {
    return process.memoryUsage();
  } catch (cause) {
    const { errno, syscall } = cause as NodeJS.ErrnoException;
    const details = { cause, syscall, errno: errno === undefined ? undefined : Math.abs(errno) };
    throw memoryError('ERR_MEMORY_SYSCALL', 'memory.processMemory(): Node.js cannot read its resident size', details);
  }
}

/** What this machine offers, and what this process holds. Everything is read or tried when asked. */
export const memory = Object.freeze({
  /** Each feature: available or not, why, and what would help. Tried once, then kept. */
  capabilities(): Capabilities {
    return capabilities();
  },

  /** NUMA nodes, CPUs, sizes, distances, speeds, tiers and caches. */
  topology(): Topology {
    return readTopology(openSysroot());
  },

  /** The effective memory limit, who set it, every control group above this process, and the resource limits. */
  limits(): Limits {
    return readLimits(openSysroot());
  },

  /** Huge-page pools and the policy for transparent huge pages. */
  hugePages(): HugePages {
    return readHugePages(openSysroot());
  },

  /** Pressure stall information. */
  pressure(): Pressure {
    return readPressure(openSysroot());
  },

  /**
   * Resident memory of this process, reconciled: heap, buffers, our regions and the rest add up to it. Reads
   * /proc/self/smaps: milliseconds, so at most once a scrape.
   */
  processMemory(): ProcessMemory {
    const root = openSysroot();
    return readProcessMemory(root, {
      memoryUsage: memoryUsage(),
      heapStatistics: getHeapStatistics(),
      ours: { residentBytes: residentBytesOfRegions(root), externalBytes: native().totals().localBytes },
    });
  },

  /**
   * What all regions of this process hold, over all its threads.
   *
   * `mappings` is no count of the kernel's: it is what the regions and the ranges kept behind them would need if no two of
   * them touched, each as one, as three with guard pages, and two more for every call on a part of one. The kernel merges
   * neighbors that are alike, so the number may stand far above `mappingLimit` while the process holds a few hundred.
   *
   * `mappingLimit` is where a new region gets ERR_MEMORY_MAP_LIMIT: half of vm.max_map_count, or 0 where the system has no
   * such limit. It is compared with the kernel's own count, which is taken once `mappings` could have passed it.
   */
  totals(): NativeTotals {
    return native().totals();
  },

  /**
   * Gives back the address ranges whose quarantine is over, now instead of at the next tick of its timer.
   * With `all`, also those that still wait: the one call that can end the process, when native work of an unpinned region
   * is still in flight. Only for tests, and for a service that knows that there is none.
   *
   * @returns bytes of address space given back
   */
  drainQuarantine(options: { readonly all?: boolean } = {}): number {
    return native().drain(options.all === true);
  },

  /** For the whole process. @throws ERR_MEMORY_INVALID_ARGUMENT */
  configureQuarantine({ idle = '10min', busy = '10min' }: QuarantineOptions): void {
    const idleMs = parseDuration(idle, 'idle');
    const busyMs = parseDuration(busy, 'busy');
    unwrap(native().configureQuarantine(idleMs, busyMs), () => ({ what: 'memory.configureQuarantine()' }));
  },
});
