import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { chooseAllocator } from '../../lib/cli/replay/allocators';
import { openAllocator } from '../../lib/cli/replay/rebuild';
import { type Replay, renderReplay } from '../../lib/cli/replay/render';
import type { Allocator } from '../../lib/core';
import {
  type EventLog,
  parseEventLog,
  type RecordedAllocator,
  RecordingAllocator,
  replayLog,
} from '../../lib/tracking';
import { ListAllocator } from '../tracking/support/list-allocator';
import { viewOf } from './support/data';
import { expectGolden } from './support/golden';
import { runHere } from './support/run';
import { type Schema, undescribed, validate } from './support/schema';

const KINDS = ['bump', 'stack', 'block', 'heap', 'system'] as const;
const NO_FLAGS = { allocator: null, capacityBytes: null, blockBytes: null };

const RMM = [
  'Thread,Time,Action,Pointer,Size,Stream',
  '4242,14:21:19.998533,allocate,0x7f8a40000000,1024,0x2',
  '4242,14:21:19.998600,allocate,0x7f8a40000400,2048,0',
  '4243,14:21:32.661875,free,0x7f8a40000000,1024,0x2',
  '4243,14:21:32.661900,free,0x7f8affffffff,16,0x2',
  '4242,14:21:33.000001,allocate failure,0x0,999999999,0x2',
  '',
].join('\n');

/** A log that a stack can play as well, with a reset, failures and leaks. */
function recordOn(inner: Allocator): string {
  let text = '';
  const allocator = new RecordingAllocator(inner, {
    sink: (lines) => {
      text += lines;
    },
  });
  for (let round = 1; round <= 30; round++) {
    const sizes = [round * 7, 512, 33];
    const offsets = sizes.map((size) => allocator.allocate(size));
    for (const index of [2, 1]) allocator.deallocate(offsets[index] ?? -1, sizes[index] ?? 0);
    allocator.tryAllocate(2 ** 40);
    if (round === 20) allocator.reset();
  }
  allocator.dispose();
  return text;
}

function record(kind: (typeof KINDS)[number]): string {
  const block = kind === 'block' ? { bytes: 512, alignment: 16 } : null;
  return recordOn(openAllocator({ kind, capacityBytes: 2 ** 20, block, options: {} }));
}

/** Played on the list of the tests, so that the goldens do not depend on how an allocator rounds. */
function played(text: string, capacityBytes: number): Replay {
  const log = parseEventLog(text);
  const result = {
    ...replayLog(log, new ListAllocator(capacityBytes)),
    operations: 50_000,
    nanosecondsPerOperation: 12.34,
  };
  const block = { bytes: 512, alignment: 16 };
  return {
    file: '/var/log/app.csv',
    log,
    chosen: { kind: 'block', capacityBytes, block, options: {} },
    incomparable: null,
    result,
  };
}

describe('the screen', () => {
  const recorded = recordOn(new ListAllocator(2 ** 20));
  const same = played(recorded, 2 ** 20);
  const different = played(recorded, 2048);
  const rmm = played(RMM, 65_536);

  test.each([80, 40])('looks as agreed at %i columns', (width) => {
    expectGolden(`replay-${width}`, renderReplay(same, viewOf(width)));
    expectGolden(`replay-different-${width}`, renderReplay(different, viewOf(width)));
    expectGolden(`replay-rmm-${width}`, renderReplay(rmm, viewOf(width)));
  });

  test('has no longer line, the same words in color, and ASCII where asked', () => {
    for (const replay of [same, different, rmm]) {
      for (let width = 20; width < 130; width += 7) {
        for (const line of renderReplay(replay, viewOf(width)).split('\n')) {
          expect(line.length).toBeLessThanOrEqual(width);
        }
      }
      const plain = renderReplay(replay, viewOf(80));
      expect(stripVTControlCharacters(renderReplay(replay, viewOf(80, { color: true })))).toBe(plain);
      expect(renderReplay(replay, viewOf(80, { unicode: false }))).toMatch(/^[\n -~]*$/);
    }
  });
});

function recordedOn(className: string, capacityBytes: number, over: Partial<RecordedAllocator> = {}) {
  const plain = { adaptors: [], counting: true, fresh: true, interventions: 0, options: { blocks: '64' } };
  return { className, capacityBytes, blockBytes: null, blockAlignment: null, ...plain, ...over };
}

