// `npm run test:native [-- --require] [--only WORD] [--seconds N]`: the native code under sanitizers, valgrind and
// fuzzers. A row for each lane and `N passed, N failed` at the end. Missing tools are installed from Debian's packages
// where that is allowed; a lane whose tool is missing all the same is skipped with a word, and fails with --require or
// in CI. --only runs the lanes whose name contains the word, --seconds sets how long each fuzzer runs (10).
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../native/scripts/sources.mjs';
import { findTool } from '../../native/scripts/tools.mjs';
import { failuresOf } from '../support/failures.mjs';
import { build, buildAddon, findClang, programs, variants } from './sanitizers.mjs';
import { FILES_LEFT_OUT, TESTS_LEFT_OUT } from './subset.mjs';

const words = process.argv.slice(2);
const optionOf = (flag) => (words.includes(flag) ? words[words.indexOf(flag) + 1] : undefined);
const required = words.includes('--require') || process.env.CI === 'true';
const only = optionOf('--only') ?? '';
const fuzzSeconds = Number(optionOf('--seconds') ?? 10);

class Missing extends Error {}

class ProgramFailed extends Error {
  constructor(message, output) {
    super(`${message}\n${output.slice(-6000)}`);
    this.ending = message;
    this.end = output.slice(-2000);
  }
}

/** Runs a program of tests; rejects with the end of its output unless it ends with 0. */
function runProgram(command, args, { env = {}, timeout = 600_000 } = {}) {
  const stdio = ['ignore', 'pipe', 'pipe'];
  const child = spawn(command, args, { cwd: ROOT, env: { ...process.env, ...env }, stdio, timeout });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(output);
      else reject(new ProgramFailed(`${command} ended with ${signal ?? `code ${code}`}`, output));
    });
  });
}

const countOf = (output) => (output.match(/^ok /gm) ?? []).length;

const SANITIZER_ENV = {
  ASAN_OPTIONS: 'detect_leaks=1:halt_on_error=1:detect_stack_use_after_return=1',
  UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
  TSAN_OPTIONS: 'halt_on_error=1:second_deadlock_stack=1',
};

// Inside Node: what Node itself leaves at exit is not ours to judge (leaks of the region layer are found by its own tests,
// under LeakSanitizer); a bus error has handlers of ours and of our tests; each allocation of Node keeps a short stack, as
// it would cost a third more. And on Node 20 the end of V8's BackingStore is ours (binding/engine_carrier.cc): the host's
// operator new is malloc, so free() is right, and the library that stands before it here calls that a mismatch.
const ASAN_IN_NODE = [
  'detect_leaks=0:halt_on_error=1:handle_sigbus=0:alloc_dealloc_mismatch=0',
  'malloc_context_size=8:quarantine_size_mb=32',
].join(':');

async function core(variant, env) {
  let passed = 0;
  for (const name of ['platform', 'region']) {
    const program = await build(variant, `${name}_test`, programs[name]());
    passed += countOf(await runProgram(program, [], { env: { ...SANITIZER_ENV, ...env } }));
  }
  return { passed, note: `${passed} cases` };
}

// Under valgrind a page costs forty times as much, and its kernel interface is older than some calls, so that the paths
// for old kernels run here. Threads take turns.
async function valgrind() {
  if (!findTool('valgrind')) throw new Missing('valgrind');
  let passed = 0;
  for (const name of ['platform', 'region']) {
    const program = await build(variants().plain, `${name}_test`, programs[name]());
    const args = ['-q', '--error-exitcode=99', '--leak-check=full', '--errors-for-leak-kinds=definite'];
    const env = { NEBULA_TEST_ROUNDS: '10', NEBULA_TEST_UNDER: 'valgrind' };
    passed += countOf(await runProgram('valgrind', [...args, '--fair-sched=yes', program], { env }));
  }
  return { passed, note: `${passed} cases` };
}

// The corpus is read and not written: what a run adds lies in build-native/ and is merged by hand when it is worth it.
async function fuzz(name) {
  if (!findClang()) throw new Missing('clang');
  const program = await build(variants().asan, `fuzz_${name}`, programs.fuzzer(name), { link: ['-fsanitize=fuzzer'] });
  const grown = join(ROOT, 'build-native', 'corpus', name);
  const seeds = join(ROOT, 'test/native/fuzz/corpus', name);
  mkdirSync(grown, { recursive: true });
  const artifacts = `${join(ROOT, 'build-native')}/found-${name}-`;
  const bounds = [`-max_total_time=${fuzzSeconds}`, '-max_len=2048', '-timeout=20', '-rss_limit_mb=2048'];
  const output = await runProgram(
    program,
    [grown, ...(existsSync(seeds) ? [seeds] : []), ...bounds, `-artifact_prefix=${artifacts}`, '-print_final_stats=1'],
    { env: SANITIZER_ENV },
  );
  const runs = Number(/number_of_executed_units:\s*(\d+)/.exec(output)?.[1] ?? 0);
  const features = /cov: (\d+)/.exec(output.slice(output.lastIndexOf('cov: ')))?.[1];
  if (runs < 100) throw new Error(`only ${runs} runs\n${output.slice(-3000)}`);
  return { passed: 1, note: `${runs} runs, ${readdirSync(seeds).length} seeds, coverage ${features}` };
}

