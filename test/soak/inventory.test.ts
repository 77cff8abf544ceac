// Every class that the package exports is driven by the soak, or excepted with a reason.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

it('every exported class is driven, and whatever is driven or excepted is exported', () => {
  const { stdout, stderr } = spawnSync(process.execPath, [join(__dirname, 'inventory.mjs')], { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual({ missing: [], obsolete: [] });
});
