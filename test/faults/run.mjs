// npm run test:faults [-- TEXT]: every row of table/ in a process of its own, under a launcher that makes chosen system
// calls fail. With TEXT only the rows whose fault or call contain it.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import calls from './table/calls.mjs';
import limits from './table/limits.mjs';
import moreCalls from './table/more-calls.mjs';
import presets from './table/presets.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = process.env.NEBULA_MEMORY_ROOT ?? join(HERE, '..', '..');
/** Not a measure of speed: a row takes 150 ms, and this much only when it hangs. */
const TIMEOUT_MS = 120_000;
const UNAVAILABLE = 77;
const CI = process.env.CI !== undefined;

function stop(text, status = 1) {
  process.stderr.write(`${text}\n`);
  process.exit(status);
}

if (process.platform !== 'linux') stop('test:faults needs Linux: it is skipped here', 0);
const scratch = mkdtempSync(join(tmpdir(), 'nebula-faults-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
chmodSync(scratch, 0o755);

function compile() {
  const launcher = join(scratch, 'launcher');
  const built = spawnSync('cc', ['-O1', '-Wall', '-Wextra', '-o', launcher, join(HERE, 'launcher.c')], {
    encoding: 'utf8',
  });
  if (built.error?.code === 'ENOENT') stop('test:faults needs a C compiler: apt-get install gcc libc6-dev');
  if (built.status !== 0 && /linux\/seccomp\.h/.test(built.stderr)) {
    stop('test:faults needs the kernel headers: apt-get install linux-libc-dev');
  }
  if (built.status !== 0) stop(built.stderr);
  return launcher;
}

/** A copy of the package that every user may read, and that nobody rebuilds meanwhile. */
function copyPackage() {
  const copy = join(scratch, 'package');
  mkdirSync(copy);
  for (const part of ['dist', 'prebuilds', 'package.json']) {
    if (!existsSync(join(ROOT, part))) stop(`${part} is missing: npm run build`);
    cpSync(join(ROOT, part), join(copy, part), { recursive: true });
  }
  return copy;
}

/** {name, launch, row} for each row, with what it takes from its group. */
function rowsOf(groups) {
  return groups.flatMap(({ fault, launch, rows, arm, met, cold, root }) =>
    rows.map(([call, expect, own]) => ({
      name: `${fault} | ${call}`,
      launch,
      root: root === true,
      row: { call, expect, arm, met, cold, ...own },
    })),
  );
}

let folders = 0;

function runOne(launcher, root, { name, launch, row }) {
  const folder = join(scratch, `row-${folders++}`);
  const small = join(folder, 'small');
  mkdirSync(small, { recursive: true });
  chmodSync(folder, 0o777);
  const options = launch.map((part) => part.replace(/^SMALL(?=:)/, small));
  const node = [process.execPath, '--expose-gc', join(HERE, 'child.cjs'), JSON.stringify(row)];
  const env = { ...process.env, NEBULA_MEMORY_ROOT: root, NEBULA_FAULT_FOLDER: folder, NEBULA_FAULT_SMALL: small };
  return new Promise((resolve) => {
    const child = spawn(launcher, [...options, '--', ...node], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    let late = false;
    child.stdout.on('data', (data) => {
      out += data;
    });
    child.stderr.on('data', (data) => {
      err += data;
    });
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, TIMEOUT_MS);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      rmSync(folder, { recursive: true, force: true });
      if (code === UNAVAILABLE) return resolve({ name, skipped: err.trim() });
      const problems = [];
      if (late) problems.push(`did not end within ${TIMEOUT_MS} ms`);
      else if (code !== 0 || signal !== null)
        problems.push(`exit ${code}, signal ${signal}: ${err.trim().slice(-1500)}`);
      try {
        problems.push(...JSON.parse(out));
      } catch {
        if (problems.length === 0) problems.push(`printed ${JSON.stringify(out.slice(-300))}`);
      }
      resolve({ name, problems });
    });
  });
}

function print({ name, problems, skipped }) {
  if (skipped !== undefined) return console.log(`SKIP  ${name}: ${skipped}`);
  console.log(`${problems.length === 0 ? 'ok  ' : 'FAIL'}  ${name}`);
  for (const problem of problems) console.log(`      ${problem.split('\n').join('\n      ')}`);
}

const wanted = process.argv[2] ?? '';
const launcher = compile();
const root = copyPackage();
const isRoot = process.getuid() === 0;
const all = rowsOf([...presets, ...calls, ...moreCalls, ...limits]).filter(({ name }) => name.includes(wanted));
const queue = [...all];
const results = { passed: 0, failed: 0, skipped: 0 };
const started = performance.now();

async function work() {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const result =
      next.root && !isRoot ? { name: next.name, skipped: 'needs root' } : await runOne(launcher, root, next);
    print(result);
    if (result.skipped !== undefined) results.skipped += 1;
    else if (result.problems.length === 0) results.passed += 1;
    else results.failed += 1;
  }
}

await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, work));
const seconds = ((performance.now() - started) / 1000).toFixed(1);
// In CI a row that was not run is a row that failed.
const failed = results.failed + (CI ? results.skipped : 0);
console.log(`${all.length} rows in ${seconds} s, ${results.skipped} skipped`);
console.log(`${results.passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && results.passed > 0 ? 0 : 1;
