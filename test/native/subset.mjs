// Which jest tests cannot run inside a Node with the sanitizers' runtime, each with its reason. All others do.

/** Files of tests, as patterns of their paths: what the sanitizers could not see anything in. */
export const FILES_LEFT_OUT = [
  { file: 'test/architecture/', reason: 'reads source text, loads no binary' },
  { file: 'test/docs/', reason: 'compares documents' },
  { file: 'test/system/config/', reason: 'settings as text; what they set is driven by tests of its own' },
  { file: 'test/package/', reason: 'is about the shipped binaries and how they are found; this lane names its own' },
];

/** Tests, by the whole of their names as jest joins them. */
export const TESTS_LEFT_OUT = [
  {
    test: 'what options do lock is seen by the kernel',
    reason: 'ASan replaces mlock() by a function that does nothing',
  },
  {
    test: 'anonymous memory is refused while locked',
    reason: 'the same: the pages are not locked, so nothing is refused',
  },
  { test: 'shared memory is refused while locked', reason: 'the same' },
  { test: 'protect() of locked private memory leaves nothing locked behind', reason: 'the same, of munlock()' },
  { test: 'protect() of locked a file copy leaves nothing locked behind', reason: 'the same, of munlock()' },
  {
    test: 'SharedSystemAllocator over memory that is locked meanwhile a free that cannot give its pages back leaves the block as it was',
    reason: 'the same: it stays locked',
  },
  {
    test: 'SharedSystemAllocator over memory that is locked meanwhile an attachment ends, and its pages are zeros for the next user',
    reason: 'the same: it stays locked',
  },
  {
    test: 'pageStats says so when the kernel merged the region with its neighbors',
    reason: "compares two looks at /proc/self/smaps, between which ASan's allocator maps memory beside the region",
  },
];
