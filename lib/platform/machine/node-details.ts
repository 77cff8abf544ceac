import { numbered, parseCount, parseList } from './parse';
import type { Sysroot } from './sysroot';
import type { MemorySideCache, MemoryTier, NodeAccess, NodeHugePages } from './topology-types';

/** The page sizes of a `hugepages` folder, ascending, with the folder of each. */
export function listHugePageFolders(sysroot: Sysroot, folder: string): { pageBytes: number; path: string }[] {
  const found: { pageBytes: number; path: string }[] = [];
  for (const name of sysroot.list(folder)) {
    const match = /^hugepages-(\d+)kB$/.exec(name);
    if (match !== null) found.push({ pageBytes: Number(match[1]) * 1024, path: `${folder}/${name}` });
  }
  return found.sort((a, b) => a.pageBytes - b.pageBytes);
}

export function readNodeHugePages(sysroot: Sysroot, nodeFolder: string): NodeHugePages[] {
  return listHugePageFolders(sysroot, `${nodeFolder}/hugepages`).map(({ pageBytes, path }) => ({
    pageBytes,
    total: parseCount(sysroot.readText(`${path}/nr_hugepages`)),
    free: parseCount(sysroot.readText(`${path}/free_hugepages`)),
    surplus: parseCount(sysroot.readText(`${path}/surplus_hugepages`)),
  }));
}

/** Firmware that knows only some of the values leaves 0 in the others. */
function positive(text: string | null): number | null {
  const value = parseCount(text);
  return value === 0 ? null : value;
}

export function readNodeAccess(sysroot: Sysroot, nodeFolder: string): NodeAccess[] {
  const found: NodeAccess[] = [];
  for (const accessClass of [0, 1] as const) {
    const folder = `${nodeFolder}/access${accessClass}/initiators`;
    const names = sysroot.list(folder);
    if (names.length === 0) continue;
    found.push({
      class: accessClass,
      initiators: numbered(names, 'node'),
      readLatencyNs: positive(sysroot.readText(`${folder}/read_latency`)),
      writeLatencyNs: positive(sysroot.readText(`${folder}/write_latency`)),
      readBandwidthMiBps: positive(sysroot.readText(`${folder}/read_bandwidth`)),
      writeBandwidthMiBps: positive(sysroot.readText(`${folder}/write_bandwidth`)),
    });
  }
  return found;
}

const INDEXING = ['direct-mapped', 'indexed', 'other'] as const;
const WRITE_POLICY = ['write-back', 'write-through', 'other'] as const;

export function readMemorySideCaches(sysroot: Sysroot, nodeFolder: string): MemorySideCache[] {
  const folder = `${nodeFolder}/memory_side_cache`;
  return numbered(sysroot.list(folder), 'index').map((level) => {
    const path = `${folder}/index${level}`;
    return {
      level,
      sizeBytes: positive(sysroot.readText(`${path}/size`)),
      lineBytes: positive(sysroot.readText(`${path}/line_size`)),
      indexing: INDEXING[parseCount(sysroot.readText(`${path}/indexing`)) ?? -1] ?? null,
      writePolicy: WRITE_POLICY[parseCount(sysroot.readText(`${path}/write_policy`)) ?? -1] ?? null,
    };
  });
}

/** The tiers of the kernel (6.1 and later), the fastest first; empty without them. */
export function readTiers(sysroot: Sysroot): MemoryTier[] {
  const folder = '/sys/devices/virtual/memory_tiering';
  const tiers: MemoryTier[] = [];
  for (const id of numbered(sysroot.list(folder), 'memory_tier')) {
    const path = `${folder}/memory_tier${id}`;
    // The file was named `nodes` for one kernel release before it became `nodelist`.
    const text = sysroot.readText(`${path}/nodelist`) ?? sysroot.readText(`${path}/nodes`);
    const nodes = text === null ? null : parseList(text);
    if (nodes !== null) tiers.push({ id, nodes });
  }
  return tiers;
}
