import type { MachineSpec } from '../build';

const GIB = 1 << 20; // in KiB

const STATUS_ALL =
  'Name:\tnode\nCpus_allowed:\tff\nCpus_allowed_list:\t0-255\nMems_allowed:\tff\nMems_allowed_list:\t0-255\n';

/** One node, four CPUs, two caches. */
export const plain: MachineSpec = {
  cpu: {
    online: '0-3',
    possible: '0-3',
    present: '0-3',
    offline: '',
    'cpu0/cache/index0/level': '1',
    'cpu0/cache/index0/type': 'Data',
    'cpu0/cache/index0/size': '48K',
    'cpu0/cache/index0/coherency_line_size': '64',
    'cpu0/cache/index0/shared_cpu_list': '0-1',
    'cpu0/cache/index1/level': '3',
    'cpu0/cache/index1/type': 'Unified',
    'cpu0/cache/index1/size': '36608K',
    'cpu0/cache/index1/coherency_line_size': '64',
    'cpu0/cache/index1/shared_cpu_list': '0-3',
    'cpu1/cache/index0/level': '1',
    'cpu1/cache/index0/type': 'Data',
    'cpu1/cache/index0/size': '48K',
    'cpu1/cache/index0/coherency_line_size': '64',
    'cpu1/cache/index0/shared_cpu_list': '0-1',
    'cpu2/cache/index0/level': '1',
    'cpu2/cache/index0/type': 'Data',
    'cpu2/cache/index0/size': '32K',
    'cpu2/cache/index0/coherency_line_size': '64',
    'cpu2/cache/index0/shared_cpu_list': '2-3',
  },
  node: { online: '0', possible: '0', has_cpu: '0', has_memory: '0' },
  nodes: [{ id: 0, cpus: '0-3', memoryKiB: 8 * GIB, distance: '10' }],
  meminfo: { MemTotal: 9 * GIB, MemFree: 3 * GIB },
  files: {
    '/proc/self/status': STATUS_ALL,
    '/proc/self/smaps': '00400000-00500000 r-xp 00000000 00:00 0\nRss: 4 kB\nKernelPageSize:        4 kB\n',
  },
};

export const twoNodes: MachineSpec = {
  cpu: { online: '0-3' },
  node: { online: '0-1', possible: '0-1', has_cpu: '0-1', has_memory: '0-1' },
  nodes: [
    { id: 0, cpus: '0-1', memoryKiB: 4 * GIB, distance: '10 21' },
    { id: 1, cpus: '2-3', memoryKiB: 4 * GIB, freeKiB: GIB, distance: '21 10' },
  ],
  meminfo: { MemTotal: 8 * GIB, MemFree: 3 * GIB },
  files: { '/proc/self/status': STATUS_ALL },
};

/** Two sockets and two memory expanders without CPUs, with the speeds of the firmware. */
export const hmat: MachineSpec = {
  cpu: { online: '0-3' },
  node: { online: '0-3', possible: '0-3', has_cpu: '0-1', has_memory: '0-3' },
  nodes: [
    {
      id: 0,
      cpus: '0-1',
      memoryKiB: 4 * GIB,
      distance: '10 21 17 28',
      access: { 0: [[0], 80, 85, 102400, 98304], 1: [[0], 80, 85, 102400, 98304] },
    },
    { id: 1, cpus: '2-3', memoryKiB: 4 * GIB, distance: '21 10 28 17', access: { 0: [[1], 80, 85, 102400, 98304] } },
    { id: 2, cpus: '', memoryKiB: 16 * GIB, distance: '17 28 10 28', access: { 0: [[0], 200, 0, 20480, 10240] } },
    { id: 3, cpus: '', memoryKiB: 16 * GIB, distance: '28 17 28 10', access: { 0: [[0, 1], 200, 210, 20480, 10240] } },
  ],
  meminfo: { MemTotal: 40 * GIB, MemFree: 20 * GIB },
  files: {
    '/proc/self/status': STATUS_ALL,
    '/sys/devices/virtual/memory_tiering/memory_tier4/nodelist': '0-1\n',
    '/sys/devices/virtual/memory_tiering/memory_tier22/nodelist': '2-3\n',
  },
};

/** GPU memory as nodes 250 to 255; the distance rows have as many numbers as nodes. */
export const sparse: MachineSpec = {
  cpu: { online: '0,8,16,24', possible: '0-175' },
  node: { online: '0,8,250-255', possible: '0-255', has_cpu: '0,8', has_memory: '0,8,252-255' },
  nodes: [0, 8, 250, 251, 252, 253, 254, 255].map((id, index) => ({
    id,
    cpus: id === 0 ? '0,8' : id === 8 ? '16,24' : '',
    memoryKiB: id === 250 || id === 251 ? 0 : 16 * GIB,
    distance: Array.from({ length: 8 }, (_, column) =>
      column === index ? 10 : column > 1 || index > 1 ? 80 : 40,
    ).join(' '),
  })),
  meminfo: { MemTotal: 96 * GIB, MemFree: 50 * GIB },
  files: { '/proc/self/status': STATUS_ALL.replaceAll('0-255', '0,8') },
};

/** Node 0 and half of the CPUs were turned off; the row of node 1 still has two numbers. */
export const offline: MachineSpec = {
  cpu: { online: '1,3,5,7', possible: '0-7', present: '0-7', offline: '0,2,4,6' },
  node: { online: '1', possible: '0-1', has_cpu: '1', has_normal_memory: '1' },
  nodes: [{ id: 1, cpus: '1,3-7', memoryKiB: 12 * GIB, distance: '20 10' }],
  meminfo: { MemTotal: 12 * GIB, MemFree: 6 * GIB },
  files: { '/proc/self/status': STATUS_ALL },
};

