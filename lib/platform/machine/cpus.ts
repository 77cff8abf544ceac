import type { DegradedList } from './degraded';
import { findField, numbered, parseList, parseMask, parseSize } from './parse';
import type { Sysroot } from './sysroot';
import type { CpuCache, CpuLists } from './topology-types';

const CPU = '/sys/devices/system/cpu';

/** A list file, or the mask file that older kernels have instead; null when both are missing. */
export function readCpuSet(sysroot: Sysroot, listPath: string, maskPath: string): number[] | null {
  const list = sysroot.readText(listPath);
  const fromList = list === null ? null : parseList(list);
  if (fromList !== null) return fromList;
  const mask = sysroot.readText(maskPath);
  return mask === null ? null : parseMask(mask);
}

/** A list of /proc/self/status, such as `Cpus_allowed_list`, or its mask. */
export function readAllowed(sysroot: Sysroot, key: 'Cpus_allowed' | 'Mems_allowed'): number[] | null {
  const status = sysroot.readText('/proc/self/status');
  const list = findField(status, `${key}_list`);
  if (list !== null) return parseList(list);
  const mask = findField(status, key);
  return mask === null ? null : parseMask(mask);
}

function readListFile(sysroot: Sysroot, name: string): number[] | null {
  const text = sysroot.readText(`${CPU}/${name}`);
  return text === null ? null : parseList(text);
}

function readOnline(sysroot: Sysroot, degraded: DegradedList): number[] {
  const online = readListFile(sysroot, 'online');
  if (online !== null) return online;
  const folders = numbered(sysroot.list(CPU), 'cpu');
  // CPU 0 often has no such file, because it cannot be turned off.
  const up = folders.filter((id) => sysroot.readText(`${CPU}/cpu${id}/online`)?.trim() !== '0');
  if (up.length > 0) return up;
  degraded.add('cpus.online', `${CPU} is not readable`, 'Mount sysfs on /sys.');
  const cpuinfo = sysroot.readText('/proc/cpuinfo') ?? '';
  return [...cpuinfo.matchAll(/^processor\s*:\s*(\d+)\s*$/gm)].map((match) => Number(match[1])).sort((a, b) => a - b);
}

export function readCpus(sysroot: Sysroot, cpusetCpus: readonly number[] | null, degraded: DegradedList): CpuLists {
  const online = readOnline(sysroot, degraded);
  const present = readListFile(sysroot, 'present') ?? online;
  const possible = readListFile(sysroot, 'possible') ?? present;
  const offline = readListFile(sysroot, 'offline') ?? present.filter((id) => !online.includes(id));
  const asked = readAllowed(sysroot, 'Cpus_allowed') ?? cpusetCpus;
  if (asked === null) {
    degraded.add('cpus.allowed', '/proc/self/status and the cpuset are not readable', 'Mount procfs on /proc.');
  }
  const isOnline = new Set(online);
  const allowed = asked === null ? online : asked.filter((id) => isOnline.has(id));
  return { possible, present, online, offline, allowed };
}

const CACHE_TYPES = { Data: 'data', Instruction: 'instruction', Unified: 'unified' } as const;

/** The caches of all online CPUs, each once, ordered by level, type and first CPU. */
export function readCaches(sysroot: Sysroot, online: readonly number[], degraded: DegradedList): CpuCache[] {
  const caches: CpuCache[] = [];
  const seen = new Set<string>();
  for (const cpu of online) {
    const folder = `${CPU}/cpu${cpu}/cache`;
    for (const index of numbered(sysroot.list(folder), 'index')) {
      if (seen.has(`${index}:${cpu}`)) continue; // described by a CPU that shares it
      const cache = readCache(sysroot, `${folder}/index${index}`, cpu);
      if (cache === null) continue;
      for (const sharer of cache.sharedCpus) seen.add(`${index}:${sharer}`);
      caches.push(cache);
    }
  }
  if (caches.length === 0) {
    degraded.add(
      'caches',
      `no cache is described below ${CPU}`,
      'Mount sysfs on /sys; some virtual machines hide caches.',
    );
  }
  return caches.sort(
    (a, b) =>
      a.level - b.level ||
      (a.type < b.type ? -1 : Number(a.type > b.type)) ||
      (a.sharedCpus[0] ?? 0) - (b.sharedCpus[0] ?? 0),
  );
}

function readCache(sysroot: Sysroot, folder: string, cpu: number): CpuCache | null {
  const level = parseSize(sysroot.readText(`${folder}/level`));
  const word = sysroot.readText(`${folder}/type`)?.trim() ?? '';
  const type = CACHE_TYPES[word as keyof typeof CACHE_TYPES];
  if (level === null || type === undefined) return null;
  const shared = readCpuSet(sysroot, `${folder}/shared_cpu_list`, `${folder}/shared_cpu_map`);
  return {
    level,
    type,
    sizeBytes: parseSize(sysroot.readText(`${folder}/size`)),
    lineBytes: parseSize(sysroot.readText(`${folder}/coherency_line_size`)),
    sharedCpus: shared === null || shared.length === 0 ? [cpu] : shared,
  };
}
