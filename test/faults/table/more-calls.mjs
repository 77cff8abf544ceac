// Single system calls that fail: everything after the mapping.
import { error, fell, full, mmap, ok } from '../expect.mjs';
import { group, HUGE, NODES, noMemory, system } from './group.mjs';

export default [
  group(
    'the moved pages cannot be locked',
    ['mlock2:ENOMEM'],
    [['protect dressed shared with views', error('LOCK_LIMIT', 'mlock', 'ENOMEM')]],
  ),
  group(
    'the moved pages cannot be kept from forks',
    ['madvise,arg2=10:EINVAL'],
    [
      ['protect dressed shared with views', system('madvise', 'EINVAL')],
      ['protect dressed secret with views', system('madvise', 'EINVAL')],
    ],
  ),
  group('mlock2 EAGAIN', ['mlock2:EAGAIN'], [['lock', error('LOCK_LIMIT', 'mlock', 'EAGAIN')]]),
  group('mlock2 ENOSYS', ['mlock2:ENOSYS'], [['lock', system('mlock', 'ENOSYS')]]),
  group('munlock ENOMEM', ['munlock:ENOMEM'], [['unlock', noMemory('munlock')]]),
  group(
    'mincore EAGAIN',
    ['mincore:EAGAIN'],
    [
      ['residency', system('mincore', 'EAGAIN')],
      ['file residency', system('mincore', 'EAGAIN')],
    ],
  ),
  group('mincore EPERM', ['mincore:EPERM'], [['residency', error('PERMISSION', 'mincore', 'EPERM')]]),
  group('msync EIO', ['msync:EIO'], [['flush', system('msync', 'EIO')]]),
  group('msync ENOMEM', ['msync:ENOMEM'], [['flush', noMemory('msync')]]),

  group(
    'hugetlb: the pool lacks pages',
    [`mmap,${mmap.huge}:ENOMEM`],
    [
      ['map 2MiB', fell([['2MiB pages', HUGE, 'ENOMEM']], { pages: 'thp' })],
      ['map huge', fell([['2MiB pages', HUGE, 'ENOMEM']], { pages: 'thp' })],
      [
        'map 1GiB',
        fell([
          ['1GiB pages', HUGE, 'ENOMEM'],
          ['2MiB pages', HUGE, 'ENOMEM'],
        ]),
      ],
      ['map 2MiB strict', { code: HUGE, errno: 'ENOMEM' }],
    ],
  ),
  // Where the pool is empty the kernel itself says so before the mapping that is made to fail here.
  group(
    'hugetlb: the pool lacks shared pages',
    [`mmap,${mmap.huge}:ENOMEM`],
    [
      ['shared 2MiB', fell([['2MiB pages', HUGE, 'ENOMEM']], { pages: 'base' })],
      ['shared 2MiB strict', { code: HUGE, errno: 'ENOMEM' }],
    ],
    { met: false },
  ),
  group(
    'memfd_create ENOSYS',
    ['memfd_create:ENOSYS'],
    [
      ['shared', error('UNSUPPORTED', 'memfd_create', 'ENOSYS')],
      ['shared 2MiB', error('UNSUPPORTED', 'memfd_create', 'ENOSYS')],
      ['shared 2MiB strict', { code: HUGE, errno: 'ENOSYS' }],
      ['named', full(), { met: false }],
    ],
  ),
  group('memfd_create EMFILE', ['memfd_create:EMFILE'], [['shared', system('memfd_create', 'EMFILE')]]),
  group('memfd_create ENFILE', ['memfd_create:ENFILE'], [['shared', system('memfd_create', 'ENFILE')]]),
  group('memfd_create EPERM', ['memfd_create:EPERM'], [['shared', error('PERMISSION', 'memfd_create', 'EPERM')]]),
  group(
    'memfd_secret ENOSYS',
    ['memfd_secret:ENOSYS'],
    [
      [
        'secret',
        fell([['memfd_secret', 'UNSUPPORTED', 'ENOSYS']], { locked: true }, { secretMemory: false, fork: 'wiped' }),
      ],
      ['secret strict', { code: 'UNSUPPORTED', errno: 'ENOSYS' }],
    ],
  ),
  group(
    'memfd_secret EMFILE',
    ['memfd_secret:EMFILE'],
    [['secret', fell([['memfd_secret', 'SYSCALL', 'EMFILE']], { locked: true }, { secretMemory: false })]],
  ),
  group(
    'no memfd_secret, no lock',
    ['memfd_secret:ENOSYS', 'mlock2:EPERM'],
    [
      [
        'secret',
        fell(
          [
            ['memfd_secret', 'UNSUPPORTED', 'ENOSYS'],
            ['lock', 'LOCK_LIMIT', 'EPERM'],
          ],
          { locked: false },
          { secretMemory: false, locked: false, excludedFromDump: true, fork: 'wiped' },
        ),
      ],
    ],
  ),
  group(
    'nothing for secrets',
    ['memfd_secret:EPERM', 'mlock2:ENOMEM', 'madvise:EINVAL'],
    [
      [
        'secret',
        fell(
          [
            ['memfd_secret', 'PERMISSION', 'EPERM'],
            ['lock', 'LOCK_LIMIT', 'ENOMEM'],
            ['exclusion from core dumps', 'SYSCALL', 'EINVAL'],
            ['wipe on fork', 'SYSCALL', 'EINVAL'],
            ['exclusion from forks', 'SYSCALL', 'EINVAL'],
          ],
          { locked: false },
          { secretMemory: false, locked: false, excludedFromDump: false, fork: 'inherited', guardPages: true },
        ),
      ],
      ['secret strict', { code: 'PERMISSION', errno: 'EPERM' }],
    ],
  ),

  group(
    'ftruncate ENOSPC',
    ['ftruncate:ENOSPC'],
    [
      ['shared', noMemory('ftruncate', 'ENOSPC')],
      ['named', noMemory('ftruncate', 'ENOSPC')],
      ['file grow', noMemory('ftruncate', 'ENOSPC')],
      ['file create', noMemory('ftruncate', 'ENOSPC')],
      ['grow shared with views', noMemory('ftruncate', 'ENOSPC')],
      ['grow file with views', noMemory('ftruncate', 'ENOSPC')],
      ['secret', fell([['memfd_secret', 'OUT_OF_MEMORY', 'ENOSPC']], {}, { secretMemory: false, locked: true })],
    ],
  ),
  group('ftruncate EPERM', ['ftruncate:EPERM'], [['file grow', error('PERMISSION', 'ftruncate', 'EPERM')]]),
  group(
    'ftruncate EFBIG',
    ['ftruncate:EFBIG'],
    [
      ['shared', error('TOO_LARGE', 'ftruncate', 'EFBIG')],
      ['grow shared', error('TOO_LARGE', 'ftruncate', 'EFBIG')],
    ],
  ),
  group(
    'ftruncate EINTR, once',
    ['ftruncate:EINTR'],
    [
      ['shared', full(), { arm: { count: 1 } }],
      ['file grow', full(), { arm: { count: 1 } }],
    ],
  ),
  group(
    'statx EPERM',
    ['statx:EPERM'],
    [
      ['file copy', full()],
      ['file shared', full()],
      ['file grow', full()],
      ['open', full()],
      ['attach remote', full()],
      ['grow file with views', ok()],
    ],
  ),
  group(
    'statx EIO',
    ['statx:EIO'],
    [
      ['file copy', system('statx', 'EIO')],
      ['open', system('statx', 'EIO')],
      ['grow file with views', system('statx', 'EIO')],
    ],
  ),
  group(
    'open EACCES',
    ['open:EACCES', 'openat:EACCES'],
    [
      ['file copy', error('PERMISSION', 'open', 'EACCES')],
      ['file create', error('PERMISSION', 'open', 'EACCES')],
      ['open', error('PERMISSION', 'open', 'EACCES')],
      ['named', error('PERMISSION', 'open', 'EACCES')],
      ['attach remote', error('PERMISSION', 'open', 'EACCES')],
      // Nothing of /proc and /sys can be read.
      ['map populate', full({ populated: true })],
      ['map thp', full({ pages: 'thp' })],
      ['map 2MiB', fell([['2MiB pages', HUGE, 'ENOMEM']])],
      ['map numa bind', full({ numa: 'bind 0' })],
      ['pageStats', error('UNSUPPORTED')],
      ['nodes', ok({ source: 'move_pages' }), { met: false }],
      ['limits', ok({ object: 'object' })],
      ['topology', ok({ nodes: true })],
      ['hugePages', ok({ object: 'object' })],
      ['pressure', ok({ object: 'object' })],
      ['processMemory', error('SYSCALL', 'uv_resident_set_memory', 'EACCES')],
    ],
  ),
  group(
    'open EMFILE',
    ['open:EMFILE', 'openat:EMFILE'],
    [
      ['file copy', system('open', 'EMFILE')],
      ['named', system('open', 'EMFILE')],
      ['open', system('open', 'EMFILE')],
      ['map lock', full({ locked: true })],
      ['free private with views', ok(), { met: false }],
    ],
  ),
  group('unlink EPERM', ['unlink:EPERM', 'unlinkat:EPERM'], [['unlink', error('PERMISSION', 'unlink', 'EPERM')]]),
  group(
    'mbind EINVAL',
    ['mbind:EINVAL'],
    [
      ...NODES.map((call) => {
        const policy = { 'map numa bind': 'bind 0', 'map numa preferred': 'preferred 0' }[call] ?? 'interleave all';
        return [call, fell([[`numa ${policy}`, 'NUMA_UNAVAILABLE', 'EINVAL']], { numa: null })];
      }),
      ['bind', error('NUMA_UNAVAILABLE', 'mbind', 'EINVAL')],
      ['bind many', error('NUMA_UNAVAILABLE', 'mbind', 'EINVAL')],
    ],
  ),
  group('mbind ENOMEM', ['mbind:ENOMEM'], [['bind part', system('mbind', 'ENOMEM')]]),
  group(
    'move_pages EPERM',
    ['move_pages:EPERM'],
    [
      ['map numa bind populate', fell([['numa bind 0 verified', 'PERMISSION', 'EPERM']], { numaVerified: false })],
      ['map numa bind strict', { code: 'PERMISSION', errno: 'EPERM' }],
      ['nodes', ok({ source: 'numa_maps', nodes: { 0: 64 } })],
    ],
  ),
  group(
    'move_pages EPERM, no numa_maps',
    ['move_pages:EPERM', 'openat:EACCES', 'open:EACCES'],
    [['nodes', error('PERMISSION', 'move_pages', 'EPERM')]],
  ),
  group(
    'futex ENOSYS',
    ['futex,arg1=0:ENOSYS', 'futex,arg1=1:ENOSYS'],
    [
      ['wait', error('UNSUPPORTED', 'futex', 'ENOSYS')],
      ['notify', error('UNSUPPORTED', 'futex', 'ENOSYS')],
    ],
  ),
  group(
    'futex EPERM',
    ['futex,arg1=0:EPERM', 'futex,arg1=1:EPERM'],
    [
      ['wait', error('PERMISSION', 'futex', 'EPERM')],
      ['notify', error('PERMISSION', 'futex', 'EPERM')],
    ],
  ),
  group('futex EINTR', ['futex,arg1=0:EINTR'], [['wait', ok()]]),
  group('futex EFAULT', ['futex,arg1=0:EFAULT'], [['wait', noMemory('futex', 'EFAULT')]]),
];
