// Single system calls that fail: mappings and what moves them.
import { error, fell, full, mmap, ok } from '../expect.mjs';
import { group, HUGE, noMemory, system } from './group.mjs';

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
];
