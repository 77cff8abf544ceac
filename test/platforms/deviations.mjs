// What the checks write down instead of asserting, because platforms differ in it: as expected on Linux, and the rows
// that say where it is otherwise and why. A value that no row expects fails the lane, and so does a row that no longer
// holds: mended things are struck from this list and from the README's.
const USUAL = {
  atomicTombstone: true,
  sharedView: 'SharedArrayBuffer',
  fileRemap: 'none',
  fileProtect: 'none',
  partialProtect: 'none',
  copyDecommit: 'none',
  copyProtect: 'none',
  openedBytes: 5000,
  sharedGrow: 'none',
  sharedShrink: 'none',
  sharedProtect: 'none',
  sharedDecommit: 'none',
  current: 'none',
  runOn: 'none',
  pageStats: 'none',
};

// Asked of emulated systems only: on a real one they depend on its settings.
const USUAL_EMULATED = { locked: true, strictSecret: 'none', numa: 'preferred 0' };

const SYSCALL = 'ERR_MEMORY_SYSCALL';
const UNSUPPORTED = 'ERR_MEMORY_UNSUPPORTED';

const ROWS = [
  [/musl/, { sharedView: 'ArrayBuffer' }, 'Node 26.0 has no external SharedArrayBuffers; 26.1 has'],
  [
    /arm64/,
    { locked: false, strictSecret: UNSUPPORTED },
    'qemu-user knows no memfd_secret, and locks nothing that it could prove by smaps',
  ],
  [/arm64/, { numa: 'this kernel has no NUMA support' }, 'qemu-user refuses mbind and move_pages'],
  [
    /arm64 (16|64) KiB/,
    { partialProtect: SYSCALL },
    'qemu-user with pages larger than the machine’s maps no file that ends inside a page a second time',
  ],
  [
    /Wine/,
    { atomicTombstone: false },
    'Windows replaces no mapping in one step: views of files and shared memory keep their bytes after free()',
  ],
  [
    /Wine, Node 20/,
    { sharedView: 'ArrayBuffer' },
    'the engine’s symbols are not found in node.exe of Node 20: threads attach by handle',
  ],
  [
    /Wine/,
    {
      fileRemap: SYSCALL,
      fileProtect: SYSCALL,
      partialProtect: SYSCALL,
      sharedShrink: SYSCALL,
      sharedProtect: SYSCALL,
    },
    'Wine 8 has MapViewOfFile3 into a placeholder in name only, so views that were seen cannot move',
  ],
  [/Wine/, { sharedGrow: UNSUPPORTED }, 'a section of Windows does not grow'],
  [/Wine/, { sharedDecommit: UNSUPPORTED, copyDecommit: UNSUPPORTED }, 'Windows drops no pages of a section'],
  [/Wine/, { copyProtect: UNSUPPORTED }, 'Windows moves no private copy of a file'],
  [/Wine/, { openedBytes: 8192 }, 'a section of Windows tells its length in whole pages'],
  [/Wine/, { strictSecret: UNSUPPORTED }, 'Windows keeps locked memory in crash dumps'],
  [/Wine/, { pageStats: UNSUPPORTED }, 'Windows has no smaps'],
];

/**
 * @param {string} lane the lane's name
 * @param {Record<string, unknown>} notes what its checks wrote down
 * @returns failures, as the checks themselves report them, and the deviations that hold, for the report
 */
export function judge(lane, notes, emulated) {
  const usual = emulated ? { ...USUAL, ...USUAL_EMULATED } : USUAL;
  const expected = new Map(Object.entries(usual).map(([key, value]) => [key, { value }]));
  for (const [pattern, values, reason] of ROWS) {
    if (!pattern.test(lane)) continue;
    for (const [key, value] of Object.entries(values)) expected.set(key, { value, reason });
  }
  const failures = [];
  const deviations = [];
  for (const [key, { value, reason }] of expected) {
    const got = notes[key];
    if (got === value) {
      if (reason !== undefined) deviations.push(`${key} is ${value}: ${reason}`);
      continue;
    }
    const known = reason === undefined ? '' : ` (known: ${reason}; if it is mended, strike the row)`;
    failures.push({ name: `deviations: ${key}`, error: `expected ${value}, got ${got}${known}` });
  }
  return { failures, deviations };
}
