// Runs a few lines of JavaScript against the built package in a process of its own.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const TOOLS = join(__dirname, '..', 'hostile', 'tools.cjs');
const ROOT = join(__dirname, '..', '..');

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly result: unknown;
}

/** `source` is the body of an async function that returns the result; `tools` of the hostile scenarios are in scope. */
export function inChild(source: string, flags: readonly string[] = ['--expose-gc']): Ended {
  const program = `
    const tools = require(${JSON.stringify(TOOLS)});
    const { settle, until, sleep, worker, message, ended, PAGE, MIB } = tools;
    const { Region, memory } = tools.lib();
    (async () => {${source}})().then((result) => tools.report(result ?? null));`;
  const child = spawnSync(process.execPath, ['--no-warnings', ...flags, '-e', program], {
    encoding: 'utf8',
    env: { ...process.env, NEBULA_MEMORY_ROOT: ROOT },
    timeout: 170_000,
  });
  let result: unknown = child.stdout + child.stderr;
  try {
    result = JSON.parse(child.stdout);
  } catch {
    // the text tells more
  }
  return { code: child.status, signal: child.signal, result };
}

export function endedWell(result: unknown): Ended {
  return { code: 0, signal: null, result };
}
