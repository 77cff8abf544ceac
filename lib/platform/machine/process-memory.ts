import { type Degraded, DegradedList } from './degraded';
import { parseKeyed } from './parse';
import type { Sysroot } from './sysroot';

/** What the caller knows of the process, injected so that a copied machine can be read. All in bytes. */
export interface ProcessNumbers {
  /** `process.memoryUsage()` */
  readonly memoryUsage: {
    readonly rss: number;
    readonly heapTotal: number;
    readonly external: number;
    readonly arrayBuffers: number;
  };
  /** `v8.getHeapStatistics()`; its physical size is nearer to residency than `heapTotal`. */
  readonly heapStatistics?: { readonly total_physical_size: number } | undefined;
  /** This package's own regions, or undefined when it holds none. */
  readonly ours?:
    | {
        /** Resident pages of all regions that count in RSS (no hugetlb pages); null when not known. */
        readonly residentBytes: number | null;
        /** What the regions' buffers add to `external`, resident or not. Default 0. */
        readonly externalBytes?: number;
      }
    | undefined;
}

/**
 * The parts of RSS: they are never negative and add up to `rssBytes` exactly. V8 tells what was asked for, not what is
 * resident, so external memory and array buffers are upper bounds: each is cut to what the parts before it leave.
 */
export interface MemoryBreakdown {
  /** Pages of this package's regions; null when not known, and then they are within `otherBytes` or the buffers. */
  readonly oursResidentBytes: number | null;
  readonly heapBytes: number;
  /** Array buffers of others. */
  readonly arrayBuffersBytes: number;
  /** External memory that is no array buffer. */
  readonly externalBytes: number;
  /** Code, stacks, native heaps, files and everything that is not told. */
  readonly otherBytes: number;
}

export interface ProcessMemory {
  readonly rssBytes: number;
  /** Shared pages counted by their share. */
  readonly pssBytes: number | null;
  /** Private pages: what ending the process gives back. */
  readonly ussBytes: number | null;
  readonly peakRssBytes: number | null;
  readonly swapBytes: number | null;
  /** Huge pages of the pools, which RSS leaves out. */
  readonly hugetlbBytes: number | null;
  readonly lockedBytes: number | null;
  readonly virtualBytes: number | null;
  readonly breakdown: MemoryBreakdown;
  /** Bytes that V8 and this package claim beyond RSS: reserved and not resident, or swapped out. */
  readonly notResidentBytes: number;
  readonly degraded: readonly Degraded[];
}

/** Reads the memory of this process and splits its RSS. Never throws; without /proc it rests on the numbers given. */
export function readProcessMemory(sysroot: Sysroot, numbers: ProcessNumbers): ProcessMemory {
  const degraded = new DegradedList();
  const status = parseKeyed(sysroot.readText('/proc/self/status'));
  const rollup = parseKeyed(sysroot.readText('/proc/self/smaps_rollup'));
  if (!status.has('VmRSS')) degraded.add('rssBytes', '/proc/self/status is not readable', 'Mount procfs on /proc.');
  if (!rollup.has('Rss')) {
    degraded.add('pssBytes', '/proc/self/smaps_rollup is not readable', 'Use Linux 4.14 or later, with ptrace rights.');
  }
  // The counters of status are batched by thread and lag; the rollup walks the pages.
  const rssBytes = rollup.get('Rss') ?? status.get('VmRSS') ?? numbers.memoryUsage.rss;
  const { breakdown, claimed } = split(rssBytes, numbers);
  const told = rssBytes - breakdown.otherBytes;
  return {
    rssBytes,
    pssBytes: rollup.get('Pss') ?? null,
    ussBytes: rollup.has('Rss') ? (rollup.get('Private_Clean') ?? 0) + (rollup.get('Private_Dirty') ?? 0) : null,
    peakRssBytes: status.get('VmHWM') ?? null,
    swapBytes: rollup.get('Swap') ?? status.get('VmSwap') ?? null,
    hugetlbBytes: status.get('HugetlbPages') ?? null,
    lockedBytes: status.get('VmLck') ?? null,
    virtualBytes: status.get('VmSize') ?? null,
    breakdown,
    notResidentBytes: claimed - told,
    degraded: degraded.toArray(),
  };
}

function split(rssBytes: number, numbers: ProcessNumbers): { breakdown: MemoryBreakdown; claimed: number } {
  const { memoryUsage, heapStatistics, ours } = numbers;
  let rest = rssBytes;
  let claimed = 0;
  const take = (bytes: number): number => {
    const asked = Math.max(0, bytes);
    const part = Math.min(asked, rest);
    claimed += asked;
    rest -= part;
    return part;
  };
  // The surest numbers first: pages counted by the kernel, then the committed heap, then mere promises.
  const oursResident = ours?.residentBytes ?? null;
  const oursResidentBytes = ours === undefined ? 0 : oursResident === null ? null : take(oursResident);
  const heapBytes = take(heapStatistics?.total_physical_size ?? memoryUsage.heapTotal);
  const arrayBuffersBytes = take(memoryUsage.arrayBuffers);
  // When our residency is not known, our buffers stay among the external memory. `external` contains `arrayBuffers`.
  const oursInExternal = oursResidentBytes === null ? 0 : (ours?.externalBytes ?? 0);
  const externalBytes = take(memoryUsage.external - memoryUsage.arrayBuffers - oursInExternal);
  return { breakdown: { oursResidentBytes, heapBytes, arrayBuffersBytes, externalBytes, otherBytes: rest }, claimed };
}
