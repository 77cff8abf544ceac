import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkSizes, checkTopLevel, checkWords, MOST_LINES } from './rules/text';
import { onTree, PROJECT } from './rules/tree';

describe('the length of files', () => {
  test('holds in this checkout', () => {
    expect(checkSizes(PROJECT)).toEqual([]);
  });

  test('finds one line too many', () => {
    const files = { 'lib/a.ts': '\n'.repeat(MOST_LINES), 'native/b.cc': '\n'.repeat(MOST_LINES + 1) };
    expect(onTree(files, checkSizes)).toEqual([expect.stringContaining('native/b.cc:501 is 501 lines')]);
  });
});

describe('the words of the tree', () => {
  test('hold in this checkout', () => {
    expect(checkWords(PROJECT)).toEqual([]);
  });

  test.each([
    ['unfinished work', `// ${'TO'}${'DO'}: later`],
    ['a path of one machine', `open('/${'ro'}${'ot'}/x')`],
    ['a registry host', `https://registry.${'npm'}js.org/x`],
    ['a British spelling', `the behavi${'our'} of it`],
    ['another one', `initiali${'sed'} twice`],
  ])('find %s', (_, line) => {
    expect(onTree({ 'lib/a.ts': `\n${line}\n` }, checkWords)).toEqual([expect.stringContaining('lib/a.ts:2 ')]);
  });

  test('accept ordinary code', () => {
    expect(onTree({ 'lib/a.ts': "const path = '/proc/self/maps'; // the color of promises\n" }, checkWords)).toEqual(
      [],
    );
  });
});

describe('the top folder', () => {
  test('finds a stray file', () => {
    expect(checkTopLevel(['lib', 'README.md', '.npmrc', 'notes.txt'])).toEqual([expect.stringContaining('notes.txt')]);
  });

  const inGit = existsSync(join(PROJECT, '.git'));
  (inGit ? test : test.skip)('holds for what is committed', () => {
    const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: PROJECT, encoding: 'utf8' });
    const names = new Set(tracked.split('\0').map((file) => file.split('/', 1)[0] ?? ''));
    names.delete('');
    expect(checkTopLevel([...names])).toEqual([]);
  });
});