const escaped = (text) => text.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&');

async function addon() {
  const { addon: file, runtime } = await buildAddon(variants().asan);
  const report = join(ROOT, 'build-native', 'jest.json');
  const jest = join(ROOT, 'node_modules/jest/bin/jest.js');
  const tests = `--testNamePattern=^(?!(${TESTS_LEFT_OUT.map(({ test }) => escaped(test)).join('|')})$)`;
  const files = FILES_LEFT_OUT.map((left) => `--testPathIgnorePatterns=/${escaped(left.file)}`);
  rmSync(report, { force: true });
  const running = runProgram(
    process.execPath,
    ['--expose-gc', jest, '--silent', '--json', `--outputFile=${report}`, tests, ...files],
    {
      env: {
        LD_PRELOAD: runtime,
        NEBULA_MEMORY_BINDING: file,
        NEBULA_TEST_UNDER: 'asan',
        ASAN_OPTIONS: ASAN_IN_NODE,
        UBSAN_OPTIONS: SANITIZER_ENV.UBSAN_OPTIONS,
      },
      timeout: 1_100_000,
    },
  );
  await running.catch((error) => {
    if (!(error instanceof ProgramFailed) || !existsSync(report)) throw error;
    throw new Error([error.ending, ...failuresOf(JSON.parse(readFileSync(report, 'utf8'))), error.end].join('\n'));
  });
  const results = JSON.parse(readFileSync(report, 'utf8'));
  if (results.numPassedTests < 500) throw new Error(`only ${results.numPassedTests} tests`);
  return { passed: results.numPassedTests, note: `${results.numPassedTests} tests in Node` };
}

/** The first run two at a time, for each keeps one core busy; the last has both. */
const LANES = [
  ['core under ASan and UBSan', () => core(variants().asan)],
  ['core under TSan', () => core(variants().tsan, { NEBULA_TEST_ROUNDS: '60' })],
  ['core under valgrind', valgrind],
  ['fuzz operations', () => fuzz('operations')],
  ['fuzz arithmetic', () => fuzz('arithmetic')],
];
const LAST = ['addon in Node under ASan and UBSan', addon];

function installTools() {
  const wanted = [
    ...(findClang() ? [] : ['clang']),
    ...(findTool('llvm-symbolizer') ? [] : ['llvm']),
    ...(findTool('valgrind') ? [] : ['valgrind', 'libc6-dbg']),
    ...(findTool('g++') ? [] : ['g++']),
  ];
  if (wanted.length === 0) return;
  if (process.getuid?.() !== 0 || !findTool('apt-get')) {
    console.log(`missing: apt-get install ${wanted.join(' ')}`);
    return;
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  // clang brings the sanitizers' runtimes as a recommendation, so those are wanted.
  const command = `apt-get update -qq && apt-get install -y -qq ${wanted.join(' ')}`;
  const result = spawnSync('sh', ['-c', command], { env, encoding: 'utf8' });
  if (result.status !== 0) console.log(`could not install ${wanted.join(' ')}\n${result.stderr.slice(-800)}`);
}

if (process.platform !== 'linux') {
  console.log('the sanitizer lanes run on Linux only');
  console.log(required ? '0 passed, 1 failed' : '0 passed, 0 failed');
  process.exit(required ? 1 : 0);
}
installTools();
let passed = 0;
let failed = 0;

async function runLane([name, run]) {
  const started = Date.now();
  const seconds = () => `${((Date.now() - started) / 1000).toFixed(0)} s`;
  try {
    const result = await run();
    passed += result.passed;
    console.log(`ok    ${name.padEnd(36)} ${seconds().padStart(5)}  ${result.note}`);
  } catch (error) {
    const skip = error instanceof Missing && !required;
    failed += skip ? 0 : 1;
    const what = error instanceof Missing ? `${error.message} is missing` : (error.stack ?? String(error));
    console.log(`${skip ? 'SKIP ' : 'FAIL '} ${name.padEnd(36)} ${seconds().padStart(5)}  ${what}`);
  }
}

const wanted = ([name]) => name.includes(only);
const queue = LANES.filter(wanted);
async function work() {
  for (let lane = queue.shift(); lane !== undefined; lane = queue.shift()) await runLane(lane);
}
await Promise.all([work(), work()]);
if (wanted(LAST)) await runLane(LAST);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
