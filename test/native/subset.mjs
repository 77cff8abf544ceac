// Which jest tests run inside a Node with the sanitizers' runtime, and which cannot, each with its reason.

/** Folders whose tests reach the addon. */
export const TEST_FOLDERS = ['test/core', 'test/platform'];

/** Patterns of test files that are left out. */
export const SKIPPED_UNDER_ASAN = [];
