// Whole environments, from the start of the process.
import { deny, error, fell, full, ok } from '../expect.mjs';

const NUMA = ['mbind', 'set_mempolicy', 'get_mempolicy', 'set_mempolicy_home_node', 'migrate_pages', 'move_pages'];

// What Docker's default profile takes from a container without added capabilities.
const DOCKER = [
  ...NUMA,
  'userfaultfd',
  'perf_event_open',
  'bpf',
  'kcmp',
  'keyctl',
  'add_key',
  'request_key',
  'mount',
  'umount2',
  'unshare',
  'setns',
  'io_uring_setup',
].map((name) => `${name}:EPERM`);

// Profiles of 2018 refused every call that they did not know, by EPERM.
const OLD_DOCKER = [
  ...DOCKER,
  ...['statx', 'memfd_secret', 'process_madvise', 'clone3', 'close_range', 'openat2', 'faccessat2', 'epoll_pwait2'].map(
    (name) => `${name}:${name === 'clone3' ? 'ENOSYS' : 'EPERM'}`,
  ),
];

const OLD_KERNEL = [
  ...[22, 23, 25, 102, 103].map((advice) => `madvise,arg2=${advice}:EINVAL`),
  ...[5, 6].map((policy) => `mbind,arg2&0xff=${policy}:EINVAL`),
  'memfd_secret:ENOSYS',
  'mremap,arg3&4=4:EINVAL',
  'process_madvise:ENOSYS',
  'set_mempolicy_home_node:ENOSYS',
  'prctl,arg0=0x53564d41:EINVAL',
  ...['close_range', 'openat2', 'pidfd_getfd', 'faccessat2', 'epoll_pwait2'].map((name) => `${name}:ENOSYS`),
];

const refusedNuma = (code, errno) => {
  const miss = (wanted) => [wanted, code, errno];
  return [
    ['map plain', full({ pages: 'base' })],
    ['map populate', full({ populated: true })],
    ['map lock', full({ locked: true })],
    ['map thp', full({ pages: 'thp' })],
    ['map numa bind', fell([miss('numa bind 0')], { numa: null })],
    ['map numa bind strict', { code, syscall: undefined, errno }],
    ['map numa bind populate', fell([miss('numa bind 0')], { numa: null, populated: true })],
    ['map numa preferred', fell([miss('numa preferred 0')])],
    ['map numa interleave', fell([miss('numa interleave all')])],
    ['map numa local', fell([miss('numa local')])],
    ['map numa weighted', fell([miss('numa weighted 0:3')])],
    ['shared', full()],
    ['shared numa', fell([miss('numa bind 0')])],
    ['secret', fell([], {}, { secretMemory: true })],
    ['bind', error(code, 'mbind', errno)],
    ['bind many', error(code, 'mbind', errno)],
    ['bind weighted', error(code, 'mbind', errno)],
    ['bind part', error(code, 'mbind', errno)],
    ['migrate', error(code, 'move_pages', errno)],
    ['nodes', ok({ source: 'numa_maps', nodes: { 0: 64 }, absentPages: 0 })],
    [
      'capabilities',
      ok({ numaPolicy: `ERR_MEMORY_${code}`, numaQuery: `ERR_MEMORY_${code}`, memfd: null, lock: null }),
    ],
    ['topology', ok({ nodes: true })],
    ['limits', ok({ object: 'object' })],
    ['pageStats', ok()],
    ['protect private with views', ok()],
    ['grow private with views', ok()],
  ];
};

const DRESSED = ['private', 'guarded', 'shared', 'secret'].map((kind) => [`protect dressed ${kind} with views`, ok()]);

export default [
  { fault: 'none', launch: [], rows: [...DRESSED, ['nodes', ok({ source: 'move_pages', nodes: { 0: 64 } })]] },
  { fault: 'docker', launch: deny(...DOCKER), rows: refusedNuma('PERMISSION', 'EPERM') },
  {
    fault: 'no-numa',
    launch: deny(...NUMA.map((name) => `${name}:ENOSYS`)),
    rows: refusedNuma('NUMA_UNAVAILABLE', 'ENOSYS'),
  },
  {
    fault: 'docker of 2018',
    launch: deny(...OLD_DOCKER),
    rows: [
      ['map plain', full()],
      ['file copy', full()],
      ['file shared', full()],
      ['file create', full()],
      ['file grow', full()],
      ['shared', full()],
      ['named', full()],
      ['open', full()],
      ['attach', full()],
      ['attach remote', full()],
      [
        'secret',
        fell([['memfd_secret', 'PERMISSION', 'EPERM']], { locked: true }, { secretMemory: false, fork: 'wiped' }),
      ],
      ['secret strict', { code: 'PERMISSION', errno: 'EPERM' }],
      ['grow file with views', ok()],
      ['capabilities', ok({ memfdSecret: 'ERR_MEMORY_PERMISSION' })],
    ],
  },
  {
    fault: 'old-kernel-5.4',
    launch: deny(...OLD_KERNEL),
    rows: [
      ['map plain', full()],
      ['map populate', full({ populated: true })],
      ['map thp populate', full({ pages: 'thp', populated: true })],
      ['map named', full()],
      ['map guard', full()],
      ['map numa bind', full({ numa: 'bind 0' })],
      ['map numa weighted', full({ numa: 'weighted 0:3' })],
      ['populate', ok()],
      ['shared populate', full({ populated: true })],
      ['file populate', full({ populated: true })],
      ['bind many', ok()],
      ['bind weighted', ok()],
      ['advise collapse', error('SYSCALL', 'madvise', 'EINVAL')],
      ['advise populate_read', error('SYSCALL', 'madvise', 'EINVAL')],
      ['advise cold', ok()],
      [
        'secret',
        fell([['memfd_secret', 'UNSUPPORTED', 'ENOSYS']], { locked: true }, { secretMemory: false, fork: 'wiped' }),
      ],
      ['secret strict', { code: 'UNSUPPORTED', errno: 'ENOSYS' }],
      ...['private', 'guarded', 'shared', 'file'].flatMap((kind) => [
        [`free ${kind} with views`, ok()],
        [`protect ${kind} with views`, ok()],
        [`grow ${kind} with views`, ok()],
        [`grow ${kind}`, ok()],
        [`shrink ${kind} with views`, ok()],
      ]),
      ...DRESSED,
      ['protect secret with views', ok()],
      ['protect locked with views', ok()],
      ['protect copy with views', error('UNSUPPORTED')],
      ['grow copy with views', error('UNSUPPORTED')],
      ['free copy with views', ok()],
      [
        'capabilities',
        ok({
          populateWrite: 'ERR_MEMORY_SYSCALL',
          collapse: 'ERR_MEMORY_SYSCALL',
          memfdSecret: 'ERR_MEMORY_UNSUPPORTED',
          moveKeepingZeros: 'ERR_MEMORY_UNSUPPORTED',
          preferredMany: 'ERR_MEMORY_NUMA_UNAVAILABLE',
          weightedInterleave: 'ERR_MEMORY_NUMA_UNAVAILABLE',
          cold: null,
          wipeOnFork: null,
        }),
      ],
    ],
  },
];
