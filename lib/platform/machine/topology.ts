import { findCgroups } from './cgroup-paths';
import { readAllowed, readCaches, readCpuSet, readCpus } from './cpus';
import { DegradedList } from './degraded';
import { alignDistances, type DistanceColumns } from './distances';
import { readMemorySideCaches, readNodeAccess, readNodeHugePages, readTiers } from './node-details';
import { numbered, parseKeyed, parseList } from './parse';
import type { Sysroot } from './sysroot';
import type { CpuLists, MemoryTier, NumaNode, Topology } from './topology-types';

const NODE = '/sys/devices/system/node';

export interface ReadTopologyOptions {
  /** Base page size in bytes, where the caller knows it; otherwise it is read from /proc/self/smaps. */
  readonly pageBytes?: number;
}

/**
 * Reads nodes, CPUs, caches, distances, speeds and tiers. Never throws: what cannot be read is null or empty and named in
 * `degraded`. Without a node directory (no NUMA in the kernel, or no /sys) one node 0 stands for the whole machine.
 */
export function readTopology(sysroot: Sysroot, options: ReadTopologyOptions = {}): Topology {
  const degraded = new DegradedList();
  const cpus = readCpus(sysroot, readCpuset(sysroot, 'cpus'), degraded);
  const meminfo = parseKeyed(sysroot.readText('/proc/meminfo'));
  const totalMemoryBytes = meminfo.get('MemTotal') ?? null;
  const freeMemoryBytes = meminfo.get('MemFree') ?? null;
  if (totalMemoryBytes === null) {
    degraded.add('totalMemoryBytes', '/proc/meminfo is not readable', 'Mount procfs on /proc.');
  }
  const tiers = readTiers(sysroot);
  const listed = numbered(sysroot.list(NODE), 'node');
  const isSynthetic = listed.length === 0;
  if (isSynthetic) {
    degraded.add('nodes', `${NODE} shows no nodes`, 'Mount sysfs on /sys, or use a kernel with CONFIG_NUMA.');
  }
  const online = isSynthetic ? [0] : (readNodeList(sysroot, 'online') ?? listed);
  const possible = isSynthetic ? [0] : (readNodeList(sysroot, 'possible') ?? listed);
  const nodes = isSynthetic
    ? [syntheticNode(cpus, totalMemoryBytes, freeMemoryBytes)]
    : readNodes(sysroot, { online, listed, possible }, cpus, tiers, degraded);
  const present = online.filter((id) => nodes.some((node) => node.id === id));
  return {
    source: isSynthetic ? 'synthetic' : 'sysfs',
    numa: describeNuma(isSynthetic, present.length),
    nodes,
    possibleNodes: possible,
    onlineNodes: online,
    allowedNodes: readAllowedNodes(sysroot, online, isSynthetic, degraded),
    cpus,
    tiers,
    caches: readCaches(sysroot, cpus.online, degraded),
    totalMemoryBytes,
    freeMemoryBytes,
    pageBytes: options.pageBytes ?? readPageBytes(sysroot, degraded),
    degraded: degraded.toArray(),
  };
}

function describeNuma(isSynthetic: boolean, count: number): Topology['numa'] {
  if (isSynthetic) return { available: false, reason: 'the kernel shows no NUMA nodes' };
  if (count === 1) return { available: true, reason: 'one node: placement succeeds and changes nothing' };
  return { available: true, reason: `${count} nodes online` };
}

function readNodeList(sysroot: Sysroot, name: string): number[] | null {
  const text = sysroot.readText(`${NODE}/${name}`);
  return text === null ? null : parseList(text);
}

function syntheticNode(cpus: CpuLists, memoryBytes: number | null, freeBytes: number | null): NumaNode {
  return {
    id: 0,
    online: true,
    hasCpu: cpus.online.length > 0,
    hasMemory: true,
    cpus: cpus.online,
    memoryBytes,
    freeBytes,
    distances: [10],
    hugePages: [],
    access: [],
    memorySideCaches: [],
    tier: null,
  };
}

