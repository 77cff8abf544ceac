import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const PAGE = readFileSync(join(__dirname, '../../../docs/pool-compatibility.md'), 'utf8');

/** The tests that the rows of a section name. */
function rowsOf(section: string): string[] {
  const text = PAGE.split(/^## /m).find((part) => part.startsWith(`${section}\n`)) ?? '';
  const rows = text.split('\n').filter((line) => line.startsWith('| '));
  return rows.slice(1).map((row) => row.split('|').at(-2)?.trim() ?? '');
}

/** The tests that a file holds. */
function testsOf(file: string): string[] {
  const text = readFileSync(join(__dirname, file), 'utf8');
  return [...text.matchAll(/^ {2}it\('([^']+)'/gm)].map((found) => found[1] ?? '');
}

describe.each([
  ['generic-pool', 'compat-generic-pool.test.ts', 41],
  ['tarn', 'compat-tarn.test.ts', 31],
])('the table of %s', (section, file, least) => {
  it('has a test for each row, and a row for each test', () => {
    const tests = testsOf(file);
    expect(rowsOf(section)).toEqual(tests);
    expect(new Set(tests).size).toBe(tests.length);
    expect(tests.length).toBeGreaterThanOrEqual(least);
  });
});
