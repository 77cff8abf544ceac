import { all, each, type ScenarioFile } from '../table';

const BAD = 'INVALID_ARGUMENT';
const NOT_THIS = { members: true, kinds: [BAD] };
const KINDS = ['map', 'sharedCarrier', 'guarded', 'file', 'shared', 'secret'];
const MAKERS = ['map', 'shared', 'secret', 'remap'];

export const argumentScenarios: ScenarioFile = () =>
  all({
    noSizes: { found: each(MAKERS, [BAD, 'OUT_OF_RANGE']), intact: true, regions: 1 },
    sizesOutside: { found: each(MAKERS, ['OUT_OF_RANGE']), intact: true, regions: 1 },
    sizesBeyondTheMachine: {
      kinds: ['OUT_OF_MEMORY'],
      populated: 'OUT_OF_MEMORY',
      locked: 'OUT_OF_MEMORY',
      regions: 0,
    },
    misspeltOptions: each(['map', 'shared', 'file', 'secret', 'range', 'wait', 'bind'], `${BAD} true`),
    optionsOfWrongShape: each(['map', 'shared', 'secret', 'file', 'zero', 'bind'], [BAD]),
    optionsThatThrow: each(['proxy', 'getter', 'revoked', 'handle', 'revokedHandle'], BAD),
    valuesOfWrongType: { kinds: [BAD], regions: 0 },
    nodesThatDoNotExist: { kinds: [BAD, 'NUMA_UNAVAILABLE', 'OUT_OF_RANGE'], byte: 9 },
    rangesOutside: { kinds: ['OUT_OF_RANGE'], last: 0 },
    freeInsideGetters: { kinds: ['FREED', 'OUT_OF_RANGE'], made: 'live', victim: 'freed', regions: 1 },
    targetsOfReadAndWrite: { kinds: [BAD], foreign: 0, shared: 7, wide: 7, last: 7 },
    otherRealms: { options: 4096, target: 4, bad: `ERR_MEMORY_${BAD}`, dispose: 'freed' },
    constructing: each(['new', 'symbol', 'sub', 'reflect'], 'INVALID_STATE'),
  });

export const fuzzScenarios: ScenarioFile = () =>
  all({
    rawFunctions: {
      many: true,
      failures: true,
      thrown: {},
      garbageOnly: ['runOn', 'detach', 'drain'],
      alive: true,
    },
    publicCalls: { many: true, foreign: {}, bystander: true },
  });

export const forgedScenarios: ScenarioFile = () =>
  all({
    ...each(['thisEmptyObject', 'thisNull', 'thisUndefined', 'thisPrimitive', 'thisProxy', 'thisHeir'], NOT_THIS),
    ...each(['thisPrototype', 'thisImpostor', 'thisRevoked'], NOT_THIS),
    handlesOutOfRange: { kinds: [BAD, 'STALE_HANDLE'], live: 'live', regions: 1 },
    handlesOfWrongShape: [BAD, 'OUT_OF_RANGE'],
    handlesOfOtherProcesses: {
      withoutRemote: 'STALE_HANDLE',
      deadProcess: 'SYSCALL',
      hugeProcess: 'SYSCALL',
      closedFile: 'SYSCALL',
      wrongIdentity: 'STALE_HANDLE',
      standardInput: expect.stringMatching(/^(STALE_HANDLE|SYSCALL|INVALID_ARGUMENT)$/), // whatever it is
      tooLong: 'OUT_OF_RANGE',
    },
    handlesThatPointAtOtherFiles: {
      fifo: BAD,
      text: expect.stringMatching(/^(none|STALE_HANDLE|SYSCALL|PERMISSION|INVALID_ARGUMENT)$/),
    },
    handlesOfFreedRegions: ['FREED', 'STALE_HANDLE'],
    handlesFreedOnTheWay: expect.not.arrayContaining(['ERR_MEMORY_INVALID_ARGUMENT']),
    handlesOfLocalRegions: each(['handle', 'wait', 'notify'], 'INVALID_STATE'),
    pinsReleasedTwice: { held: 'IN_USE', freed: 'none', after: 'none' },
    regionsPosted: { region: false, methods: 'undefined', byte: 4 },
  });

export const freedScenarios: ScenarioFile = ({ shared }) =>
  all({
    everyCall: each(KINDS, ['freeWhenIdle DOUBLE_FREE']),
    twice: each(KINDS, 'DOUBLE_FREE'),
    disposedTwice: { again: 'none', state: 'freed', length: 0, free: 'DOUBLE_FREE' },
    localViews: { lengths: [0, 0, 0], buffer: 0, read: 'undefined', sum: 0, threw: [true, true, true] },
    sharedViews: { zero: true, length: 4096 },
    whilePinned: {
      ...each(['free', 'dispose', 'protect', 'remap'], 'IN_USE'),
      timeout: 'TIMEOUT',
      abort: 'ABORTED',
      before: [8, 4096],
      state: 'freed',
      length: 0,
    },
    insideUse: {
      inside: 'IN_USE',
      threw: 'foreign Error: from work',
      rejected: 'foreign Error: later',
      thenable: 'foreign Error: no then',
      nested: 4096,
      during: 'IN_USE',
      slow: 'done',
      after: 'none',
    },
    inFinalizers: { kinds: ['DOUBLE_FREE', 'none'], count: 40, regions: 0 },
    neighboursStay: { intact: true },
    droppedUntouched: { gone: true, mapped: 1 << 20 },
    droppedTouched: { gone: true, mapped: 1 << 20 },
    droppedShared: { gone: true, mapped: 1 << 20 },
    droppedWhileViewed: { collected: true, kept: true, gone: true },
    pinDropped: { gone: true },
    whileAnotherHolds: { first: 42, second: [42, 'freed'], handle: 'STALE_HANDLE', gone: true },
  }).filter(({ name }) => shared || name !== 'droppedShared');
