// The short form of `npm run soak`: a few thousand regions from a fixed seed, in a process of its own.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

it('5000 regions of mixed kinds leave the process as they found it', () => {
  const args = ['--expose-gc', join(__dirname, 'soak.mjs'), '--regions', '5000', '--seed', '20261121'];
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 170_000 });
  const told = stdout.trim().split('\n');
  expect({ signal, stderr, told: told.at(0) }).toEqual({
    signal: null,
    stderr: expect.not.stringContaining('Error'),
    told: expect.stringContaining('seed 20261121, 5000 regions'),
  });
  expect((JSON.parse(told.at(-2) ?? '') as { wrong: string[] }).wrong).toEqual([]);
  expect(told.at(-1)).toBe('4 passed, 0 failed');
  expect(status).toBe(0);
}, 180_000);
