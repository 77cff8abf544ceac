import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const SCRIPT = join(__dirname, 'stress.cjs');

// In a process of its own, so that a crash would be seen as one. Longer: node test/allocators/shared/stress.cjs.
const SEED = Number(process.env['STRESS_SEED'] ?? Date.now() % 100_000);
const OPERATIONS = Number(process.env['STRESS_OPERATIONS'] ?? 60_000);

describe.each(['threads', 'processes'])('%s that are killed at random moments', (mode) => {
  test.each(['block', 'stack', 'bump'])('lose nothing of a shared %s and get nothing twice', (kind) => {
    const text = execFileSync(process.execPath, [SCRIPT, kind, mode, String(SEED), String(OPERATIONS)], {
      encoding: 'utf8',
      timeout: 170_000,
    });
    expect(text).toContain('"operations"');
    const { operations, deaths } = JSON.parse(text.slice(text.indexOf('{'))) as { operations: number; deaths: number };
    expect(operations).toBeGreaterThanOrEqual(OPERATIONS);
    expect(deaths).toBeGreaterThanOrEqual(5);
  });
});
