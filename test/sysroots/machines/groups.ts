import type { MachineSpec } from '../build';

const MIB = 1 << 20;
const GIB = 1 << 30;
const MEMINFO = { MemTotal: 16 * (GIB / 1024), MemFree: 8 * (GIB / 1024), MemAvailable: 12 * (GIB / 1024) };
const NONE = '9223372036854771712\n'; // how version 1 says "no limit" with pages of 4 KiB

const LIMITS =
  'Limit                     Soft Limit           Hard Limit           Units     \n' +
  'Max data size             unlimited            unlimited            bytes     \n' +
  'Max stack size            8388608              unlimited            bytes     \n' +
  'Max processes             62890                62891                processes \n' +
  'Max open files            1024                 524288               files     \n' +
  'Max locked memory         8388608              8388608              bytes     \n' +
  'Max address space         unlimited            unlimited            bytes     \n';

const MOUNT_2 = '30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n';

/** Version 1: the limit is on the parent, the own group says none. */
export const version1: MachineSpec = {
  meminfo: MEMINFO,
  files: {
    '/proc/self/limits': LIMITS,
    '/proc/self/cgroup': '9:cpu,cpuacct:/\n4:memory:/docker/abc\n1:name=systemd:/x\n',
    '/proc/self/mountinfo': '35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes': NONE,
    '/sys/fs/cgroup/memory/memory.usage_in_bytes': '9000000000\n',
    '/sys/fs/cgroup/memory/docker/memory.limit_in_bytes': `${2 * GIB}\n`,
    '/sys/fs/cgroup/memory/docker/memory.usage_in_bytes': `${GIB}\n`,
    '/sys/fs/cgroup/memory/docker/memory.memsw.limit_in_bytes': `${3 * GIB}\n`,
    '/sys/fs/cgroup/memory/docker/memory.memsw.usage_in_bytes': `${GIB + 4096}\n`,
    '/sys/fs/cgroup/memory/docker/memory.failcnt': '7\n',
    '/sys/fs/cgroup/memory/docker/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n',
    '/sys/fs/cgroup/memory/docker/memory.use_hierarchy': '1\n',
    '/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes': NONE,
    '/sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes': `${512 * MIB}\n`,
    '/sys/fs/cgroup/memory/docker/abc/memory.max_usage_in_bytes': `${600 * MIB}\n`,
  },
};

/** The same, but the parent does not count its children; a resource limit is just the machine's memory. */
export const version1Flat: MachineSpec = {
  ...version1,
  files: {
    ...version1.files,
    '/proc/self/limits': LIMITS.replace('data size             unlimited  ', 'data size             17179869184'),
    '/sys/fs/cgroup/memory/docker/memory.use_hierarchy': '0\n',
  },
};

/** Version 2: the middle group is the tightest; the own limit is above the machine's memory. */
export const nested: MachineSpec = {
  meminfo: { ...MEMINFO, SwapTotal: 1024, SwapFree: 512, CommitLimit: 2048, Committed_AS: 4096 },
  files: {
    '/proc/self/limits': LIMITS,
    '/proc/self/cgroup': '0::/kubepods/pod1/app\n',
    '/proc/self/mountinfo': MOUNT_2,
    '/proc/sys/vm/overcommit_memory': '2\n',
    '/proc/sys/vm/overcommit_ratio': '50\n',
    '/proc/sys/vm/max_map_count': '65530\n',
    '/proc/pressure/memory':
      'some avg10=12.50 avg60=3.00 avg300=0.10 total=123456\nfull avg10=1.00 avg60=0.00 avg300=0.00 total=42\n',
    '/sys/fs/cgroup/cgroup.controllers': 'cpu memory\n',
    '/sys/fs/cgroup/kubepods/memory.max': `${8 * GIB}\n`,
    '/sys/fs/cgroup/kubepods/memory.current': `${4 * GIB}\n`,
    '/sys/fs/cgroup/kubepods/pod1/memory.max': `${GIB}\n`,
    '/sys/fs/cgroup/kubepods/pod1/memory.high': `${900 * MIB}\n`,
    '/sys/fs/cgroup/kubepods/pod1/memory.current': `${600 * MIB}\n`,
    '/sys/fs/cgroup/kubepods/pod1/memory.peak': `${700 * MIB}\n`,
    '/sys/fs/cgroup/kubepods/pod1/memory.swap.max': '0\n',
    '/sys/fs/cgroup/kubepods/pod1/memory.swap.current': '0\n',
    '/sys/fs/cgroup/kubepods/pod1/memory.events': 'low 0\nhigh 5\nmax 3\noom 1\noom_kill 1\noom_group_kill 0\n',
    '/sys/fs/cgroup/kubepods/pod1/app/memory.max': `${64 * GIB}\n`,
    '/sys/fs/cgroup/kubepods/pod1/app/memory.high': 'max\n',
    '/sys/fs/cgroup/kubepods/pod1/app/memory.current': `${500 * MIB}\n`,
    '/sys/fs/cgroup/kubepods/pod1/app/memory.swap.max': 'max\n',
    '/sys/fs/cgroup/kubepods/pod1/app/memory.pressure':
      'some avg10=50.00 avg60=0.00 avg300=0.00 total=9\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
  },
};

