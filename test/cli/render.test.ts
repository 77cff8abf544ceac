import fc from 'fast-check';
import { alike } from '../../lib/cli/probe/screens/distances';
import { bar, fields, tree } from '../../lib/cli/render/layout';
import { matrix, table } from '../../lib/cli/render/table';
import { columns, span, wrap } from '../../lib/cli/render/text';
import { percent, size } from '../../lib/cli/render/view';
import { viewOf } from './support/data';

const view = viewOf(40);

describe('wrap', () => {
  test('breaks at blanks', () => {
    expect(wrap(view, 'one two three', 8)).toEqual(['one two', 'three']);
  });

  test('keeps a number and its unit together', () => {
    expect(wrap(view, 'takes 23.5 GiB now', 12)).toEqual(['takes', '23.5 GiB now']);
  });

  test('breaks a path behind a slash and a list behind a comma', () => {
    expect(wrap(view, '/sys/kernel/mm', 13)).toEqual(['/sys/kernel/', 'mm']);
    expect(wrap(view, '10-13,20-23', 8)).toEqual(['10-13,', '20-23']);
  });

  test('loses nothing but blanks, and never passes the width', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 120 }), fc.integer({ min: 1, max: 60 }), (text, width) => {
        const lines = wrap(view, text, width);
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
        expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
      }),
    );
  });

  test('paints each line on its own', () => {
    const lines = wrap(viewOf(40, { color: true }), [span('red words', 'bad'), ' plain'], 5);
    expect(lines).toEqual(['\u001b[31mred\u001b[39m', '\u001b[31mwords\u001b[39m', 'plain']);
    expect(lines.map(columns)).toEqual([3, 5, 5]);
  });
});

describe('table', () => {
  const cols = [
    { title: 'node', align: 'right' as const },
    { title: 'CPUs', least: 6 },
  ];

  test('aligns', () => {
    expect(table(view, cols, [['0', '0-3']])).toEqual(['node  CPUs', '   0  0-3']);
  });

  test('wraps the cells that may be wrapped', () => {
    expect(table(viewOf(14), cols, [['0', '0-3,8-11,16-19']])).toEqual([
      'node  CPUs',
      '   0  0-3,',
      '      8-11,',
      '      16-19',
    ]);
  });

  test('stacks what does not fit', () => {
    expect(table(viewOf(11), cols, [['0', '0-3,8-11']])).toEqual(['node 0', '  CPUs', '    0-3,', '    8-11']);
  });
});

test('fields stand under their labels where there is no room beside them', () => {
  const rows = [
    { label: 'a long label', value: 'a value of many words' },
    { label: 'short', value: 'x' },
  ];
  expect(fields(viewOf(40), rows)).toEqual(['a long label  a value of many words', 'short         x']);
  expect(fields(viewOf(24), rows)).toEqual(['a long label', '  a value of many words', 'short  x']);
  expect(fields(viewOf(16), rows.slice(1))).toEqual(['short  x']);
});

test('a matrix that does not fit is refused, not cut', () => {
  const cells = [
    ['10', '20'],
    ['20', '10'],
  ];
  expect(matrix(view, ['0', '1'], cells)).toEqual(['    0   1', '0  10  20', '1  20  10']);
  expect(matrix(viewOf(8), ['0', '1'], cells)).toBeNull();
});

test('nodes that see the machine alike are one group', () => {
  const cells = [
    [10, 12, 20, 20],
    [12, 10, 20, 20],
    [20, 20, 10, 12],
    [20, 20, 12, 10],
  ];
  expect(alike(cells)).toEqual([
    [0, 1],
    [2, 3],
  ]);
  expect(
    alike([
      [10, 20],
      [21, 10],
    ]),
  ).toEqual([[0], [1]]);
  // The way back counts as well: the third node is nearer to the first.
  expect(
    alike([
      [10, 12, 20],
      [12, 10, 20],
      [20, 21, 10],
    ]),
  ).toEqual([[0], [1], [2]]);
});

test('a tree draws its branches, in ASCII as well', () => {
  const root = { text: 'm', children: [{ text: 'a', children: [{ text: 'x' }] }, { text: 'b' }] };
  expect(tree(view, root)).toEqual(['m', '├─ a', '│  └─ x', '└─ b']);
  expect(tree(viewOf(40, { unicode: false }), root)).toEqual(['m', '|- a', '|  `- x', '`- b']);
});

test('a bar shows a little use as one cell and never passes its cells', () => {
  expect(bar(view, 0, 4)).toBe('░░░░');
  expect(bar(view, 0.001, 4)).toBe('█░░░');
  expect(bar(view, 7, 4)).toBe('████');
});

test('what is unknown is a word and never zero', () => {
  expect(size(view, null)).toBe('unknown');
  expect(size(view, 0)).toBe('0 B');
  expect(percent(null)).toBe('unknown');
  expect(size(viewOf(40, { bytes: true }), 1536)).toBe('1536 B');
});
