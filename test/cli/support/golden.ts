import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(__dirname, '..', 'goldens');

/** Compares with test/cli/goldens/NAME.txt; UPDATE_GOLDENS=1 writes it anew, to be read in the diff. */
export function expectGolden(name: string, text: string): void {
  const file = join(FOLDER, `${name}.txt`);
  const updates = process.env['UPDATE_GOLDENS'] === '1';
  if (updates && process.env['CI'] !== undefined) throw new Error('UPDATE_GOLDENS: goldens are not written in CI');
  if (updates) writeFileSync(file, text);
  expect(text).toBe(readFileSync(file, 'utf8'));
}