/** Memory is counted by version 1, version 2 is there and empty; the limit is the machine's and more. */
export const hybrid: MachineSpec = {
  meminfo: MEMINFO,
  files: {
    '/proc/self/limits': LIMITS.replace('Max address space         unlimited', 'Max address space         4294967296'),
    '/proc/self/cgroup': '4:memory:/app\n0::/\n',
    '/proc/self/mountinfo':
      '35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n' +
      '41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n',
    '/sys/fs/cgroup/unified/cgroup.controllers': '\n',
    '/sys/fs/cgroup/memory/app/memory.limit_in_bytes': `${16 * GIB}\n`,
    '/sys/fs/cgroup/memory/app/memory.usage_in_bytes': '4096\n',
  },
};

/** A container that sees its own group as the top, while the kernel names the path from outside. */
export const ownTop: MachineSpec = {
  meminfo: MEMINFO,
  files: {
    '/proc/self/cgroup': '0::/docker/abc\n',
    '/proc/self/mountinfo': MOUNT_2.replace(' / /sys', ' /docker/abc /sys'),
    '/sys/fs/cgroup/memory.max': `${3 * GIB}\n`,
    '/sys/fs/cgroup/memory.current': `${GIB}\n`,
  },
};

/** The same with the mount's top one above, and a blank in the mount point. */
export const parentTop: MachineSpec = {
  meminfo: MEMINFO,
  files: {
    '/proc/self/cgroup': '0::/docker/abc\n',
    '/proc/self/mountinfo': '30 23 0:26 /docker /mnt/c\\040g rw - cgroup2 cgroup2 rw\n',
    '/mnt/c g/memory.max': `${2 * GIB}\n`,
    '/mnt/c g/abc/memory.max': `${GIB}\n`,
  },
};

/** The process was moved out of its namespace: the path leads above the mounted top. */
export const namespaced: MachineSpec = {
  meminfo: MEMINFO,
  files: {
    '/proc/self/cgroup': '0::/../../other\n',
    '/proc/self/mountinfo': MOUNT_2,
    '/sys/other/memory.max': `${GIB}\n`, // where a careless join of paths would lead
    '/sys/fs/cgroup/memory.max': `${5 * GIB}\n`,
    '/sys/fs/cgroup/memory.current': `${6 * GIB}\n`,
  },
};

/** The parents of version 1 are hidden; memory.stat sums their limits up. */
export const hiddenParents: MachineSpec = {
  meminfo: MEMINFO,
  files: {
    '/proc/self/cgroup': '4:memory:/docker/abc\n',
    '/proc/self/mountinfo': '35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes': NONE,
    '/sys/fs/cgroup/memory/memory.usage_in_bytes': '4096\n',
    '/sys/fs/cgroup/memory/memory.stat': `cache 0\nhierarchical_memory_limit ${GIB}\n`,
  },
};

/** No mountinfo: the usual places are tried. Pressure accounting is off: an unreadable file (a folder stands for it). */
export const noMountinfo: MachineSpec = {
  meminfo: MEMINFO,
  files: {
    '/proc/self/cgroup': '0::/app\n',
    '/proc/pressure/memory/': '',
    '/sys/fs/cgroup/cgroup.controllers': 'memory\n',
    '/sys/fs/cgroup/app/memory.max': `${GIB}\n`,
  },
};
