import type { MachineSpec } from '../build';

const POOL = '/sys/kernel/mm/hugepages';
const THP = '/sys/kernel/mm/transparent_hugepage';

function pool(sizeKiB: number, numbers: readonly [number, number, number, number, number]): Record<string, string> {
  const names = ['nr_hugepages', 'free_hugepages', 'resv_hugepages', 'surplus_hugepages', 'nr_overcommit_hugepages'];
  return Object.fromEntries(
    names.map((name, index) => [`${POOL}/hugepages-${sizeKiB}kB/${name}`, `${numbers[index]}\n`]),
  );
}

/** Pools of 2 MiB and 1 GiB on two nodes, transparent huge pages off. */
export const pools: MachineSpec = {
  node: { online: '0-1', possible: '0-1' },
  nodes: [
    { id: 0, cpus: '0', memoryKiB: 8 << 20, distance: '10 20', huge: { 2048: [512, 500, 0], 1048576: [0, 0, 0] } },
    { id: 1, cpus: '1', memoryKiB: 8 << 20, distance: '20 10', huge: { 2048: [8, 0, 4], 1048576: [4, 2, 0] } },
  ],
  meminfo: { MemTotal: 16 << 20, Hugepagesize: 2048 },
  files: {
    ...pool(2048, [520, 500, 16, 4, 32]),
    ...pool(1048576, [4, 2, 0, 0, 0]),
    [`${THP}/enabled`]: 'always madvise [never]\n',
    [`${THP}/defrag`]: 'always defer defer+madvise [madvise] never\n',
    [`${THP}/shmem_enabled`]: 'always within_size advise [never] deny force\n',
    [`${THP}/hpage_pmd_size`]: '2097152\n',
    [`${THP}/khugepaged/defrag`]: '1\n',
    [`${THP}/khugepaged/pages_to_scan`]: '4096\n',
    [`${THP}/khugepaged/scan_sleep_millisecs`]: '10000\n',
    [`${THP}/khugepaged/max_ptes_none`]: '511\n',
    [`${THP}/hugepages-2048kB/enabled`]: 'always [inherit] madvise never\n',
    [`${THP}/hugepages-64kB/enabled`]: 'always inherit [madvise] never\n',
    [`${THP}/hugepages-64kB/shmem_enabled`]: '[never]\n',
  },
};

/** Four sizes of an arm64 kernel, and a size of 16 GiB whose count passes 2^31. */
export const manySizes: MachineSpec = {
  meminfo: { MemTotal: 1 << 20, Hugepagesize: 2048 },
  files: {
    ...pool(64, [0, 0, 0, 0, 0]),
    ...pool(2048, [0, 0, 0, 0, 0]),
    ...pool(32768, [0, 0, 0, 0, 0]),
    ...pool(16777216, [4294967296, 1, 0, 0, 0]),
  },
};

/** No /sys: /proc/meminfo tells the default size. */
export const onlyProc: MachineSpec = {
  meminfo: {
    MemTotal: 1 << 20,
    HugePages_Total: 3,
    HugePages_Free: 2,
    HugePages_Rsvd: 1,
    HugePages_Surp: 0,
    Hugepagesize: 2048,
  },
};
