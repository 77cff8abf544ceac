import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { renderLeakDiff } from '../../lib/cli/leaks/render';
import { diffLeaks, type LeakReport } from '../../lib/tracking';
import { viewOf } from './support/data';
import { expectGolden } from './support/golden';
import { runHere } from './support/run';
import { type Schema, undescribed, validate } from './support/schema';

type Site = readonly [frames: readonly string[], allocations: number, bytes: number];

function report(sites: readonly Site[], sampleInterval = 1): LeakReport {
  const sum = (index: 1 | 2) => sites.reduce((all, site) => all + site[index], 0);
  return {
    format: 'nebula-memory.leaks',
    version: 1,
    name: 'tracked(heap)',
    level: sampleInterval === 1 ? 'paranoid' : 'advanced',
    sampleInterval,
    liveAllocations: sum(1) * sampleInterval,
    liveBytes: sum(2) * sampleInterval,
    recordedAllocations: sum(1),
    recordedBytes: sum(2),
    sites: sites.map(([frames, allocations, bytes]) => ({
      ...{ frames, allocations, bytes, totalAllocations: allocations, totalBytes: bytes },
    })),
    omittedSites: 0,
  };
}

const CACHE = ['Thumbnails.add (/app/lib/images/thumbnails.js:41:22)', 'onRequest (/app/lib/server.js:87:5)'];
const QUEUE = ['Queue.push (/app/lib/jobs/queue.js:12:30)', 'enqueue (/app/lib/jobs/index.js:9:1)'];
const BEFORE = report([
  [CACHE, 12, 49_152],
  [QUEUE, 40, 10_240],
  [['boot (/app/index.js:3:1)'], 1, 4096],
]);
const AFTER = report([
  [CACHE, 512, 2_097_152],
  [QUEUE, 2, 512],
  [['boot (/app/index.js:3:1)'], 1, 4096],
  [['Session.open (/app/lib/session.js:5:19)'], 7, 700],
]);
const compared = { before: BEFORE, after: AFTER, diff: diffLeaks(BEFORE, AFTER) };

describe('the screen', () => {
  test.each([80, 40])('looks as agreed at %i columns', (width) => {
    expectGolden(`leaks-${width}`, renderLeakDiff(compared, viewOf(width)));
  });

  test('of samples and without change looks as agreed', () => {
    const same = report([[CACHE, 3, 300]], 128);
    expectGolden(
      'leaks-same-80',
      renderLeakDiff({ before: same, after: same, diff: diffLeaks(same, same) }, viewOf(80)),
    );
  });

  test('of reports that left places out looks as agreed, also in few words', () => {
    const [whole, less] = [
      report([
        [CACHE, 12, 49_152],
        [QUEUE, 40, 10_240],
      ]),
      report([[QUEUE, 2, 512]]),
    ];
    const cut = { ...whole, sites: whole.sites.slice(0, 1), omittedSites: 1 };
    const after = report([
      [CACHE, 512, 2_097_152],
      [QUEUE, 45, 11_264],
      [['boot (/app/index.js:3:1)'], 1, 4096],
    ]);
    const shown = { before: cut, after, diff: diffLeaks(cut, after) };
    expectGolden('leaks-omitted-80', renderLeakDiff(shown, viewOf(80)));
    const none = { ...cut, sites: [], omittedSites: 2 };
    const unknown = renderLeakDiff(
      { before: none, after: less, diff: diffLeaks(none, less) },
      viewOf(80, { quiet: true }),
    );
    expect(unknown).toContain('0 grown, 0 shrunk, 0 as before, 1 unknown.');
    expect(unknown).not.toContain('No place holds more or less');
  });

  test('has no longer line, the same words in color, and ASCII where asked', () => {
    for (let width = 20; width < 130; width += 7) {
      for (const line of renderLeakDiff(compared, viewOf(width)).split('\n'))
        expect(line.length).toBeLessThanOrEqual(width);
    }
    const plain = renderLeakDiff(compared, viewOf(80));
    expect(stripVTControlCharacters(renderLeakDiff(compared, viewOf(80, { color: true })))).toBe(plain);
    expect(renderLeakDiff(compared, viewOf(80, { unicode: false }))).toMatch(/^[\n -~]*$/);
  });
});

describe('the command', () => {
  let folder = '';
  let [before, after] = ['', ''];
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'nebula-leaks-'));
    before = join(folder, 'before.json');
    after = join(folder, 'after.json');
    writeFileSync(before, JSON.stringify(BEFORE));
    writeFileSync(after, JSON.stringify(AFTER));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('exits with 3 when a place grew, and with 0 when none did', () => {
    expect(runHere(['leaks', 'diff', before, after])).toMatchObject({ code: 3, stderr: '' });
    expect(runHere(['leaks', 'diff', before, before])).toMatchObject({ code: 0, stderr: '' });
    expect(runHere(['leaks', 'diff', before, after]).stdout).toBe(
      renderLeakDiff(compared, viewOf(80, { unicode: false })),
    );
  });

  test('writes JSON that matches its schema', () => {
    const schema = JSON.parse(readFileSync(join(__dirname, '../../docs/leaks.schema.json'), 'utf8')) as Schema;
    const { code, stdout } = runHere(['leaks', 'diff', before, after, '--json']);
    const made: unknown = JSON.parse(stdout);
    expect([code, validate(made, schema), undescribed(made, schema)]).toEqual([3, [], []]);
    expect(made).toMatchObject({ grown: 2, shrunk: 1, same: 1, addedBytes: AFTER.liveBytes - BEFORE.liveBytes });
  });

  test('does not exit with 3 for what one report left out, and says so', () => {
    const { sites, ...rest } = report([
      [CACHE, 12, 49_152],
      [QUEUE, 40, 10_240],
    ]);
    writeFileSync(join(folder, 'cut'), JSON.stringify({ ...rest, sites: sites.slice(0, 1), omittedSites: 1 }));
    writeFileSync(join(folder, 'whole'), JSON.stringify({ ...rest, sites }));
    const { code, stdout } = runHere(['leaks', 'diff', join(folder, 'cut'), join(folder, 'whole')]);
    expect([code, stdout.includes('1 unknown')]).toEqual([0, true]);
    expect(stdout).toContain('left out');
    const schema = JSON.parse(readFileSync(join(__dirname, '../../docs/leaks.schema.json'), 'utf8')) as Schema;
    const made = JSON.parse(runHere(['leaks', 'diff', join(folder, 'cut'), after, '--json']).stdout);
    expect([validate(made, schema), undescribed(made, schema)]).toEqual([[], []]);
    expect(made).toMatchObject({ grown: 1, unknown: 3, degraded: [{ field: 'changes' }] });
  });

  test('a missing file is wrong usage, another one a failure with the reason', () => {
    expect(runHere(['leaks', 'diff', before, join(folder, 'none')])).toMatchObject({ code: 2, stdout: '' });
    expect(runHere(['leaks', 'diff', folder, after])).toMatchObject({ code: 2, stdout: '' });
    writeFileSync(join(folder, 'odd'), '{}');
    const odd = runHere(['leaks', 'diff', before, join(folder, 'odd')]);
    expect(odd).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('must be a leak report') });
  });
});
