// `npm run test:mutants [-- --all] [WORD]`: proves that each lane can fail. In a copy of the tree in a temporary folder each
// lane first passes as things are; then a defect of mutants.mjs is planted, and the lane must fail and say the expected
// words. With --all the further mutants as well, with WORD those whose name or lane contains it. Prints a row a
// mutant and `N passed, N failed`.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { ROOT } from '../../native/scripts/sources.mjs';
import { LANES } from './lanes.mjs';
import { mutants } from './mutants.mjs';

/** A lane that a defect has hung is a lane that noticed nothing. */
const LIMIT_MS = 420_000;
const LEFT_OUT = /^(\.git|node_modules|bench|coverage|dist|build(?!-native).*|build-native\/(corpus|found-.*))(\/|$)/;

const words = process.argv.slice(2);
const all = words.includes('--all');
const word = words.find((given) => !given.startsWith('--')) ?? '';
const chosen = mutants.filter(
  ({ name, lane, extra }) => (all || word !== '' || !extra) && `${name} ${lane}`.includes(word),
);

const copy = mkdtempSync(join(tmpdir(), 'nebula-mutant-'));
process.on('exit', () => rmSync(copy, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

function node(command) {
  const env = { ...process.env, npm_config_cache: undefined, NEBULA_MEMORY_ROOT: copy };
  const options = { cwd: copy, encoding: 'utf8', maxBuffer: 1 << 28, timeout: LIMIT_MS, env };
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, command, options);
  return { passed: status === 0, hung: signal === 'SIGTERM', text: `${stdout}${stderr}` };
}

function must(command) {
  const { passed, text } = node(command);
  if (!passed) throw new Error(`${command.join(' ')}: ${text.slice(-2000)}`);
}

const buildBinary = () => must(['native/scripts/prebuild.mjs', 'linux-x64', '--require']);
const buildDist = () => must(['lib/scripts/build.mjs']);

function prepare(lane, file) {
  if (lane.binary && file.startsWith('native/')) buildBinary();
  if (lane.dist && file.startsWith('lib/')) buildDist();
}

const seconds = (started) => `${((Date.now() - started) / 1000).toFixed(0)} s`;
const sound = new Map();

/** Whether the lane passes without a defect: asked once a lane. */
function isSound(name) {
  if (!sound.has(name)) {
    const started = Date.now();
    const { passed, text } = node(LANES[name].command);
    sound.set(name, passed);
    console.log(`${passed ? 'ok   ' : 'FAIL '} ${name}: passes without a defect (${seconds(started)})`);
    if (!passed) console.log(text.slice(-2500).replaceAll(/^/gm, '      | '));
  }
  return sound.get(name);
}

/** Null when the lane noticed, else what went wrong. */
function tryMutant({ file, from, to, lane: name, says }) {
  const lane = LANES[name];
  const path = join(copy, file);
  const text = readFileSync(path, 'utf8');
  if (text.split(from).length !== 2) return `the place to change is not found once in ${file}`;
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
  try {
    prepare(lane, file);
    const { passed, hung, text: said } = node(lane.command);
    if (passed) return 'the lane passed';
    if (hung) return `the lane did not end within ${LIMIT_MS / 1000} s`;
    return says.test(said) ? null : `the lane failed otherwise:\n${said.slice(-2500)}`;
  } finally {
    writeFileSync(path, text);
    prepare(lane, file);
  }
}

function main() {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('test:mutants runs on Linux x64');
  cpSync(ROOT, copy, {
    recursive: true,
    preserveTimestamps: true,
    filter: (source) => source === ROOT || !LEFT_OUT.test(relative(ROOT, source)),
  });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  buildDist();
  if (chosen.some(({ lane }) => LANES[lane].binary)) buildBinary();
  const counts = { passed: 0, failed: 0 };
  const count = (good) => {
    counts[good ? 'passed' : 'failed'] += 1;
    return good;
  };
  for (const mutant of chosen) {
    const asked = sound.has(mutant.lane);
    const passes = isSound(mutant.lane);
    if (!asked) count(passes);
    if (!passes) continue;
    const started = Date.now();
    const wrong = tryMutant(mutant);
    count(wrong === null);
    const row = `${mutant.lane}: ${mutant.name} (${seconds(started)})`;
    console.log(wrong === null ? `ok    ${row}: the lane fails` : `FAIL  ${row}: ${wrong}`);
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed === 0 && counts.passed > 0 ? 0 : 1;
}

try {
  process.exitCode = main();
} catch (error) {
  console.error(error.stack ?? String(error));
  console.log('0 passed, 1 failed');
  process.exitCode = 1;
}
