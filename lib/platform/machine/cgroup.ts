import { type CgroupChain, findCgroups } from './cgroup-paths';
import { parseCount, parseKeyed } from './parse';
import type { Sysroot } from './sysroot';

/** Counts of memory events of a group since it was made. */
export interface CgroupEvents {
  readonly low: number | null;
  readonly high: number | null;
  readonly max: number | null;
  readonly oom: number | null;
  readonly oomKill: number | null;
}

/** One control group that this process is charged to. Null is "no such limit" for limits, "not known" for amounts. */
export interface CgroupLimits {
  /** Its folder. */
  readonly path: string;
  readonly version: 1 | 2;
  /** The file the limit stands in. */
  readonly maxFile: string;
  readonly maxBytes: number | null;
  /** True when `maxBytes` is below the memory of the machine and counts for this process. */
  readonly binding: boolean;
  /** Above this the kernel slows the group down and never kills. */
  readonly highBytes: number | null;
  readonly currentBytes: number | null;
  readonly peakBytes: number | null;
  readonly swapMaxBytes: number | null;
  readonly swapCurrentBytes: number | null;
  readonly events: CgroupEvents | null;
}

export interface CgroupReading {
  readonly groups: readonly CgroupLimits[];
  readonly chains: readonly CgroupChain[];
  /** Version 1 tells the tightest limit of all parents, even of those that are not visible here. */
  readonly hierarchical: { readonly file: string; readonly bytes: number } | null;
}

// Version 1 says "none" as the largest multiple of the page size below 2^63, which differs by page size.
const NO_LIMIT = 2 ** 60;

/** A limit file: `max`, -1 and the huge number of version 1 are no limit. */
export function parseLimit(text: string | null): number | null {
  const value = parseCount(text);
  return value === null || value >= NO_LIMIT ? null : value;
}

export function readCgroups(sysroot: Sysroot, machineBytes: number | null): CgroupReading {
  const groups: CgroupLimits[] = [];
  const chains = findCgroups(sysroot, 'memory');
  let hierarchical: CgroupReading['hierarchical'] = null;
  for (const chain of chains) {
    let isCharged = true;
    for (const [index, folder] of chain.folders.entries()) {
      // Without use_hierarchy a parent of version 1 neither counts nor limits its children.
      if (index > 0 && chain.version === 1) {
        isCharged &&= sysroot.readText(`${folder}/memory.use_hierarchy`)?.trim() !== '0';
      }
      const group = chain.version === 1 ? readFirst(sysroot, folder) : readSecond(sysroot, folder);
      if (group === null) continue;
      const isTight = group.maxBytes !== null && (machineBytes === null || group.maxBytes < machineBytes);
      groups.push({ ...group, binding: isTight && isCharged });
    }
    if (chain.version === 1) hierarchical = readHierarchical(sysroot, chain);
  }
  return { groups, chains, hierarchical };
}

type Reading = Omit<CgroupLimits, 'binding'>;

function readSecond(sysroot: Sysroot, path: string): Reading | null {
  const read = (name: string): string | null => sysroot.readText(`${path}/memory.${name}`);
  const current = parseCount(read('current'));
  const max = read('max');
  // The top of a real hierarchy, and groups without the controller, have no such files.
  if (current === null && max === null) return null;
  const events = read('events');
  return {
    path,
    version: 2,
    maxFile: `${path}/memory.max`,
    maxBytes: parseLimit(max),
    highBytes: parseLimit(read('high')),
    currentBytes: current,
    peakBytes: parseCount(read('peak')),
    swapMaxBytes: parseLimit(read('swap.max')),
    swapCurrentBytes: parseCount(read('swap.current')),
    events: events === null ? null : toEvents(parseKeyed(events)),
  };
}

function toEvents(values: ReadonlyMap<string, number>): CgroupEvents {
  const get = (key: string): number | null => values.get(key) ?? null;
  return { low: get('low'), high: get('high'), max: get('max'), oom: get('oom'), oomKill: get('oom_kill') };
}

function readFirst(sysroot: Sysroot, path: string): Reading | null {
  const read = (name: string): string | null => sysroot.readText(`${path}/memory.${name}`);
  const limit = read('limit_in_bytes');
  if (limit === null) return null;
  const maxBytes = parseLimit(limit);
  const currentBytes = parseCount(read('usage_in_bytes'));
  const both = parseLimit(read('memsw.limit_in_bytes'));
  const bothNow = parseCount(read('memsw.usage_in_bytes'));
  const failures = parseCount(read('failcnt'));
  const kills = parseKeyed(read('oom_control')).get('oom_kill') ?? null;
  const hasEvents = failures !== null || kills !== null;
  return {
    path,
    version: 1,
    maxFile: `${path}/memory.limit_in_bytes`,
    maxBytes,
    highBytes: null,
    currentBytes,
    peakBytes: parseCount(read('max_usage_in_bytes')),
    // Version 1 counts memory and swap together.
    swapMaxBytes: both === null || maxBytes === null ? null : Math.max(0, both - maxBytes),
    swapCurrentBytes: bothNow === null || currentBytes === null ? null : Math.max(0, bothNow - currentBytes),
    events: hasEvents ? { low: null, high: null, max: failures, oom: null, oomKill: kills } : null,
  };
}

function readHierarchical(sysroot: Sysroot, chain: CgroupChain): CgroupReading['hierarchical'] {
  const file = `${chain.folders[0] ?? ''}/memory.stat`;
  const bytes = parseKeyed(sysroot.readText(file)).get('hierarchical_memory_limit');
  return bytes === undefined || bytes >= NO_LIMIT ? null : { file, bytes };
}
