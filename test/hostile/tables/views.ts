import { all, each, known, type ScenarioFile } from '../table';

const MIB = 1 << 20;
const WAYS_OUT = ['NaturalEnd', 'Exit', 'Throw', 'Terminate', 'Freed', 'FreedExit'].map((how) => `postedOut${how}`);

export const escapeScenarios: ScenarioFile = ({ major, transfer, shared }) => {
  // Node.js 20 silently copies what it cannot transfer; later ones refuse.
  const refused = [transfer ? 'DataCloneError' : 'done', 4096, 2];
  const moving = {
    transferredThenFreed: { before: 7, stale: 0, after: 0, length: MIB },
    transferredInManyWays: { lengths: [MIB, MIB, 4096, 2 * MIB, MIB] },
    transferredThenCollected: { collected: true, kept: true },
    transferredAwayThenUsed: each(['window', 'bytes', 'zero', 'protect', 'readwrite', 'again', 'free'], 'none'),
    ...each(WAYS_OUT, { length: MIB, after: true }),
    postedOutOfEveryWorker: { views: 120 },
  };
  const rows = all({
    ...(transfer ? moving : {}),
    cloned: { copies: times(3, [4096, 6]), stale: 'none' },
    ...(shared ? { clonedShared: { same: true, after: 0, length: 4096 } } : {}),
    transferLists: each(['structuredClone', 'postMessage', 'worker', 'view'], refused),
    marked: { left: 0, state: 'freed' },
    markedNaturalEnd: { state: 'freed' },
    markedInWorker: { state: 'freed', code: 0 },
    slicedAndResized: { copy: true, free: 'DOUBLE_FREE', resize: true },
    freedInsideSort: { state: 'freed', shared: 'freed' },
  });
  const marking =
    'this Node.js aborts at the end of a thread when any external ArrayBuffer was marked there, freed or not';
  return major >= 24 ? known(rows, { markedNaturalEnd: marking, markedInWorker: marking }) : rows;
};

function times(count: number, value: unknown): unknown[] {
  return Array.from({ length: count }, () => value);
}

export const nativeJobScenarios: ScenarioFile = ({ transfer }) => {
  const rows = all({
    deflate: { early: false, reserved: true, waited: true, ended: true },
    brotli: { early: false, reserved: true, waited: true, ended: true },
    pbkdf2: { early: false, outcome: 32, reserved: true, waited: true },
    scrypt: { early: false, outcome: 32, reserved: true, waited: true },
    // Node 20 empties views only while its loop is quiet.
    randomFill: { outcome: transfer ? 0 : 64 * 1024 * 1024, reserved: true, waited: true },
    digest: { outcome: 64, reserved: true },
    sharedDeflate: { early: false, reserved: true, ended: true },
    deflateInSteps: { ended: true },
    fileRead: { reserved: true, ended: true },
    fileWrite: { reserved: true, ended: true },
    fileReadFromFifo: { early: false, outcome: 4, reserved: true, waited: true },
    pinnedDeflate: { during: 'IN_USE', same: true, state: 'freed', regions: 0 },
    pinnedByFlush: { during: 'IN_USE', failed: 'none', after: 'none', byte: 3 },
    socketWrite: { outcome: 'pending', kept: 1 },
    http2Write: { received: true },
    ...(transfer ? { userTransfersAway: { length: true }, userTransfersAwayAndDrops: { length: true } } : {}),
    inWorkerThatEnds: { outcomes: ['terminate', 'exit', 'end'], regions: 0 },
  });
  return rows;
};

const ALL_KINDS = ['local', 'shared', 'guarded', 'memfd', 'copy', 'file', 'secret'];

export const protectScenarios: ScenarioFile = () =>
  all({
    cycles: { found: each(ALL_KINDS, [true, false, true]), gone: true },
    forbidden: {
      ...each(ALL_KINDS, ['INVALID_STATE', 'none', 'none']),
      secret: ['INVALID_STATE', 'UNSUPPORTED', 'none', 'none'],
    },
    words: { kinds: ['INVALID_ARGUMENT'], access: 'readwrite', byte: 0 },
    remapped: {
      found: {
        ...each(ALL_KINDS, [true, false, 'none']),
        copy: [true, false, 'OUT_OF_RANGE', 'none'],
        secret: [true, false, 'UNSUPPORTED', 'none'],
      },
      gone: true,
    },
    remapRefused: {
      codes: {
        locked: 'INVALID_STATE',
        pinned: 'IN_USE',
        huge: 'OUT_OF_MEMORY',
        largest: 'OUT_OF_MEMORY',
        shared: expect.stringMatching(/^(OUT_OF_MEMORY|TOO_LARGE)$/),
        inUse: 'IN_USE',
      },
      byte: 6,
      length: 4096,
    },
    remappedUnderWorker: { wrong: 0 },
    secrets: {
      codes: {
        handle: 'INVALID_STATE',
        remap: 'UNSUPPORTED',
        wait: 'INVALID_STATE',
        flush: 'INVALID_STATE',
        past: 'OUT_OF_RANGE',
        decommit: expect.stringMatching(/^(SYSCALL|INVALID_STATE|none)$/), // by what guards the secret here
        none: 'none',
        hidden: 'INVALID_STATE',
        back: 'none',
        free: 'none',
        twice: 'DOUBLE_FREE',
      },
      stale: 0,
      guarded: true,
    },
    secretsOverrun: { refused: true, regions: 0 },
    secretsEscaped: { left: false, stale: 0 },
    adviceOfEveryKind: { odd: [], wrong: ['INVALID_ARGUMENT'] },
  });
