import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';

test('docs/errors.md says what the table of codes says', () => {
  const script = join(resolve(__dirname, '..', '..'), 'lib', 'scripts', 'errors-page.mjs');
  const result = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  expect(result.stderr).toBe('');
  expect(result.status).toBe(0);
});
