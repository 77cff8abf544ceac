import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Sysroot } from '../../../lib/platform';

/** A machine as the text of its files, by absolute path. */
export type Files = Readonly<Record<string, string>>;

/** A sysroot over texts in memory. */
export function inMemory(files: Files, root: string = '/copy'): Sysroot {
  const paths = Object.keys(files);
  return {
    root,
    readText: (path) => files[path] ?? null,
    list: (path) => {
      const below = paths.filter((one) => one.startsWith(`${path}/`)).map((one) => one.slice(path.length + 1));
      return [...new Set(below.map((one) => one.split('/', 1)[0] ?? ''))].sort();
    },
    exists: (path) => paths.some((one) => one === path || one.startsWith(`${path}/`)),
  };
}

/** The same as a folder of real files. */
export function writeMachine(folder: string, files: Files): string {
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return folder;
}

interface Shape {
  readonly nodes: number;
  readonly cpusPerNode: number;
  readonly distance: (from: number, to: number) => number;
}

const NODE = '/sys/devices/system/node';
const CPU = '/sys/devices/system/cpu';

function range(first: number, count: number): string {
  return count === 1 ? `${first}` : `${first}-${first + count - 1}`;
}

function nodeFiles({ nodes, cpusPerNode, distance }: Shape): Record<string, string> {
  const files: Record<string, string> = {};
  const ids = Array.from({ length: nodes }, (_, id) => id);
  for (const id of ids) {
    const folder = `${NODE}/node${id}`;
    files[`${folder}/cpulist`] = `${range(id * cpusPerNode, cpusPerNode)}\n`;
    files[`${folder}/distance`] = `${ids.map((to) => distance(id, to)).join(' ')}\n`;
    files[`${folder}/meminfo`] = `Node ${id} MemTotal: 16777216 kB\nNode ${id} MemFree: ${12000000 + id} kB\n`;
    files[`${folder}/numastat`] =
      `numa_hit ${1000 + id}\nnuma_miss ${id}\nnuma_foreign ${id}\ninterleave_hit 7\nlocal_node ${990 + id}\nother_node 10\n`;
    files[`${folder}/hugepages/hugepages-2048kB/nr_hugepages`] = '32\n';
    files[`${folder}/hugepages/hugepages-2048kB/free_hugepages`] = '8\n';
    files[`${folder}/hugepages/hugepages-2048kB/surplus_hugepages`] = '0\n';
  }
  for (const name of ['online', 'possible', 'has_cpu', 'has_memory']) files[`${NODE}/${name}`] = `${range(0, nodes)}\n`;
  return files;
}

function cpuFiles({ nodes, cpusPerNode }: Shape): Record<string, string> {
  const files: Record<string, string> = {};
  const all = nodes * cpusPerNode;
  for (const name of ['online', 'possible', 'present']) files[`${CPU}/${name}`] = `${range(0, all)}\n`;
  for (let cpu = 0; cpu < all; cpu++) {
    const first = cpu - (cpu % cpusPerNode);
    const caches = [
      ['1', 'Data', '32K', `${cpu}`],
      ['1', 'Instruction', '32K', `${cpu}`],
      ['2', 'Unified', '1024K', `${cpu}`],
      ['3', 'Unified', '32768K', range(first, cpusPerNode)],
    ] as const;
    for (const [index, [level, type, size, shared]] of caches.entries()) {
      const folder = `${CPU}/cpu${cpu}/cache/index${index}`;
      files[`${folder}/level`] = `${level}\n`;
      files[`${folder}/type`] = `${type}\n`;
      files[`${folder}/size`] = `${size}\n`;
      files[`${folder}/coherency_line_size`] = '64\n';
      files[`${folder}/shared_cpu_list`] = `${shared}\n`;
    }
  }
  return files;
}

const LIMITS = [
  'Limit                     Soft Limit           Hard Limit           Units     ',
  'Max data size             unlimited            unlimited            bytes     ',
  'Max stack size            8388608              unlimited            bytes     ',
  'Max processes             96365                96365                processes ',
  'Max open files            1024                 1048576              files     ',
  'Max locked memory         65536                65536                bytes     ',
  'Max address space         unlimited            unlimited            bytes     ',
].join('\n');

const POOL = '/sys/kernel/mm/hugepages/hugepages-2048kB';
const THP = '/sys/kernel/mm/transparent_hugepage';
const APP = '/sys/fs/cgroup/kubepods.slice/app';

