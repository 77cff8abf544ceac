import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

// Children of the built package that have nothing to do but wait.
const PACKAGE = join(__dirname, '../../../dist');

function run(options: string, work: string): { status: number | null; signal: string | null; stdout: string } {
  const script = `const { AsyncPool } = require(${JSON.stringify(PACKAGE)});
    const pool = new AsyncPool({ create: () => ({}), max: 1, ${options} });
    (async () => { ${work} })().catch((error) => console.log(error.code));`;
  const { status, signal, stdout } = spawnSync(process.execPath, ['-e', script], {
    encoding: 'utf8',
    timeout: 170_000,
  });
  return { status, signal, stdout };
}

describe('a process that only waits for an AsyncPool', () => {
  it.each([
    ['an object', 'await pool.acquire(); await pool.acquire({ deadlineMs: 100 });'],
    ['an object, by the usual deadline', 'await pool.acquire(); await pool.acquire();'],
    ['the end', 'await pool.acquire(); await pool.close({ deadlineMs: 100 });'],
    ['the loans', 'await pool.acquire(); await pool.drain({ deadlineMs: 100 });'],
  ])('for %s with a deadline is told when it has passed', (_, work) => {
    expect(run('acquireTimeoutMs: 100', work)).toEqual({ status: 0, signal: null, stdout: 'ERR_MEMORY_TIMEOUT\n' });
  });

  it.each([
    ['', 'await pool.acquire(); await pool.acquire(); console.log("never");'],
    ['idleTimeoutMs: "1h"', 'await pool.use(() => 1); await pool.acquire(); await pool.close(); console.log("never");'],
    ['create: () => new Promise(() => {})', 'await pool.acquire(); console.log("never");'],
    ['min: 1, create: () => Promise.reject(new Error())', 'await new Promise(() => {});'],
    ['dispose: () => new Promise(() => {})', 'await pool.destroy(await pool.acquire()); console.log("never");'],
    ['validate: () => new Promise(() => {})', 'await pool.use(() => 1); await pool.acquire(); console.log("never");'],
    ['reset: () => new Promise(() => {})', 'await pool.release(await pool.acquire()); console.log("never");'],
  ])('without a deadline ends at once: %s', (options, work) => {
    expect(run(options, work)).toEqual({ status: 0, signal: null, stdout: '' });
  });
});
