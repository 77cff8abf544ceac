import { all, each, type Scenario, type ScenarioFile } from '../table';

const BAD = { copy: 'INVALID_ARGUMENT', shared: 'INVALID_ARGUMENT' };
const SYSCALL = { copy: 'SYSCALL', shared: 'SYSCALL' };
const RANGE = { copy: 'OUT_OF_RANGE', shared: 'OUT_OF_RANGE' };

export const fileScenarios: ScenarioFile = () =>
  all({
    missing: SYSCALL,
    missingFolder: SYSCALL,
    directory: BAD,
    fifo: BAD,
    devices: each(['zero', 'null', 'full'], BAD),
    procFiles: { maps: 'OUT_OF_RANGE', mem: RANGE },
    socket: SYSCALL,
    empty: { whole: RANGE, length: RANGE },
    paths: {
      kinds: ['INVALID_ARGUMENT'],
      odd: { long: 'INVALID_ARGUMENT', longer: 'INVALID_ARGUMENT', deep: 'SYSCALL', slash: 'INVALID_ARGUMENT' },
    },
    loops: BAD,
    withoutPermission: {
      closed: { copy: 'PERMISSION', shared: 'PERMISSION' },
      readable: { copy: 'none', shared: 'PERMISSION' },
      create: 'PERMISSION',
    },
    readOnlyFileKeepsItsBytes: { same: true },
    shorterThanAsked: {
      ...each(['offset', 'length', 'both', 'huge'], RANGE),
      fits: { copy: 'none', shared: 'none' },
      size: 4196,
    },
    offsets: {
      ...each(['1', '512', '4095', '4097'], 'INVALID_ALIGNMENT'),
      ...each(['-4096', '9007199254740992'], 'OUT_OF_RANGE'),
      ...each(['1.5', 'NaN', '4KB', 'null'], 'INVALID_ARGUMENT'),
      '12288': 'none',
    },
    creating: {
      codes: {
        ...each(['copy', 'noLength', 'exclusiveAlone', 'copyGrow'], 'INVALID_ARGUMENT'),
        exclusive: 'SYSCALL',
        sync: 'UNSUPPORTED',
        tooLarge: 'TOO_LARGE',
        made: 'none',
      },
      made: 4097,
      untouched: 4096,
    },
    unlinkedAndReplaced: { file: 'new' },
    flushingWhatIsNoFile: {
      ...each(['map', 'copy', 'secret'], ['INVALID_STATE', 'INVALID_STATE']),
      shared: ['none', 'none'],
    },
    fileSizeLimit: { ...each(['create', 'shared', 'remap'], 'TOO_LARGE'), byte: 1, length: 4096 },
  });

const FAULTED = { faults: true, first: 'FAULTED', second: 'none', free: 'none' };
const IN_NATIVE = {
  indexOf: [-1, true],
  hash: [64, true],
  text: [1 << 20, true],
  compare: [0, true],
  copy: [0, true],
  fill: [1 << 24, true],
  sort: [1000, true],
  deflate: [true, true],
  atomics: [0, true],
  clone: [1 << 24, true],
};

export const truncatedScenarios: ScenarioFile = () =>
  all({
    ...each(['hotLoopShared', 'hotLoopCopy'], { before: 4096, total: 0, written: 2, ...FAULTED }),
    ...each(['inNativeCallsShared', 'inNativeCallsCopy'], IN_NATIVE),
    inSystemCalls: { write: 'EFAULT', read: 'EFAULT', faults: 0, after: 0 },
    inOwnCalls: {
      read: 'none',
      byte: 0,
      told: 'FAULTED',
      ...each(['zero', 'toldAgain', 'populate', 'free'], 'none'),
      flush: false,
    },
    inWorker: { after: 0, found: -1, digest: 32, faults: true, code: 'ERR_MEMORY_FAULTED' },
    whileThreadsRead: { rounds: [true, true], gone: true },
    ...each(['bigAscending', 'bigDescending', 'bigRandom', 'bigPartly'], { total: 0, ...FAULTED }),
    ...each(['bigRandomAfterCollection', 'bigRandomAfterCollectionShared'], { regions: 0, total: 0 }),
    tailOfLastPage: { kept: 9, tail: 0, before: 0, gone: [9, 0, 0], ...FAULTED },
    grownAgain: { zero: 0, told: 'FAULTED', fresh: 8, faults: 0 },
    othersAreNotTold: { zero: 0, other: 'none', told: 'FAULTED', again: 'none' },
    sharedObjectShrunk: { total: 0, ...FAULTED },
  });

const LIMITED = { code: 'MAP_LIMIT', many: true, under: true, works: true, after: 'none' };

export const limitScenarios: ScenarioFile = ({ major }) =>
  all({
    mappings: { ...LIMITED, others: true },
    mappingsSplitByPages: LIMITED,
    mappingsByQuarantine: { kinds: [], works: true, after: 'none', held: 0 },
    descriptors: {
      full: 'EMFILE',
      shared: 'SYSCALL',
      file: 'SYSCALL',
      free: 'none',
      foreign: [],
      after: { shared: 'none', file: 'none' },
    },
    addressSpace: {
      kinds: expect.arrayContaining(['OUT_OF_MEMORY']),
      last: 3,
      length: 1 << 20,
      after: 'none',
    },
    lockedMemory: {
      lock: 'LOCK_LIMIT',
      byte: 4,
      placement: [false, ['ERR_MEMORY_LOCK_LIMIT']],
      strict: 'LOCK_LIMIT',
      secret: [false, true],
      strictSecret: 'LOCK_LIMIT',
      free: each(['region', 'asked', 'secret'], 'none'),
    },
    hugePages: {
      found: each(['2MiB', '1GiB', 'huge', 'thp'], true),
      tooMany: 'HUGE_PAGES_UNAVAILABLE',
      strict: 'HUGE_PAGES_UNAVAILABLE',
      left: 0,
    },
    hugePagesDrained: { ended: true },
    moreThanTheMachineHas: {
      ...each(['populate', 'lock', 'later', 'lockLater', 'shared', 'secret'], 'OUT_OF_MEMORY'),
      free: 'none',
    },
    moreThanOneBufferSpans: { byte: 5, stale: 0, window: 0, whole: major < 22 ? 'TOO_LARGE' : 'none', gone: true },
    heapLimit: { out: '200', status: 0, signal: null },
    workerHeapLimit: { code: 'ERR_WORKER_OUT_OF_MEMORY', gone: true, free: 'none' },
  });

