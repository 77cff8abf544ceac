// One system call at a time, failing only while the call under test runs.
import { during, error, fell, full, mmap, ok } from '../expect.mjs';

const noMemory = (syscall, errno = 'ENOMEM') => error('OUT_OF_MEMORY', syscall, errno);
const system = (syscall, errno) => error('SYSCALL', syscall, errno);
const HUGE = 'HUGE_PAGES_UNAVAILABLE';

const group = (fault, rules, rows, extra) => ({
  fault,
  launch: during(...rules),
  arm: {},
  rows: rows.map(([call, expect, own]) => [call, expect, { ...extra, ...own }]),
});

const NODES = ['map numa bind', 'map numa preferred', 'map numa interleave'];

export default [
  group(
    'mmap ENOMEM: new pages',
    [`mmap,${mmap.private}:ENOMEM`],
    [
      ['map plain', noMemory('mmap')],
      ['map base', noMemory('mmap')],
      ['map thp', noMemory('mmap')],
      ['map populate', noMemory('mmap')],
      ['map lock', noMemory('mmap')],
      ['map numa bind', noMemory('mmap')],
      ['map carrier shared', noMemory('mmap')],
    ],
  ),
  group(
    'mmap EAGAIN: new pages',
    [`mmap,${mmap.private}:EAGAIN`],
    [['map plain', error('LOCK_LIMIT', 'mmap', 'EAGAIN')]],
  ),
  group(
    'mmap ENOMEM: reservation',
    [`mmap,${mmap.reserve}:ENOMEM`],
    [
      ['map guard', noMemory('mmap')],
      ['secret', noMemory('mmap')],
      ...['private', 'guarded', 'locked', 'secret', 'shared', 'copy', 'file'].map((kind) => [
        `protect ${kind} with views`,
        noMemory('mmap'),
      ]),
      ...['private', 'guarded', 'shared', 'copy', 'file'].map((kind) => [`grow ${kind} with views`, noMemory('mmap')]),
      ['shrink private with views', noMemory('mmap')],
    ],
  ),
  group(
    'mmap ENOMEM: into a reservation',
    [`mmap,${mmap.inside}:ENOMEM`],
    [
      ['map guard', noMemory('mmap')],
      ['grow private with views', noMemory('mmap')],
      ['grow guarded with views', noMemory('mmap')],
      ['grow guarded', noMemory('mmap')],
    ],
  ),
  group(
    'mmap ENOMEM: objects',
    [`mmap,${mmap.sharedObject}:ENOMEM`],
    [
      ['shared', noMemory('mmap')],
      ['shared populate', noMemory('mmap')],
      ['named', noMemory('mmap')],
      ['open', noMemory('mmap')],
      ['attach remote', noMemory('mmap')],
      ['file shared', noMemory('mmap')],
      ['file create', noMemory('mmap')],
      ['secret', fell([['memfd_secret', 'OUT_OF_MEMORY', 'ENOMEM']], { locked: true }, { secretMemory: false })],
      ['protect shared with views', noMemory('mmap')],
      ['protect file with views', noMemory('mmap')],
      ['protect secret with views', noMemory('mmap')],
      ['grow shared with views', noMemory('mmap')],
      ['grow shared', noMemory('mmap')],
      ['grow file with views', noMemory('mmap')],
    ],
  ),
  group(
    'mmap ENOMEM: copies',
    [`mmap,${mmap.privateObject}:ENOMEM`],
    [
      ['file copy', noMemory('mmap')],
      ['grow copy with views', noMemory('mmap')],
    ],
  ),
  group('mmap EPERM', [`mmap,${mmap.sharedObject}:EPERM`], [['file shared', error('PERMISSION', 'mmap', 'EPERM')]]),
  group('mmap ENODEV', [`mmap,${mmap.sharedObject}:ENODEV`], [['file shared', error('UNSUPPORTED', 'mmap', 'ENODEV')]]),

  // Free cannot fail: it has nobody to tell.
  group(
    'mmap ENOMEM: tombstone',
    [`mmap,${mmap.tombstone}:ENOMEM`],
    [
      ...['private', 'guarded', 'locked', 'secret', 'carrier', 'copy', 'file'].map((kind) => [
        `free ${kind} with views`,
        ok(),
      ]),
      // An object's pages cannot be emptied in place: a SharedArrayBuffer that escaped keeps them until it is collected.
      ['free shared with views', ok(), { stale: true }],
      ...['private', 'guarded', 'shared', 'file'].map((kind) => [`protect ${kind} with views`, ok()]),
      ...['private', 'shared', 'file'].map((kind) => [`grow ${kind} with views`, ok()]),
    ],
  ),
  group(
    'no tombstone, and no emptying in place',
    [`mmap,${mmap.tombstone}:ENOMEM`, 'madvise,arg2=4:ENOMEM'],
    [
      ['free private with views', ok()],
      ['free guarded with views', ok()],
    ],
  ),
  group(
    'mprotect ENOMEM',
    ['mprotect:ENOMEM'],
    [
      ...['private', 'guarded', 'locked', 'secret', 'shared', 'copy', 'file'].flatMap((kind) => [
        [`protect ${kind} with views`, noMemory('mprotect')],
        [`protect ${kind}`, noMemory('mprotect')],
      ]),
    ],
  ),
  group(
    'no tombstone, no mprotect',
    [`mmap,${mmap.tombstone}:ENOMEM`, 'mprotect:ENOMEM'],
    [['free private with views', ok()]],
  ),
  group(
    'munmap ENOMEM',
    ['munmap:ENOMEM'],
    [
      ['free private', ok()],
      ['free guarded', ok()],
      ['free shared', ok()],
      ['free file', ok()],
      ['free secret', ok()],
      ['free guarded with views', ok()],
    ],
  ),
  group(
    'mremap ENOMEM',
    ['mremap:ENOMEM'],
    [
      ...['private', 'guarded', 'copy'].flatMap((kind) => [
        [`protect ${kind} with views`, noMemory('mremap')],
        [`grow ${kind} with views`, noMemory('mremap')],
        [`shrink ${kind} with views`, noMemory('mremap')],
      ]),
      ['protect locked with views', noMemory('mremap')],
      ['grow private', noMemory('mremap')],
      ['grow guarded', noMemory('mremap')],
    ],
  ),
  group(
    'mremap EINVAL: pages cannot be moved',
    ['mremap,arg3&4=4:EINVAL'],
    [
      ['protect private with views', ok()],
      ['protect locked with views', ok()],
      ['grow private with views', ok()],
      ['grow guarded with views', ok()],
      ['protect copy with views', error('UNSUPPORTED')],
    ],
  ),
  group(
    'mremap EINVAL, no pages for a copy',
    ['mremap,arg3&4=4:EINVAL', `mmap,${mmap.private}:ENOMEM`, `mmap,${mmap.inside}:ENOMEM`],
    [
      ['protect private with views', noMemory('mmap')],
      ['grow private with views', noMemory('mmap')],
      ['grow guarded with views', noMemory('mmap')],
    ],
  ),
  // The first such call succeeds and every later one fails: a way back must not be needed.
  group(
    'move fails midway',
    [`mmap,${mmap.inside}:ENOMEM`, `mmap,${mmap.privateObject}:ENOMEM`, 'mremap:ENOMEM'],
    [
      ['grow private with views', noMemory('mremap'), { arm: { skip: 1 } }],
      ['grow guarded with views', noMemory('mremap'), { arm: { skip: 1 } }],
      ['grow copy with views', noMemory('mremap'), { arm: { skip: 1 } }],
    ],
  ),

  group(
    'madvise EINVAL',
    ['madvise:EINVAL'],
    [
      ['map base', full()],
      ['map thp', fell([['transparent huge pages', HUGE, 'EINVAL']], { pages: 'base' })],
      ['map thp strict', { code: HUGE, errno: 'EINVAL' }],
      ['map no dump', fell([['exclusion from core dumps', 'SYSCALL', 'EINVAL']])],
      ['map no dump strict', { code: 'SYSCALL', errno: 'EINVAL' }],
      ['map wipe on fork', fell([['wipe on fork', 'SYSCALL', 'EINVAL']])],
      ['map exclude on fork', fell([['exclusion from forks', 'SYSCALL', 'EINVAL']])],
      ['map populate', full({ populated: true })],
      ['secret', fell([['exclusion from forks', 'SYSCALL', 'EINVAL']], {}, { secretMemory: true, fork: 'inherited' })],
      ['secret strict', { code: 'SYSCALL', errno: 'EINVAL' }],
      ['decommit', system('madvise', 'EINVAL')],
      ['shared decommit', system('madvise', 'EINVAL')],
      ['advise cold', system('madvise', 'EINVAL')],
      ['populate', ok()],
    ],
  ),
  group(
    'madvise: nothing to populate with',
    ['madvise,arg2=23:ENOMEM'],
    [
      ['map populate', noMemory('madvise')],
      ['map thp populate', noMemory('madvise')],
      ['map numa bind populate', noMemory('madvise')],
      ['populate', noMemory('madvise')],
      ['shared populate', noMemory('madvise')],
      ['shared populate call', noMemory('madvise')],
      ['file populate', noMemory('madvise')],
      ['named populate', noMemory('madvise')],
    ],
  ),
  group(
    'madvise EFAULT',
    ['madvise,arg2=23:EFAULT'],
    [
      ['populate', noMemory('madvise', 'EFAULT')],
      ['map populate', noMemory('madvise', 'EFAULT')],
    ],
  ),
  group('madvise EAGAIN', ['madvise,arg2=25:EAGAIN'], [['advise collapse', system('madvise', 'EAGAIN')]]),
  group('madvise EAGAIN, then not', ['madvise,arg2=20:EAGAIN'], [['advise cold', system('madvise', 'EAGAIN')]]),
  group(
    'collapse EBUSY',
    ['madvise,arg2=25:EBUSY', 'madvise,arg2=14:EINVAL'],
    [
      [
        'map thp populate',
        fell([
          ['transparent huge pages', HUGE, 'EINVAL'],
          ['collapsed huge pages', HUGE, 'EBUSY'],
        ]),
      ],
    ],
  ),

  group(
    'mlock2 ENOMEM',
    ['mlock2:ENOMEM'],
    [
      ['map lock', fell([['lock', 'LOCK_LIMIT', 'ENOMEM']], { locked: false })],
      ['map lock strict', { code: 'LOCK_LIMIT', errno: 'ENOMEM' }],
      ['file lock', fell([['lock', 'LOCK_LIMIT', 'ENOMEM']], { locked: false })],
      ['lock', error('LOCK_LIMIT', 'mlock', 'ENOMEM')],
      ['lock part', error('LOCK_LIMIT', 'mlock', 'ENOMEM')],
    ],
  ),
  group(
    'the moved pages cannot be locked, or kept from dumps',
    ['mlock2:ENOMEM', 'madvise,arg2=16:ENOMEM'],
    [['protect dressed shared with views', noMemory('madvise')]],
  ),
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
