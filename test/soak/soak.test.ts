// The short form of `npm run soak`: some thousand regions, and every driver beside them, from a fixed seed, in a process of
// its own.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

it('1600 regions of mixed kinds, and all classes beside them, leave the process as they found it', () => {
  const soak = join(__dirname, 'soak.mjs');
  const args = ['--expose-gc', soak, '--regions', '1600', '--cycle', '800', '--seed', '20261121'];
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 170_000 });
  const told = stdout.trim().split('\n');
  expect({ signal, stderr, told: told.at(0) }).toEqual({
    signal: null,
    stderr: expect.not.stringContaining('Error'),
    told: expect.stringContaining('seed 20261121, 1600 regions'),
  });
  expect((JSON.parse(told.at(-2) ?? '') as { wrong: string[] }).wrong).toEqual([]);
  expect(told.at(-1)).toBe('3 passed, 0 failed');
  expect(status).toBe(0);
}, 180_000);