function kernelFiles(totalKb: number): Record<string, string> {
  return {
    '/proc/version': 'Linux version 6.12.0-test (builder) #1\n',
    '/proc/sys/kernel/osrelease': '6.12.0-test\n',
    '/proc/sys/kernel/hostname': 'synthetic\n',
    '/proc/cpuinfo': 'processor\t: 0\nmodel name\t: Synthetic CPU @ 3.00GHz\n',
    '/proc/meminfo': [
      `MemTotal: ${totalKb} kB\nMemFree: ${totalKb / 4} kB\nMemAvailable: ${totalKb / 2} kB`,
      'SwapTotal: 4194304 kB\nSwapFree: 3145728 kB\nCommitLimit: 20971520 kB\nCommitted_AS: 8388608 kB',
      'HugePages_Total: 64\nHugepagesize: 2048 kB\n',
    ].join('\n'),
    '/proc/sys/vm/overcommit_memory': '0\n',
    '/proc/sys/vm/overcommit_ratio': '50\n',
    '/proc/sys/vm/max_map_count': '65530\n',
    '/proc/self/limits': LIMITS,
    '/proc/self/status': 'Name:\tnode\nCpus_allowed_list:\t0-1\nMems_allowed_list:\t0-1\n',
    '/proc/self/smaps': 'KernelPageSize:        4 kB\n',
    '/proc/self/numa_maps': '55e000000000 default file=node mapped=8\n',
    '/proc/self/cgroup': '0::/kubepods.slice/app\n',
    '/proc/self/mountinfo': '31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n',
    '/proc/pressure/memory':
      'some avg10=2.50 avg60=1.00 avg300=0.20 total=1500000\nfull avg10=0.50 avg60=0.10 avg300=0.00 total=250000\n',
    [`${APP}/memory.max`]: '4294967296\n',
    [`${APP}/memory.high`]: '3221225472\n',
    [`${APP}/memory.current`]: '2147483648\n',
    [`${APP}/memory.peak`]: '3221225472\n',
    [`${APP}/memory.swap.max`]: 'max\n',
    [`${APP}/memory.swap.current`]: '0\n',
    [`${APP}/memory.events`]: 'low 0\nhigh 12\nmax 3\noom 1\noom_kill 1\n',
    [`${APP}/memory.pressure`]:
      'some avg10=12.00 avg60=1.00 avg300=0.20 total=1500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
    '/sys/fs/cgroup/kubepods.slice/memory.max': 'max\n',
    '/sys/fs/cgroup/kubepods.slice/memory.current': '5368709120\n',
    [`${POOL}/nr_hugepages`]: '64\n',
    [`${POOL}/free_hugepages`]: '16\n',
    [`${POOL}/resv_hugepages`]: '4\n',
    [`${POOL}/surplus_hugepages`]: '0\n',
    [`${POOL}/nr_overcommit_hugepages`]: '0\n',
    [`${THP}/enabled`]: 'always [madvise] never\n',
    [`${THP}/defrag`]: 'always defer defer+madvise [madvise] never\n',
    [`${THP}/shmem_enabled`]: 'always within_size advise [never] deny force\n',
    [`${THP}/hpage_pmd_size`]: '2097152\n',
    [`${THP}/khugepaged/defrag`]: '1\n',
    [`${THP}/khugepaged/pages_to_scan`]: '4096\n',
    [`${THP}/khugepaged/scan_sleep_millisecs`]: '10000\n',
    [`${THP}/khugepaged/max_ptes_none`]: '511\n',
    [`${THP}/hugepages-64kB/enabled`]: 'always [inherit] madvise never\n',
  };
}

const TWO: Shape = { nodes: 2, cpusPerNode: 2, distance: (from, to) => (from === to ? 10 : 21) };

/** Blades of four nodes, pairs of blades, and the rest: no matrix of 64 columns fits a terminal. */
const MANY: Shape = {
  nodes: 64,
  cpusPerNode: 4,
  distance: (from, to) => (from === to ? 10 : from >> 2 === to >> 2 ? 22 : from >> 4 === to >> 4 ? 26 : 30),
};

function machine(shape: Shape): Files {
  return { ...kernelFiles(shape.nodes * 16777216 + 4096), ...nodeFiles(shape), ...cpuFiles(shape) };
}

/** Two nodes, a container limit of version 2, pools, pressure, an OOM kill. */
export const TWO_NODES: Files = machine(TWO);
export const MANY_NODES: Files = machine(MANY);
/** A folder that holds next to nothing. */
export const BARE: Files = { '/proc/meminfo': 'MemTotal: 1048576 kB\n' };
