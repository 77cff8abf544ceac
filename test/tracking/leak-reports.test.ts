import { describeLeaks, diffLeaks, type LeakReport, parseLeakReport, TrackedAllocator } from '../../lib/tracking';
import { ListAllocator } from './support/list-allocator';
import { refusal } from './support/refusals';

function report(
  sites: readonly (readonly [place: string, allocations: number, bytes: number])[],
  interval = 1,
): LeakReport {
  const list = sites.map(([place, allocations, bytes]) => ({
    frames: [place, 'main'],
    ...{ allocations, bytes, totalAllocations: allocations, totalBytes: bytes },
  }));
  const sum = (key: 'allocations' | 'bytes') => list.reduce((all, site) => all + site[key], 0);
  return {
    format: 'nebula-memory.leaks',
    version: 1,
    name: 'tracked(list)',
    level: interval === 1 ? 'paranoid' : 'simple',
    sampleInterval: interval,
    liveAllocations: sum('allocations') * interval,
    liveBytes: sum('bytes') * interval,
    recordedAllocations: sum('allocations'),
    recordedBytes: sum('bytes'),
    sites: list,
    omittedSites: 0,
  };
}

test('a report survives JSON', () => {
  const tracked = new TrackedAllocator(new ListAllocator(), { level: 'paranoid' });
  tracked.allocate(64);
  const made = tracked.leaks();
  expect(parseLeakReport(JSON.stringify(made))).toEqual(made);
});

test('two are compared by place, growth first', () => {
  const before = report([
    ['cache', 2, 200],
    ['queue', 5, 500],
    ['steady', 1, 10],
    ['split', 1, 64],
  ]);
  const after = report([
    ['new', 1, 50],
    ['cache', 4, 400],
    ['steady', 1, 10],
    ['split', 2, 64],
  ]);
  const diff = diffLeaks(before, after);
  expect(diff.changes.map(({ frames, state, addedBytes }) => [frames[0], state, addedBytes])).toEqual([
    ['cache', 'grown', 200],
    ['new', 'grown', 50],
    ['split', 'grown', 0],
    ['steady', 'same', 0],
    ['queue', 'shrunk', -500],
  ]);
  expect(diff).toMatchObject({ grown: 3, shrunk: 1, same: 1, addedAllocations: -1, addedBytes: -250 });
});

test('samples are weighed by their interval', () => {
  const [change] = diffLeaks(report([['cache', 2, 200]], 100), report([['cache', 300, 30_000]])).changes;
  expect(change).toMatchObject({ before: { allocations: 200, bytes: 20_000 }, addedBytes: 10_000 });
});

test('as text it names the first places', () => {
  const text = describeLeaks(
    report([
      ['cache', 2, 200],
      ['queue', 1, 100],
    ]),
    1,
  );
  expect(text).toBe(
    [
      '3 live blocks of 300 B in tracked(list)',
      '  2 blocks, 200 B:',
      '    cache',
      '    main',
      '  and 1 more places',
    ].join('\n'),
  );
});

test.each([
  ['no JSON', 'x{'],
  ['null', 'null'],
  ['another format', '{"format":"other"}'],
  ['another version', JSON.stringify({ ...report([]), version: 2 })],
  ['a damaged site', JSON.stringify({ ...report([]), sites: [{ frames: 'x' }] })],
  ['a missing number', JSON.stringify({ ...report([]), liveBytes: undefined })],
  ['a negative number', JSON.stringify({ ...report([]), liveBytes: -1 })],
])('refuses %s', (_, text) => {
  expect(refusal('ERR_MEMORY_INVALID_ARGUMENT', () => parseLeakReport(text, 'a.json')).message).toContain('a.json');
});