describe('the allocator', () => {
  const log = (over: Partial<EventLog> = {}): EventLog => ({ ...parseEventLog(RMM), ...over });

  test('is the recorded one, unless another is asked for', () => {
    const recordedWith = recordedOn('BlockAllocator', 8192, { blockBytes: 100, blockAlignment: 64 });
    expect(chooseAllocator(NO_FLAGS, log({ recordedWith }))).toEqual({
      kind: 'block',
      capacityBytes: 8192,
      block: { bytes: 100, alignment: 64 },
      options: { blocks: '64' },
    });
    const other = chooseAllocator({ ...NO_FLAGS, allocator: 'stack' }, log({ recordedWith }));
    expect(other).toEqual({ kind: 'stack', capacityBytes: 2 ** 20, block: null, options: {} });
    const unsized = log({ recordedWith: { ...recordedWith, className: 'HeapAllocator', capacityBytes: null } });
    expect(chooseAllocator(NO_FLAGS, unsized)).toMatchObject({ kind: 'heap', capacityBytes: 2 ** 20 });
    const smaller = chooseAllocator({ ...NO_FLAGS, capacityBytes: 1024 }, log({ recordedWith }));
    expect(smaller).toMatchObject({ kind: 'block', capacityBytes: 1024, options: {} });
  });

  test('of a log without one is a heap that is large enough', () => {
    const none = { block: null, options: {} };
    expect(chooseAllocator(NO_FLAGS, log())).toEqual({ kind: 'heap', capacityBytes: 2 ** 20, ...none });
    expect(chooseAllocator({ ...NO_FLAGS, allocator: 'system' }, log()).capacityBytes).toBeNull();
    expect(chooseAllocator({ ...NO_FLAGS, allocator: 'block' }, log())).toEqual({
      kind: 'block',
      capacityBytes: 4096,
      block: { bytes: 2048, alignment: 16 },
      options: {},
    });
  });
});

describe('the command', () => {
  let folder = '';
  const fileOf = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'nebula-replay-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(KINDS)('reproduces every counter of a run recorded on %s', (kind) => {
    const file = fileOf(`${kind}.csv`, record(kind));
    const { code, stdout, stderr } = runHere(['replay', file, '--check']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(` on ${kind}`);
    expect(stdout).toContain('Every counter came out as recorded.');
  });

  test.each(KINDS)('runs a log of RMM on %s', (kind) => {
    const { code, stdout } = runHere(['replay', fileOf('rmm.csv', RMM), '--allocator', kind]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/unknown frees\s+1:/);
    expect(stdout).toContain('0x7f8a40000400');
  });

  test('--check exits with 3 for a difference, and with 4 without counters to check', () => {
    const file = fileOf('heap.csv', record('heap'));
    const { code, stdout } = runHere(['replay', file, '--check', '--capacity', '4KiB']);
    expect(code).toBe(3);
    expect(stdout).toContain('Different: ');
    expect(runHere(['replay', fileOf('rmm.csv', RMM), '--check'])).toMatchObject({ code: 4, stdout: '' });
  });

  test('writes JSON that matches its schema', () => {
    const schema = JSON.parse(readFileSync(join(__dirname, '../../docs/replay.schema.json'), 'utf8')) as Schema;
    for (const text of [RMM, record('block'), 'Action,Pointer,Size\n']) {
      const { code, stdout } = runHere(['replay', fileOf('any.csv', text), '--json']);
      const made: unknown = JSON.parse(stdout);
      expect([code, validate(made, schema), undescribed(made, schema)]).toEqual([0, [], []]);
    }
  });

  test('a missing file is wrong usage, a damaged one a failure with its line', () => {
    expect(runHere(['replay', join(folder, 'none.csv')])).toMatchObject({ code: 2, stdout: '' });
    const damaged = runHere(['replay', fileOf('damaged.csv', `${RMM}4242,14:21:33.000001,allocate,0x1,much,0\n`)]);
    expect(damaged).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('damaged.csv:7: Size must be'),
    });
    expect(damaged.stderr).toContain('Correct the line or leave it out');
    expect(damaged.stderr).not.toContain('The first line must name');
    const header = runHere(['replay', fileOf('damaged.csv', 'Action,Size\n')]);
    expect(header.stderr).toContain('The first line must name the columns Thread,Time,Action,Pointer,Size,Stream');
  });

  test('--block is refused where no blocks are played', () => {
    const file = fileOf('blocks.csv', RMM);
    for (const flags of [['--allocator', 'heap'], []]) {
      const { code, stdout, stderr } = runHere(['replay', file, ...flags, '--block', '5']);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain('--block is for --allocator block, and this is played on heap.');
    }
    expect(runHere(['replay', file, '--allocator', 'block', '--block', '2KiB']).code).toBe(0);
  });

  test('says nothing of the time of a few operations', () => {
    const few = fileOf('few.csv', RMM);
    expect(runHere(['replay', few]).stdout).toMatch(/played +4 operations/);
    expect(runHere(['replay', few]).stdout).not.toContain('ns an operation');
    expect(JSON.parse(runHere(['replay', few, '--json']).stdout)).toMatchObject({
      nanosecondsPerOperation: null,
      degraded: [expect.anything(), { field: 'nanosecondsPerOperation', reason: expect.stringContaining('too few') }],
    });
    const [header] = RMM.split('\n', 1);
    const many = fileOf('many.csv', `${header}\n${'1,0,allocate,0x10,8,0\n1,0,free,0x10,8,0\n'.repeat(3000)}`);
    expect(runHere(['replay', many]).stdout).toMatch(/ ns an operation, 6000 operations/);
    expect(typeof JSON.parse(runHere(['replay', many, '--json']).stdout).nanosecondsPerOperation).toBe('number');
  });
});
