import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

// Children of the built package that have nothing to do but wait.
const PACKAGE = join(__dirname, '..', '..', 'dist');

function run(work: string): { status: number | null; signal: string | null; stdout: string } {
  const script = `const { MemoryBudget, SharedBudget } = require(${JSON.stringify(PACKAGE)});
    (async () => { ${work} })().catch((error) => console.log(error.code));`;
  const { status, signal, stdout } = spawnSync(process.execPath, ['-e', script], {
    encoding: 'utf8',
    timeout: 170_000,
  });
  return { status, signal, stdout };
}

const MAKE = {
  MemoryBudget: "new MemoryBudget('b', { limitBytes: 100 })",
  SharedBudget: "SharedBudget.create('b', { limitBytes: 100 })",
};

describe.each(Object.entries(MAKE))('a process that only waits for a %s', (_, make) => {
  it('is told when the deadline has passed', () => {
    const told = run(`const budget = ${make}; budget.reserve(100); await budget.acquire(50, { deadlineMs: 100 });`);
    expect(told).toEqual({ status: 0, signal: null, stdout: 'ERR_MEMORY_TIMEOUT\n' });
  });

  it('ends at once without a deadline', () => {
    const ended = run(`const budget = ${make}; budget.reserve(100); await budget.acquire(50); console.log('never');`);
    expect(ended).toEqual({ status: 0, signal: null, stdout: '' });
  });
});
