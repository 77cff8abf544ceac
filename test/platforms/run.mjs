// `npm run test:platforms [-- WORD…] [--require] [--no-musl] [--notes]`: runs the built package (dist/ and prebuilds/)
// under a real Node.js of each platform, two lanes at a time, and prints a row for each. WORDs choose lanes whose names
// contain one of them. Where a platform is known to differ, the row says how and why (deviations.mjs). A lane that cannot
// be set up here is left out with the reason; with --require, and where CI is set, it counts as failed.
import { spawn } from 'node:child_process';
import { closeSync, cpSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { judge } from './deviations.mjs';
import { endServers, LANES } from './lanes.mjs';
import { HERE, installPrograms, Unavailable } from './setup.mjs';

const ROOT = dirname(dirname(HERE));
const LANE_TIMEOUT_MS = 300_000;
const AT_A_TIME = 2;
const NAME_WIDTH = 36;
// V8's locks ask for scheduling parameters that qemu-user does not have, and say so now and then.
const EMULATOR_NOISE = /^\[mutex\.cc : \d+\] RAW: pthread_getschedparam failed: 1\n/gm;

const words = process.argv.slice(2);
const flag = (name) => words.includes(name);
const chosen = words.filter((word) => !word.startsWith('--'));

/** A folder with the package installed in it and the checks beside it: nothing of the clone is in reach. */
function makeStage() {
  for (const name of ['dist/index.js', 'prebuilds/manifest.json']) {
    if (!existsSync(join(ROOT, name)))
      throw new Error(`${name} is missing: npm run build and npm run prebuild come first`);
  }
  const stage = mkdtempSync(join(tmpdir(), 'nebula-platforms-'));
  const home = join(stage, 'node_modules', 'nebula-memory');
  mkdirSync(home, { recursive: true });
  for (const name of ['package.json', 'dist', 'prebuilds'])
    cpSync(join(ROOT, name), join(home, name), { recursive: true });
  for (const name of ['check.cjs', 'tools.cjs', 'parts'])
    cpSync(join(HERE, name), join(stage, name), { recursive: true });
  return stage;
}

/** Runs a program with files for its output: Wine takes no pipes. */
async function execute([program, ...args], folder, outputs) {
  const files = ['out', 'err'].map((end) => `${outputs}.${end}`);
  const [out, err] = files.map((file) => openSync(file, 'w'));
  const child = spawn(program, args, { cwd: folder, stdio: ['ignore', out, err] });
  const timer = setTimeout(() => child.kill('SIGKILL'), LANE_TIMEOUT_MS);
  const status = await new Promise((done) => {
    child.once('error', (error) => done(error.message));
    child.once('exit', (code, signal) => done(code ?? signal));
  });
  clearTimeout(timer);
  closeSync(out);
  closeSync(err);
  const [stdout, stderr] = files.map((file) => readFileSync(file, 'utf8').replaceAll('\r\n', '\n'));
  return { status, stdout, stderr };
}

function reportOf({ status, stdout, stderr }) {
  try {
    const report = JSON.parse(stdout.trim().split('\n').at(-1));
    // It can die after its report.
    if (status !== 0 && report.failures.length === 0)
      report.failures.push({ name: 'run', error: `ended with ${status}` });
    return report;
  } catch {
    const error = `it ended with ${status} and no report\n${`${stdout}${stderr}`.slice(-3000)}`;
    return { passed: 0, failed: 1, failures: [{ name: 'run', error }], notes: {} };
  }
}

/** The command line on the same platform: a check of its own. */
async function runProbe(lane, outputs) {
  const script = join('node_modules', 'nebula-memory', 'dist', 'cli', 'main.js');
  if (!existsSync(join(lane.folder, script))) return undefined;
  const { status, stdout, stderr } = await execute([...lane.launch, script, 'probe'], lane.folder, outputs);
  const complaints = lane.emulated ? stderr.replaceAll(EMULATOR_NOISE, '') : stderr;
  if (status === 0 && stdout.length > 100 && complaints === '') return undefined;
  return { name: 'probe ends with 0 and a report', error: `status ${status}\n${`${stdout}${stderr}`.slice(-1500)}` };
}

async function runLane(lane, index, stage) {
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  if (lane.run !== undefined) {
    const report = await lane.run();
    return { name: lane.name, ...report, seconds: seconds() };
  }
  const ready = lane.prepare(stage);
  const outputs = join(stage, `lane-${index}`);
  const args = ['--expose-gc', 'check.cjs', `--page=${ready.page ?? 4096}`];
  if (ready.emulated) args.push('--emulated');
  if (ready.relaunch) args.push(`--launch=${JSON.stringify(ready.relaunch)}`);
  const report = reportOf(await execute([...ready.launch, ...args], ready.folder, outputs));
  const broken = await runProbe(ready, `${outputs}-probe`);
  if (broken === undefined) report.passed += 1;
  else report.failures.push(broken);
  const { failures, notes } = report;
  const judged = judge(lane.name, notes, ready.emulated === true);
  if (judged.failures.length === 0) report.passed += 1;
  else if (!failures.some(({ name }) => name === 'run')) failures.push(...judged.failures);
  const { deviations } = judged;
  return { name: lane.name, passed: report.passed, failures, deviations, notes, seconds: seconds(), note: ready.note };
}

async function outcomeOf(lane, index, stage) {
  try {
    if (lane.isMusl && flag('--no-musl')) throw new Unavailable('--no-musl');
    return await runLane(lane, index, stage);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    const failures =
      flag('--require') || process.env.CI !== undefined ? [{ name: 'set up', error: error.message }] : [];
    return { name: lane.name, passed: 0, failures, skipped: error.message };
  }
}

function print({ name, passed, failures, deviations = [], seconds, skipped, note, notes }) {
  const row = name.padEnd(NAME_WIDTH);
  if (skipped !== undefined) console.log(`${row} skipped: ${skipped}`);
  else console.log(`${row} ${passed} passed, ${failures.length} failed, ${seconds} s${note ? ` (${note})` : ''}`);
  for (const failure of failures)
    console.log(`    ${failure.name}\n      ${failure.error.replaceAll('\n', '\n      ')}`);
  for (const deviation of deviations) console.log(`    deviates: ${deviation}`);
  if (flag('--notes') && notes) for (const [key, value] of Object.entries(notes)) console.log(`    ${key}: ${value}`);
}

async function main() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    console.log('the lanes are made for Linux x64: nothing to run on this machine');
    return;
  }
  const lanes = LANES.filter(({ name }) => chosen.length === 0 || chosen.some((word) => name.includes(word)));
  if (lanes.length === 0)
    throw new Error(`no lane is called so; there are:\n${LANES.map(({ name }) => name).join('\n')}`);
  installPrograms();
  const stage = makeStage();
  try {
    const outcomes = [];
    const waiting = lanes.entries();
    const runner = async () => {
      for (const [index, lane] of waiting) {
        const outcome = await outcomeOf(lane, index, stage);
        outcomes.push(outcome);
        print(outcome);
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, runner));
    const count = (test) => outcomes.filter(test).length;
    const failed = count(({ failures }) => failures.length > 0);
    const skipped = count(({ failures, skipped: reason }) => failures.length === 0 && reason !== undefined);
    if (skipped > 0) console.log(`${skipped} left out, for the reasons above`);
    console.log(`${outcomes.length - failed - skipped} passed, ${failed} failed`);
    process.exitCode = failed > 0 || outcomes.length === skipped ? 1 : 0;
  } finally {
    endServers();
    rmSync(stage, { recursive: true, force: true });
  }
}

await main();
