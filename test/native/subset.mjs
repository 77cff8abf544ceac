// Which jest tests run inside a Node with the sanitizers' runtime, and which cannot, each with its reason.

/** Folders whose tests reach the addon. The others start processes of their own or look at files only. */
export const TEST_FOLDERS = ['test/core', 'test/platform'];

/** Tests, by a part of their names, that are left out. */
export const SKIPPED_UNDER_ASAN = [
  { test: 'lock is seen by the kernel', reason: 'ASan replaces mlock() and munlock() by functions that do nothing' },
  { test: 'memory is refused while locked', reason: 'the same: pages stay locked after munlock()' },
];