/** A kernel without NUMA; CPU 0 has no `online` file and CPU 3 is off. */
export const noNodes: MachineSpec = {
  cpu: { 'cpu0/topology': '', 'cpu1/online': '1', 'cpu2/online': '1', 'cpu3/online': '0', 'cpufreq/policy': '' },
  meminfo: { MemTotal: 2 * GIB, MemFree: GIB },
  files: { '/proc/self/status': 'Cpus_allowed:\t5\n' },
};

export const sideCaches: MachineSpec = {
  cpu: { online: '0-1' },
  node: { online: '0', possible: '0', has_cpu: '0', has_memory: '0' },
  nodes: [
    {
      id: 0,
      cpus: '0-1',
      memoryKiB: 512 * GIB,
      distance: '10',
      sideCaches: { 1: [103079215104, 64, 0, 0], 2: [2147483648, 128, 1, 1], 3: [0, 0, 2, 9] },
    },
  ],
  meminfo: { MemTotal: 512 * GIB, MemFree: 100 * GIB },
};

/** Four sockets of two nodes: near 16, far 22. */
export const eightNodes: MachineSpec = {
  cpu: { online: '0-7' },
  node: { online: '0-7', possible: '0-7' },
  nodes: Array.from({ length: 8 }, (_, id) => ({
    id,
    cpus: String(id),
    memoryKiB: GIB,
    distance: Array.from({ length: 8 }, (_, to) => (to === id ? 10 : to >> 1 === id >> 1 ? 16 : 22)).join(' '),
  })),
  meminfo: { MemTotal: 8 * GIB, MemFree: GIB },
};

export const nulPadded: MachineSpec = { ...twoNodes, padNul: true };

/** Masks in words of 32 bits, 40 CPUs; firmware that gives the distance 0. */
export const oldKernel: MachineSpec = {
  cpu: Object.fromEntries(Array.from({ length: 40 }, (_, id) => [`cpu${id}/online`, '1'])),
  nodes: [
    { id: 0, cpus: '00000000,000fffff', memoryKiB: GIB, distance: '0 20' },
    { id: 1, cpus: '000000ff,fff00000', memoryKiB: GIB, distance: '20 0' },
  ],
  meminfo: { MemTotal: 2 * GIB, MemFree: GIB },
  files: { '/proc/self/status': 'Cpus_allowed:\t000000ff,ffffffff\nMems_allowed:\t00000000,00000003\n' },
  masksOnly: true,
};

/** The process may use node 1 and CPU 3 only. */
export const cpuset: MachineSpec = {
  ...twoNodes,
  files: {
    '/proc/self/cgroup': '3:cpuset:/job\n0::/\n',
    '/proc/self/mountinfo': '34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n',
    '/sys/fs/cgroup/cpuset/job/cpuset.effective_cpus': '3\n',
    '/sys/fs/cgroup/cpuset/job/cpuset.effective_mems': '1\n',
    '/sys/fs/cgroup/cpuset/job/cpuset.mems': '\n',
  },
};

/** The same on a kernel that tells neither groups nor mount tops, with the bare file names of old cpusets. */
export const oldCpuset: MachineSpec = {
  ...twoNodes,
  files: {
    '/proc/self/cpuset': '/job\n',
    '/proc/mounts': 'cgroup2 /dev/cgroup cgroup2 rw 0 0\ncpuset /dev/cpuset cgroup rw,cpuset,noprefix 0 0\n',
    '/dev/cpuset/job/cpus': '0-2\n',
    '/dev/cpuset/job/mems': '0\n',
  },
};

/** A container without /sys. */
export const noSys: MachineSpec = {
  meminfo: { MemTotal: 4 * GIB, MemFree: GIB, MemAvailable: 2 * GIB },
  files: {
    '/proc/cpuinfo': 'processor\t: 0\nmodel name\t: x\n\nprocessor\t: 1\nmodel name\t: x\n',
    '/proc/self/status': 'Cpus_allowed_list:\t1\nMems_allowed_list:\t0\n',
    '/proc/self/cgroup': '0::/\n',
  },
};

/** Nothing but an empty folder. */
export const empty: MachineSpec = { files: { '/proc/': '' } };

/** A row of distances that fits no list of nodes, and lists that are no lists. */
export const broken: MachineSpec = {
  cpu: { online: '3-1', possible: 'lots', 'cpu0/online': '1' },
  node: { online: '0-1', possible: '0-1', has_cpu: '0', has_memory: '0' },
  nodes: [
    { id: 0, cpus: 'x', memoryKiB: GIB, distance: '10 20 30' },
    { id: 1, cpus: '0-99999999999', memoryKiB: GIB, distance: 'a b' },
  ],
  meminfo: { MemTotal: GIB },
};

/** Kernel and CPU with pages of 64 KiB. */
export const bigPages: MachineSpec = {
  ...plain,
  files: {
    '/proc/self/status': STATUS_ALL,
    '/proc/self/smaps':
      '00400000-00500000 r-xp 00000000 00:00 0\nKernelPageSize:     2048 kB\n' +
      '00600000-00700000 rw-p 00000000 00:00 0\nKernelPageSize:       64 kB\n',
  },
};
