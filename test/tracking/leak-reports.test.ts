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

describe('sites that were left out', () => {
  /** The first sites of a report, as `leaks({ top })` gives them. */
  function cut(whole: LeakReport, top: number): LeakReport {
    return { ...whole, sites: whole.sites.slice(0, top), omittedSites: Math.max(0, whole.sites.length - top) };
  }

  test('are no growth where nothing grew', () => {
    const tracked = new TrackedAllocator(new ListAllocator(), { level: 'paranoid' });
    const one = (bytes: number) => tracked.allocate(bytes);
    const other = (bytes: number) => tracked.allocate(bytes);
    const [first = -1] = [20, 80].map((bytes) => one(bytes));
    other(90);
    const before = tracked.leaks({ top: 1 });
    tracked.deallocate(first, 20);
    const diff = diffLeaks(before, tracked.leaks({ top: 1 }));
    expect(diff).toMatchObject({ grown: 0, same: 0, addedBytes: -20 });
    // The first held 100, and 90 is the most that a place left out of the second can hold; the other is not to be told.
    expect(diff).toMatchObject({
      shrunk: 1,
      unknown: 1,
      changes: [{ state: 'shrunk', omittedIn: 'after', addedBytes: -20 }],
    });
  });

  const before = report([
    ['cache', 4, 400],
    ['queue', 5, 300],
    ['steady', 1, 50],
    ['small', 2, 40],
  ]);

  test.each([
    ['as much as all that was left out', 90, 'unknown'],
    ['less than all that was left out', 50, 'unknown'],
    ['more than all that was left out', 91, 'grown'],
  ] as const)('leave a place that then holds %s (%i bytes) %s', (_, bytes, state) => {
    const after = report([
      ['cache', 4, 400],
      ['queue', 5, 300],
      ['steady', 3, bytes],
    ]);
    const diff = diffLeaks(cut(before, 2), after);
    const [change] = diff.changes.filter(({ frames }) => frames[0] === 'steady');
    expect([diff.grown, diff.shrunk, diff.unknown]).toEqual(state === 'grown' ? [1, 0, 0] : [0, 0, 1]);
    if (state === 'unknown') expect(change).toBeUndefined();
    else expect(change).toMatchObject({ state, omittedIn: 'before', before: { bytes: 90 }, addedBytes: 1 });
  });

  test('hold no more than the least site that is named', () => {
    const many = report([...Array(10)].map((_, at) => [`place ${at}`, 1, 100 - at]));
    const after = report([['new', 1, 99]]);
    expect(diffLeaks(cut(many, 3), after).grown).toBe(1); // 98 at most, though 7 of them hold 658 together
    expect(diffLeaks(cut(many, 3), report([['new', 1, 98]]))).toMatchObject({ grown: 0, unknown: 1 });
  });

  test('are weighed by the interval as well, and nothing is known of a report without sites', () => {
    const sampled = cut(
      report(
        [
          ['cache', 4, 400],
          ['queue', 3, 30],
        ],
        10,
      ),
      1,
    );
    expect(diffLeaks(sampled, report([['queue', 30, 300]]))).toMatchObject({ grown: 0, unknown: 1 });
    expect(diffLeaks(sampled, report([['queue', 31, 310]]))).toMatchObject({ grown: 1, unknown: 0 });
    expect(diffLeaks(cut(before, 0), report([['cache', 4, 400]]))).toMatchObject({ grown: 0, shrunk: 0, unknown: 1 });
  });

  test('change nothing for a place that both name, nor where none were left out', () => {
    const after = cut(
      report([
        ['cache', 5, 500],
        ['queue', 5, 300],
        ['steady', 1, 50],
      ]),
      2,
    );
    expect(diffLeaks(cut(before, 2), after)).toMatchObject({ grown: 1, shrunk: 0, same: 1, unknown: 0 });
    expect(diffLeaks(report([]), before)).toMatchObject({ grown: 4, unknown: 0 });
    for (const { omittedIn } of diffLeaks(report([]), before).changes) expect(omittedIn).toBe('neither');
  });
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
