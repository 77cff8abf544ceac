import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { KINDS } from './support';

const SCRIPT = join(__dirname, 'stress.cjs');

// In a process of its own, so that a crash would be seen as one. Longer: NEBULA_STRESS=1000000, operations of each.
const SEED = Number(process.env['STRESS_SEED'] ?? Date.now() % 100_000);
const OPERATIONS = Number(process.env['NEBULA_STRESS'] ?? 20_000);

interface Result {
  readonly operations: number;
  readonly deaths: number;
  readonly adopted: number;
  readonly waited: number;
}

describe.each(['threads', 'processes'])('%s that are killed at random moments', (mode) => {
  test.each(Object.keys(KINDS))(
    'lose no slot of a %s and get none twice',
    (kind) => {
      const text = execFileSync(process.execPath, [SCRIPT, kind, mode, String(SEED), String(OPERATIONS)], {
        encoding: 'utf8',
        timeout: 300_000,
      });
      expect(text).toContain('"operations"');
      const { operations, deaths, waited } = JSON.parse(text.slice(text.indexOf('{'))) as Result;
      expect(operations).toBeGreaterThanOrEqual(OPERATIONS);
      expect(deaths).toBeGreaterThanOrEqual(5);
      expect(waited > 0).toBe(kind === 'ThreadSafePool');
    },
    300_000,
  );
});
