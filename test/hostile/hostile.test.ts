// Runs each hostile scenario in a process of its own, at most two at a time: it must end by itself, with the code and
// the result that the tables give, and without a signal.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { native } from '../../lib/platform/native';
import type { Features, Scenario, ScenarioFile } from './table';
import { argumentScenarios, forgedScenarios, freedScenarios, fuzzScenarios } from './tables/input';
import {
  exitScenarios,
  fileScenarios,
  limitScenarios,
  sharedScenarios,
  threadScenarios,
  truncatedScenarios,
  workerScenarios,
} from './tables/system';
import { escapeScenarios, nativeJobScenarios, protectScenarios } from './tables/views';

const ROOT = join(__dirname, '..', '..');
const LIMIT_MS = 170_000;
const AT_ONCE = 2;

const FILES: Readonly<Record<string, ScenarioFile>> = {
  arguments: argumentScenarios,
  forged: forgedScenarios,
  freed: freedScenarios,
  escape: escapeScenarios,
  'native-jobs': nativeJobScenarios,
  protect: protectScenarios,
  workers: workerScenarios,
  threads: threadScenarios,
  files: fileScenarios,
  truncated: truncatedScenarios,
  limits: limitScenarios,
  shared: sharedScenarios,
  exit: exitScenarios,
  fuzz: fuzzScenarios,
};

const features: Features = {
  major: Number(process.versions.node.split('.')[0]),
  transfer: 'transfer' in ArrayBuffer.prototype,
  shared: native().sharedCarrier() !== 0,
  root: process.getuid?.() === 0,
};

interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly result: unknown;
}

let running = 0;
const waiting: (() => void)[] = [];

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  running += 1;
  try {
    return await work();
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}

/** The scenario's outcome; instead of a result, what it printed, where that is no line of JSON. */
function run(file: string, name: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const args = ['--expose-gc', '--no-warnings', join(__dirname, 'child.cjs'), file, name];
    const child = spawn(process.execPath, args, { env: { ...process.env, NEBULA_MEMORY_ROOT: ROOT } });
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    let out = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    child.once('error', reject).once('close', (code, signal) => {
      clearTimeout(timer);
      let result: unknown = { out, errors: errors.slice(-2000) };
      try {
        result = JSON.parse(out);
      } catch {
        // the texts tell more
      }
      resolve({ code, signal, result });
    });
  });
}

function expected({ code, signal, result }: Scenario): Outcome {
  return signal === undefined ? { code: code ?? 0, signal: null, result } : { code: null, signal, result };
}

const rows = Object.entries(FILES).flatMap(([file, scenarios]) =>
  scenarios(features).map((scenario) => [file, scenario.name, scenario] as const),
);

const sound = rows.filter(([, , { defect }]) => defect === undefined);
const broken = rows.filter(([, , { defect }]) => defect !== undefined);

describe(`hostile scenarios: ${rows.length}`, () => {
  it.concurrent.each(sound)(
    '%s: %s',
    async (file, name, scenario) => {
      expect(await inTurn(() => run(file, name))).toEqual(expected(scenario));
    },
    6 * LIMIT_MS,
  );

  if (broken.length > 0) {
    it.failing.each(broken)(
      '%s: %s does not end well yet',
      async (file, name, scenario) => {
        expect(await inTurn(() => run(file, name))).toEqual(expected(scenario));
      },
      6 * LIMIT_MS,
    );
  }

  it('has a row for every scenario, and a scenario for every row', () => {
    const listed = rows.map(([file, name]) => `${file}: ${name}`);
    const written = Object.keys(FILES).flatMap((file) =>
      Object.keys(require(join(__dirname, 'scenarios', `${file}.cjs`)) as object).map((name) => `${file}: ${name}`),
    );
    expect(new Set(listed).size).toBe(listed.length);
    expect(listed.filter((row) => !written.includes(row))).toEqual([]);
    // What a version of Node.js cannot do is left out on it.
    const needed = written.filter((row) => !listed.includes(row));
    expect(features.transfer && features.shared ? needed : []).toEqual([]);
  });
});