export const sharedScenarios: ScenarioFile = () =>
  all({
    badNames: ['INVALID_ARGUMENT'],
    takenAndMissing: {
      codes: {
        ...each(['taken', 'missing', 'unlinkMissing', 'unlinkTwice', 'openUnlinked'], 'SYSCALL'),
        huge: 'INVALID_ARGUMENT',
        unlink: 'none',
        again: 'none',
      },
      byte: 3,
      other: 0,
    },
    namedOutlivesItsRegion: { length: 4097, byte: 9 },
    emptyObject: 'OUT_OF_RANGE',
    killedWhileAttached: { signal: 'SIGKILL', byte: 5, free: 'none' },
    ownerGone: { byte: 7, late: 'SYSCALL', free: 'none' },
    freedInOtherProcess: { refused: true },
    handlesOfThreadsSentToProcesses: { answer: 'ERR_MEMORY_STALE_HANDLE' },
    waitingAcrossProcesses: { woken: 1, outcome: 'ok' },
    shrunkByAnotherProcess: { status: 0, total: 32768, told: 'FAULTED', free: 'none' },
  });

const END = [
  'naturalEnd',
  'exitInHandler',
  'exitInsideUse',
  'interrupted',
  'emptiedLoop',
  'exitWithWorkers',
  'outputClosed',
];
const FLAGS = [
  'jitless',
  'frozen-intrinsics',
  'disable-proto=throw',
  'max-lazy',
  'single-threaded',
  'zero-fill-buffers',
  'stress-compaction',
];

export const exitScenarios: ScenarioFile = ({ shared }): Scenario[] => [
  ...all(each(END, 'ended')),
  { name: 'processExit', result: 'ended', code: 7 },
  { name: 'uncaught', result: 'ended', code: 1 },
  { name: 'rejection', result: 'ended', code: 1 },
  { name: 'killed', result: 'ended', signal: 'SIGKILL' },
  { name: 'terminated', result: 'ended', signal: 'SIGTERM' },
  { name: 'aborted', result: 'ended', signal: 'SIGABRT' },
  { name: 'busErrorFromOutside', result: 'ended', signal: 'SIGBUS' },
  { name: 'segmentationFaultFromOutside', result: 'ended', signal: 'SIGSEGV' },
  ...all({
    exitFromWorker: { code: 3 },
    otherHandlersStay: { seen: ['SIGHUP', 'SIGIO', 'SIGUSR2', 'SIGWINCH'] },
    webAssemblyTraps: { inside: 0, trapped: 1000 },
    handlerInJavaScript: { total: 0, seen: 1, faults: true },
    handlerInJavaScriptLater: { total: 0, faults: true },
    stackOverflow: { name: 'RangeError', free: 'none' },
    flags: {
      ...each(
        FLAGS.map((flag) => `--${flag}`),
        [shared ? '0' : 'undefined', 0, null],
      ),
      '--no-addons': ['ERR_MEMORY_UNSUPPORTED', 0, null],
    },
  }),
];

export const workerScenarios: ScenarioFile = () =>
  all({
    terminatedInWait: { code: 1, gone: true },
    terminatedInHotLoop: { code: 1, written: true, gone: true },
    terminatedWithPins: { protect: 'IN_USE', free: 'none', gone: true },
    terminatedWithAttachments: { held: 40, gone: true },
    addonOnlyInWorkers: { nines: 4, regions: 0, retiredRanges: 0 },
    oneWorkerAfterTheOther: { regions: 0, mappedBytes: 0 },
    uncaughtInWorker: { code: 1, free: 'none', gone: true },
    terminatedWithPendingFlush: { gone: true },
    terminatedWhileMapping: { gone: true },
    terminatedWhileLoading: { gone: 40 },
  });

export const threadScenarios: ScenarioFile = ({ shared }) =>
  all({
    freedUnderHotLoop: { wrong: 0, first: 0, length: 1 << 23 },
    attachedFreedUnderHotLoop: { total: 1 << 20, gone: true },
    attachmentsInAnyOrder: { live: 16 },
    freedAtTheSameTime: { odd: [], gone: true, mapped: 0 },
    decommittedWhileWritten: { given: true, gone: true },
    protectedWhileAttached: {
      attached: { protect: 'IN_USE', remap: 'IN_USE', readwrite: 'none' },
      alone: { remap: 'none', protect: 'none' },
    },
    waitAndNotify: {
      outcomes: ['not-equal', 'timed-out', 0],
      kinds: ['INVALID_ALIGNMENT', 'INVALID_ARGUMENT', 'OUT_OF_RANGE'],
      free: 'none',
      again: 'FREED',
      rejected: 'FREED',
    },
  }).filter(({ name }) => shared || name !== 'freedUnderHotLoop');