function readNodes(
  sysroot: Sysroot,
  columns: DistanceColumns,
  cpus: CpuLists,
  tiers: readonly MemoryTier[],
  degraded: DegradedList,
): NumaNode[] {
  const withCpu = readNodeList(sysroot, 'has_cpu');
  const withMemory = readNodeList(sysroot, 'has_memory') ?? readNodeList(sysroot, 'has_normal_memory');
  const onlineCpus = new Set(cpus.online);
  return columns.listed.map((id) => {
    const folder = `${NODE}/node${id}`;
    const ownCpus = readCpuSet(sysroot, `${folder}/cpulist`, `${folder}/cpumap`);
    if (ownCpus === null) degraded.add(`nodes.${id}.cpus`, `neither cpulist nor cpumap of ${folder} is readable`);
    const nodeCpus = (ownCpus ?? []).filter((cpu) => onlineCpus.has(cpu));
    const memory = readNodeMemory(sysroot, folder, id);
    if (memory.total === null) degraded.add(`nodes.${id}.memoryBytes`, `${folder}/meminfo is not readable`);
    return {
      id,
      online: columns.online.includes(id),
      hasCpu: withCpu?.includes(id) ?? nodeCpus.length > 0,
      hasMemory: withMemory?.includes(id) ?? (memory.total ?? 0) > 0,
      cpus: nodeCpus,
      memoryBytes: memory.total,
      freeBytes: memory.free,
      distances: alignDistances(sysroot.readText(`${folder}/distance`), id, columns, degraded),
      hugePages: readNodeHugePages(sysroot, folder),
      access: readNodeAccess(sysroot, folder),
      memorySideCaches: readMemorySideCaches(sysroot, folder),
      tier: tiers.find((tier) => tier.nodes.includes(id))?.id ?? null,
    };
  });
}

/** Lines read `Node 3 MemTotal: 5 kB`: the first two words go, the rest is a meminfo. */
function readNodeMemory(sysroot: Sysroot, folder: string, id: number): { total: number | null; free: number | null } {
  const text = sysroot.readText(`${folder}/meminfo`) ?? '';
  const values = parseKeyed(text.replaceAll(new RegExp(`^Node ${id} `, 'gm'), ''));
  return { total: values.get('MemTotal') ?? null, free: values.get('MemFree') ?? null };
}

function readCpuset(sysroot: Sysroot, kind: 'cpus' | 'mems'): number[] | null {
  for (const group of findCgroups(sysroot, 'cpuset')) {
    const own = group.folders[0];
    if (own === undefined) continue;
    // A cpuset mounted with `noprefix` has the bare names.
    const names = [`cpuset.${kind}.effective`, `cpuset.effective_${kind}`, `cpuset.${kind}`, kind];
    for (const name of names) {
      const text = sysroot.readText(`${own}/${name}`);
      const list = text === null ? null : parseList(text);
      if (list !== null && list.length > 0) return list;
    }
  }
  return null;
}

function readAllowedNodes(
  sysroot: Sysroot,
  online: readonly number[],
  isSynthetic: boolean,
  degraded: DegradedList,
): readonly number[] {
  if (isSynthetic) return online;
  const asked = readAllowed(sysroot, 'Mems_allowed') ?? readCpuset(sysroot, 'mems');
  if (asked === null) {
    degraded.add('allowedNodes', '/proc/self/status and the cpuset are not readable', 'Mount procfs on /proc.');
    return online;
  }
  return online.filter((id) => asked.includes(id));
}

function readPageBytes(sysroot: Sysroot, degraded: DegradedList): number | null {
  const smaps = sysroot.readText('/proc/self/smaps') ?? '';
  let least: number | null = null;
  for (const match of smaps.matchAll(/^KernelPageSize:\s*(\d+) kB$/gm)) {
    const bytes = Number(match[1]) * 1024;
    if (least === null || bytes < least) least = bytes;
  }
  if (least === null) degraded.add('pageBytes', '/proc/self/smaps is not readable', 'Mount procfs on /proc.');
  return least;
}
