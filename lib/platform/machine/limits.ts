import { type CgroupLimits, type CgroupReading, readCgroups } from './cgroup';
import { type Degraded, DegradedList } from './degraded';
import { parseCount, parseKeyed } from './parse';
import { type Rlimits, readRlimits } from './rlimits';
import type { Sysroot } from './sysroot';

export interface MachineMemory {
  readonly totalBytes: number | null;
  readonly availableBytes: number | null;
  readonly swapTotalBytes: number | null;
  readonly swapFreeBytes: number | null;
  readonly commitLimitBytes: number | null;
  readonly committedBytes: number | null;
  readonly overcommit: 'heuristic' | 'always' | 'never' | null;
  readonly overcommitRatio: number | null;
  /** vm.max_map_count: the most mappings a process may hold. */
  readonly maxMapCount: number | null;
}

export interface Limits {
  /** The tightest limit on this process's memory, in bytes; null when nothing at all is known. */
  readonly effectiveBytes: number | null;
  /** Who set it: the file of a control group, `rlimit`, or `machine` when only the machine's memory ends it. */
  readonly setBy: string | null;
  /** The same in words. */
  readonly detail: string;
  /** The tightest memory.high, above which the kernel slows this process down, and its file. */
  readonly throttle: { readonly bytes: number; readonly setBy: string } | null;
  /** What can still be taken before a limit is met or the machine is full; page cache in use counts as taken in groups. */
  readonly availableBytes: number | null;
  /** Every control group that this process is charged to, the own one first, limits or not. */
  readonly cgroups: readonly CgroupLimits[];
  readonly rlimits: Rlimits | null;
  readonly machine: MachineMemory;
  readonly degraded: readonly Degraded[];
}

interface Candidate {
  readonly bytes: number;
  readonly setBy: string;
  readonly detail: string;
}

/**
 * Reads every limit on this process's memory. Never throws. A limit at or above the machine's memory is listed but sets
 * nothing; so is one that a parent undercuts.
 */
export function readLimits(sysroot: Sysroot): Limits {
  const degraded = new DegradedList();
  const machine = readMachine(sysroot, degraded);
  const rlimits = readRlimits(sysroot);
  if (rlimits === null) degraded.add('rlimits', '/proc/self/limits is not readable', 'Mount procfs on /proc.');
  const reading = readCgroups(sysroot, machine.totalBytes);
  explainCgroups(sysroot, reading, degraded);
  const tightest = findTightest(reading, rlimits, machine.totalBytes);
  return {
    effectiveBytes: tightest?.bytes ?? null,
    setBy: tightest?.setBy ?? null,
    detail: tightest?.detail ?? 'no limit could be read',
    throttle: findThrottle(reading.groups, machine.totalBytes),
    availableBytes: findAvailable(reading.groups, machine),
    cgroups: reading.groups,
    rlimits,
    machine,
    degraded: degraded.toArray(),
  };
}

const OVERCOMMIT = ['heuristic', 'always', 'never'] as const;

function readMachine(sysroot: Sysroot, degraded: DegradedList): MachineMemory {
  const text = sysroot.readText('/proc/meminfo');
  if (text === null) degraded.add('machine', '/proc/meminfo is not readable', 'Mount procfs on /proc.');
  const meminfo = parseKeyed(text);
  const get = (key: string): number | null => meminfo.get(key) ?? null;
  const vm = (name: string): number | null => parseCount(sysroot.readText(`/proc/sys/vm/${name}`));
  const ratio = vm('overcommit_ratio');
  return {
    totalBytes: get('MemTotal'),
    // Kernels before 3.14 do not estimate it.
    availableBytes: get('MemAvailable') ?? get('MemFree'),
    swapTotalBytes: get('SwapTotal'),
    swapFreeBytes: get('SwapFree'),
    commitLimitBytes: get('CommitLimit'),
    committedBytes: get('Committed_AS'),
    overcommit: OVERCOMMIT[vm('overcommit_memory') ?? -1] ?? null,
    overcommitRatio: ratio === null ? null : ratio / 100,
    maxMapCount: vm('max_map_count'),
  };
}

function explainCgroups(sysroot: Sysroot, reading: CgroupReading, degraded: DegradedList): void {
  if (reading.groups.length === 0 && !sysroot.exists('/sys/fs/cgroup')) {
    degraded.add(
      'cgroups',
      '/sys/fs/cgroup is not there',
      'Mount the cgroup file system, or run the container with /sys.',
    );
  }
  const hidden = reading.chains.find((chain) => !chain.exact);
  if (hidden !== undefined) {
    const reason = `the own group ${hidden.path} is not visible here; limits are read from the mounted top`;
    degraded.add('cgroups.path', reason, 'Run the container with its own cgroup namespace and cgroup mount.');
  }
}

function findTightest(reading: CgroupReading, rlimits: Rlimits | null, machine: number | null): Candidate | null {
  const candidates: Candidate[] = [];
  for (const group of reading.groups) {
    if (group.binding && group.maxBytes !== null) {
      candidates.push({ bytes: group.maxBytes, setBy: group.maxFile, detail: `control group ${group.path}` });
    }
  }
  const { hierarchical } = reading;
  if (hierarchical !== null) {
    candidates.push({ bytes: hierarchical.bytes, setBy: hierarchical.file, detail: 'a parent control group' });
  }
  for (const [name, limit] of [
    ['RLIMIT_AS', rlimits?.as],
    ['RLIMIT_DATA', rlimits?.data],
  ] as const) {
    if (limit?.soft != null) candidates.push({ bytes: limit.soft, setBy: 'rlimit', detail: `${name}, soft` });
  }
  if (machine !== null) candidates.push({ bytes: machine, setBy: 'machine', detail: 'the memory of the machine' });
  const isReal = (one: Candidate): boolean => machine === null || one.setBy === 'machine' || one.bytes < machine;
  // Of equal limits the first stands: the own group before its parents and before what sums them up.
  return candidates
    .filter(isReal)
    .reduce<Candidate | null>((best, one) => (best === null || one.bytes < best.bytes ? one : best), null);
}

function findThrottle(groups: readonly CgroupLimits[], machine: number | null): Limits['throttle'] {
  let best: Limits['throttle'] = null;
  for (const { highBytes, path } of groups) {
    if (highBytes === null || (machine !== null && highBytes >= machine)) continue;
    if (best === null || highBytes < best.bytes) best = { bytes: highBytes, setBy: `${path}/memory.high` };
  }
  return best;
}

function findAvailable(groups: readonly CgroupLimits[], machine: MachineMemory): number | null {
  let least = machine.availableBytes;
  for (const { binding, maxBytes, currentBytes } of groups) {
    if (!binding || maxBytes === null || currentBytes === null) continue;
    const room = Math.max(0, maxBytes - currentBytes);
    if (least === null || room < least) least = room;
  }
  return least;
}
