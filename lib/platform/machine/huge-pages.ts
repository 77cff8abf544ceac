import { type Degraded, DegradedList } from './degraded';
import { listHugePageFolders, readNodeHugePages } from './node-details';
import { numbered, parseChoice, parseCount, parseKeyed } from './parse';
import type { Sysroot } from './sysroot';

/** The pool of one huge-page size, in pages; null where the kernel does not say. */
export interface HugePagePool {
  readonly pageBytes: number;
  readonly total: number | null;
  readonly free: number | null;
  /** Promised to mappings that have not touched them yet: `free - reserved` can still be mapped. */
  readonly reserved: number | null;
  /** Taken beyond the fixed pool, within `overcommit`. */
  readonly surplus: number | null;
  readonly overcommit: number | null;
  readonly nodes: readonly {
    readonly node: number;
    readonly total: number | null;
    readonly free: number | null;
    readonly surplus: number | null;
  }[];
}

/** Transparent huge pages: the chosen words of the kernel's switches, null where it has no such switch. */
export interface ThpState {
  readonly available: boolean;
  readonly enabled: string | null;
  readonly defrag: string | null;
  readonly shmemEnabled: string | null;
  /** Size of the classic transparent huge page in bytes. */
  readonly pmdBytes: number | null;
  readonly khugepaged: {
    readonly defrag: boolean | null;
    readonly pagesToScan: number | null;
    readonly scanSleepMs: number | null;
    readonly maxPtesNone: number | null;
  } | null;
  /** Sizes with a switch of their own (kernel 6.8 and later). */
  readonly sizes: readonly {
    readonly pageBytes: number;
    readonly enabled: string | null;
    readonly shmemEnabled: string | null;
  }[];
}

export interface HugePages {
  /** The size of a huge page when none is named. */
  readonly defaultPageBytes: number | null;
  readonly pools: readonly HugePagePool[];
  readonly thp: ThpState;
  readonly degraded: readonly Degraded[];
}

const POOLS = '/sys/kernel/mm/hugepages';
const THP = '/sys/kernel/mm/transparent_hugepage';
const NODE = '/sys/devices/system/node';

/** Reads the pools of every huge-page size, in all and by node, and the transparent huge-page switches. Never throws. */
export function readHugePages(sysroot: Sysroot): HugePages {
  const degraded = new DegradedList();
  const meminfo = parseKeyed(sysroot.readText('/proc/meminfo'));
  const defaultPageBytes = meminfo.get('Hugepagesize') ?? null;
  let pools = readPools(sysroot);
  if (pools.length === 0) {
    degraded.add('pools', `${POOLS} is not there`, 'Mount sysfs on /sys, or use a kernel with CONFIG_HUGETLBFS.');
    pools = fromMeminfo(meminfo, defaultPageBytes);
  }
  const thp = readThp(sysroot);
  if (!thp.available) {
    degraded.add('thp', `${THP} is not there`, 'Mount sysfs on /sys, or use a kernel with transparent huge pages.');
  }
  return { defaultPageBytes, pools, thp, degraded: degraded.toArray() };
}

function readPools(sysroot: Sysroot): HugePagePool[] {
  const byNode = numbered(sysroot.list(NODE), 'node').map((node) => ({
    node,
    pools: readNodeHugePages(sysroot, `${NODE}/node${node}`),
  }));
  return listHugePageFolders(sysroot, POOLS).map(({ pageBytes, path }) => {
    const count = (name: string): number | null => parseCount(sysroot.readText(`${path}/${name}`));
    return {
      pageBytes,
      total: count('nr_hugepages'),
      free: count('free_hugepages'),
      reserved: count('resv_hugepages'),
      surplus: count('surplus_hugepages'),
      overcommit: count('nr_overcommit_hugepages'),
      nodes: byNode.flatMap(({ node, pools }) => {
        const pool = pools.find((one) => one.pageBytes === pageBytes);
        return pool === undefined ? [] : [{ node, total: pool.total, free: pool.free, surplus: pool.surplus }];
      }),
    };
  });
}

/** The default size only, which /proc tells as well. */
function fromMeminfo(meminfo: ReadonlyMap<string, number>, pageBytes: number | null): HugePagePool[] {
  const total = meminfo.get('HugePages_Total');
  if (pageBytes === null || total === undefined) return [];
  const get = (key: string): number | null => meminfo.get(key) ?? null;
  const free = get('HugePages_Free');
  const reserved = get('HugePages_Rsvd');
  return [{ pageBytes, total, free, reserved, surplus: get('HugePages_Surp'), overcommit: null, nodes: [] }];
}

function readThp(sysroot: Sysroot): ThpState {
  const choice = (path: string): string | null => parseChoice(sysroot.readText(`${THP}/${path}`));
  const count = (path: string): number | null => parseCount(sysroot.readText(`${THP}/${path}`));
  const enabled = choice('enabled');
  const daemonDefrag = count('khugepaged/defrag');
  return {
    available: enabled !== null,
    enabled,
    defrag: choice('defrag'),
    shmemEnabled: choice('shmem_enabled'),
    pmdBytes: count('hpage_pmd_size'),
    khugepaged: sysroot.exists(`${THP}/khugepaged`)
      ? {
          defrag: daemonDefrag === null ? null : daemonDefrag !== 0,
          pagesToScan: count('khugepaged/pages_to_scan'),
          scanSleepMs: count('khugepaged/scan_sleep_millisecs'),
          maxPtesNone: count('khugepaged/max_ptes_none'),
        }
      : null,
    sizes: listHugePageFolders(sysroot, THP).map(({ pageBytes, path }) => ({
      pageBytes,
      enabled: parseChoice(sysroot.readText(`${path}/enabled`)),
      shmemEnabled: parseChoice(sysroot.readText(`${path}/shmem_enabled`)),
    })),
  };
}
