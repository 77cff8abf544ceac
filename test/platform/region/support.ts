import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type MemoryError, memoryError } from '../../../lib/core';
import type { Region } from '../../../lib/platform';
import { isFailure, type NativeDescription, type NativeHolder, native } from '../../../lib/platform/native';

// What several tests of regions need: errors as values, the address behind a region, children, workers.

const PROJECT = resolve(__dirname, '../../..');
export const PAGE = 4096;
export const MIB = 1024 * 1024;

/** The error that `work` throws. */
export function thrown(work: () => unknown): MemoryError {
  try {
    work();
  } catch (error) {
    return error as MemoryError;
  }
  throw memoryError('ERR_MEMORY_INVALID_STATE', 'nothing was thrown');
}

/** The code of the error that `work` throws; 'none' without one. */
export function codeOf(work: () => unknown): string {
  try {
    work();
    return 'none';
  } catch (error) {
    return (error as MemoryError).code;
  }
}

const MAKERS = ['mapAnonymous', 'mapFile', 'mapShared', 'mapNamed', 'mapRemote', 'mapSecret', 'attach'] as const;

/** A region together with its native half, which Region itself shows to nobody. */
export function withHolder(make: () => Region): {
  region: Region;
  holder: NativeHolder;
  describe(): NativeDescription;
} {
  const binding = native();
  const made: unknown[] = [];
  const spies = MAKERS.map((name) => {
    const original = binding[name] as (...args: unknown[]) => unknown;
    return jest.spyOn(binding, name).mockImplementation((...args: unknown[]) => {
      const result = original(...args);
      if (!isFailure(result)) made.push(result);
      return result as never;
    });
  });
  try {
    const region = make();
    const holder = made.at(-1) as NativeHolder;
    return { region, holder, describe: () => native().describe(holder) as NativeDescription };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** The smaps entries that overlap an address range: key to the sum of kB, read without the code under test. */
export function smapsAt(address: number, bytes: number): { entries: number; flags: string; kB(key: string): number } {
  const blocks = readFileSync('/proc/self/smaps', 'latin1').split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/);
  const inside = blocks.filter((block) => {
    const [from = 0, to = 0] = (block.split(' ', 1)[0] ?? '').split('-').map((text) => Number.parseInt(text, 16));
    return from < address + bytes && to > address;
  });
  return {
    entries: inside.length,
    flags: inside.map((block) => /VmFlags:(.*)/.exec(block)?.[1] ?? '').join(' '),
    kB: (key) =>
      inside.reduce((sum, block) => sum + Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(block)?.[1] ?? 0), 0),
  };
}

/** A folder that removes itself after the tests of the file. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nebula-region-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const PRELUDE = `const nebula = require(${JSON.stringify(join(PROJECT, 'dist', 'index.js'))});
const { Region, memory, numa } = nebula; const fs = require('node:fs'); const wt = require('node:worker_threads');
const codeOf = (work) => { try { work(); return 'none'; } catch (error) { return error.code ?? String(error); } };
`;

if (!existsSync(join(PROJECT, 'dist', 'index.js'))) throw new Error('dist/ is missing: npm run build comes first');

export interface ChildResult {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stderr: string;
  /** What the child printed, as JSON. */
  readonly output: unknown;
}

/** Runs JavaScript in another process, which prints one JSON value. `launcher` stands before the program. */
export function runChild(
  source: string,
  { launcher = [] as readonly string[], execArgv = [] as readonly string[], env = {} as Record<string, string> } = {},
): ChildResult {
  const [program = '', ...args] = [...launcher, process.execPath, ...execArgv, '-e', PRELUDE + source];
  const result = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: 170_000,
    env: { ...process.env, ...env },
  });
  let output: unknown;
  try {
    output = JSON.parse(result.stdout);
  } catch {
    output = result.stdout;
  }
  return { status: result.status, signal: result.signal, stderr: result.stderr, output };
}

/** Starts a worker on JavaScript source in which `data` and `post` are at hand. */
export function startWorker(
  source: string,
  data: unknown,
): { worker: Worker; next(): Promise<unknown>; end(): Promise<void> } {
  const worker = new Worker(
    `${PRELUDE} const data = wt.workerData; const post = (value) => wt.parentPort.postMessage(value);\n${source}`,
    {
      eval: true,
      workerData: data,
    },
  );
  const ended = new Promise<void>((done, fail) => {
    worker.once('error', fail);
    worker.once('exit', () => done());
  });
  ended.catch(() => undefined);
  // Kept in order: a message that comes before it is asked for must not be lost.
  const arrived: unknown[] = [];
  let wake: () => void = () => undefined;
  worker.on('message', (message) => {
    arrived.push(message);
    wake();
  });
  const silent = ended.then(() => Promise.reject(new Error('the worker ended without a word')));
  silent.catch(() => undefined);
  const next = async (): Promise<unknown> => {
    while (arrived.length === 0) await Promise.race([new Promise<void>((done) => void (wake = done)), silent]);
    return arrived.shift();
  };
  return { worker, next, end: () => ended };
}

export async function inWorker(source: string, data: unknown): Promise<unknown> {
  const { next, end } = startWorker(source, data);
  const answer = await next();
  await end();
  return answer;
}

/** Compiles a C program into the folder; null where there is no compiler. */
export function compileC(folder: string, name: string, source: string): string | null {
  const file = join(folder, `${name}.c`);
  writeFileSync(file, source);
  const built = spawnSync('cc', ['-O1', '-o', join(folder, name), file], { encoding: 'utf8' });
  return built.status === 0 ? join(folder, name) : null;
}

export function pause(ms: number): Promise<void> {
  return new Promise((done) => void setTimeout(done, ms));
}
