// Limits of the process, and file systems that are full, read-only or cut short.
import { during, error, fell, full, mmap, ok } from '../expect.mjs';

const noMemory = (syscall, errno = 'ENOMEM') => error('OUT_OF_MEMORY', syscall, errno);
const space = { arm: { spaceKiB: 128 }, met: false };

export default [
  {
    fault: 'RLIMIT_AS',
    launch: [],
    rows: [
      ['map plain', noMemory('mmap'), space],
      ['map guard', noMemory('mmap'), space],
      ['map thp', noMemory('mmap'), space],
      ['map populate', noMemory('mmap'), space],
      ['map 2MiB', noMemory('mmap'), space],
      ['shared', noMemory('mmap'), space],
      ['shared populate', noMemory('mmap'), space],
      ['file grow', noMemory('mmap'), { arm: { spaceKiB: 64 }, met: false }],
      ['secret large', noMemory('mmap'), space],
      ['attach', full(), space],
      ...['private', 'guarded', 'shared', 'file'].flatMap((kind) => [
        [`free ${kind} with views`, ok(), space],
        [`protect ${kind} with views`, noMemory('mmap'), space],
        [`grow ${kind} with views`, noMemory('mmap'), space],
      ]),
      ['free copy with views', ok(), space],
      ['free carrier with views', ok(), space],
      ['free secret with views', ok(), space],
      ['grow private', noMemory('mremap'), space],
      ['lock', ok(), space],
      ['populate', ok(), space],
      ['flush', ok(), space],
    ],
  },
  {
    fault: 'RLIMIT_MEMLOCK 64 KiB',
    launch: ['--drop-caps', '--rlimit', 'memlock=65536'],
    rows: [
      ['map lock', fell([['lock', 'LOCK_LIMIT', 'ENOMEM']], { locked: false })],
      ['map lock strict', { code: 'LOCK_LIMIT', errno: 'ENOMEM' }],
      ['lock', error('LOCK_LIMIT', 'mlock', 'ENOMEM')],
      ['lock part', ok()],
      ['secret', fell([], { locked: true }, { secretMemory: true })],
      [
        'secret large',
        fell(
          [
            ['memfd_secret', 'LOCK_LIMIT'],
            ['lock', 'LOCK_LIMIT', 'ENOMEM'],
          ],
          { locked: false },
          { secretMemory: false, locked: false, excludedFromDump: true, fork: 'wiped' },
        ),
      ],
      ['capabilities', ok({ lock: null, memfdSecret: null })],
    ],
  },
  {
    fault: 'RLIMIT_MEMLOCK 0',
    launch: ['--drop-caps', '--rlimit', 'memlock=0'],
    rows: [
      ['map lock', fell([['lock', 'LOCK_LIMIT', 'EPERM']], { locked: false })],
      ['lock', error('LOCK_LIMIT', 'mlock', 'EPERM')],
      ['secret strict', { code: 'LOCK_LIMIT', errno: 'EAGAIN' }],
      [
        'secret',
        fell(
          [
            ['memfd_secret', 'LOCK_LIMIT', 'EAGAIN'],
            ['lock', 'LOCK_LIMIT', 'EPERM'],
          ],
          { locked: false },
          { secretMemory: false, locked: false },
        ),
      ],
      ['capabilities', ok({ lock: 'ERR_MEMORY_LOCK_LIMIT', memfdSecret: 'ERR_MEMORY_LOCK_LIMIT' })],
    ],
  },
  {
    fault: 'RLIMIT_NOFILE reached',
    launch: [],
    arm: { files: 1 },
    met: false,
    rows: [
      ['map plain', full()],
      ['map thp', full({ pages: 'thp' })],
      ['map populate', full({ populated: true })],
      ['map numa bind', full({ numa: 'bind 0' })],
      ['shared', error('SYSCALL', 'memfd_create', 'EMFILE')],
      ['named', error('SYSCALL', 'open', 'EMFILE')],
      ['open', error('SYSCALL', 'open', 'EMFILE')],
      ['file copy', error('SYSCALL', 'open', 'EMFILE')],
      ['file create', error('SYSCALL', 'open', 'EMFILE')],
      ['attach', full()],
      ['attach remote', error('SYSCALL', 'open', 'EMFILE')],
      ['secret', fell([['memfd_secret', 'SYSCALL', 'EMFILE']], { locked: true }, { secretMemory: false })],
      ['pageStats', error('UNSUPPORTED')],
      ['limits', ok({ object: 'object' })],
      ['topology', ok({ nodes: true })],
      ['processMemory', error('SYSCALL', 'uv_resident_set_memory', 'EMFILE')],
      ['protect shared with views', ok()],
      ['grow file with views', ok()],
      ['free shared with views', ok()],
      ['capabilities', ok({ memfd: 'ERR_MEMORY_SYSCALL', namedShared: 'ERR_MEMORY_SYSCALL', numaPolicy: null })],
    ],
  },
  {
    fault: 'RLIMIT_NPROC reached',
    launch: ['--uid', '65534', '--rlimit', 'nproc=24'],
    root: true,
    rows: [['flushAsync without threads', ok()]],
  },
  {
    fault: 'no thread to be had',
    launch: during('clone:EAGAIN', 'clone3:EAGAIN'),
    arm: {},
    met: false,
    rows: [
      ['map plain', full()],
      ['flush', ok()],
      ['free private with views', ok()],
    ],
  },
  {
    fault: 'read-only file system',
    launch: ['--tmpfs', 'SMALL:64k:ro'],
    mounts: true,
    rows: [
      ['small file copy', full()],
      ['small file shared', error('PERMISSION', 'open', 'EROFS')],
      ['small file create', error('PERMISSION', 'open', 'EROFS')],
    ],
  },
  {
    fault: 'read-only /dev/shm',
    launch: ['--tmpfs', '/dev/shm:64k:ro'],
    mounts: true,
    rows: [
      ['named', error('PERMISSION', 'open', 'EROFS')],
      ['shared', full()],
      ['capabilities', ok({ memfd: null })],
    ],
  },
  {
    fault: 'full tmpfs',
    launch: ['--tmpfs', 'SMALL:12k:rw'],
    mounts: true,
    rows: [
      ['small file copy', full()],
      ['small file shared', full()],
      ['small file grow populate', noMemory('madvise', 'EFAULT')],
      ['small file grow touch', error('FAULTED')],
    ],
  },
  {
    fault: 'full /dev/shm',
    launch: ['--tmpfs', '/dev/shm:64k:rw'],
    mounts: true,
    rows: [
      ['named populate', noMemory('madvise', 'EFAULT')],
      ['shared populate', full({ populated: true })],
    ],
  },
  {
    fault: 'truncated file',
    launch: [],
    rows: [
      ['truncated file', error('FAULTED')],
      ['truncated file populate', noMemory('madvise', 'EFAULT')],
      ['truncated file remap', ok({ byteLength: 131072, first: 0x5a, last: 0 })],
    ],
  },
  {
    // The first free() of the process keeps books that it has not yet.
    fault: 'mmap ENOMEM at the first free',
    launch: during(`mmap,${mmap.private}:ENOMEM`),
    arm: {},
    met: false,
    cold: true,
    rows: [
      ['free private with views', ok()],
      ['free shared with views', ok()],
    ],
  },
];
