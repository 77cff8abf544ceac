// `npm run test:package`: packs the package, installs the tarball in an empty folder where no compiler is on PATH,
// and uses it as people do (consumer/): require, import, TypeScript, jest, workers, child processes, a bundle, the
// command. Then publint and attw.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const CONSUMER = join(ROOT, 'test', 'package', 'consumer');
const TARGET = `${process.platform}-${process.arch}`;
const MOST_BYTES = 4 * 1024 * 1024;

const work = mkdtempSync(join(tmpdir(), 'nebula-package-'));
const app = join(work, 'app');
const results = { passed: 0, failed: 0 };

/** PATH with Node.js, npm and a shell, and nothing that compiles. */
function barePath() {
  const folder = join(work, 'bin');
  mkdirSync(folder);
  symlinkSync(process.execPath, join(folder, 'node'));
  for (const name of ['npm', 'sh', 'env']) {
    const found = (process.env.PATH ?? '')
      .split(delimiter)
      .map((entry) => join(entry, name))
      .find(existsSync);
    if (found) symlinkSync(found, join(folder, name));
  }
  return folder;
}

const PATH = barePath();

function run(command, args, { cwd = app, env = {} } = {}) {
  const options = {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, NEBULA_MEMORY_BUILD: '', ...env },
    maxBuffer: 2 ** 26,
  };
  const result = spawnSync(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}`;
  if (result.error || result.status !== 0)
    throw new Error(
      `${command} ${args.join(' ')}: ${result.error ?? result.signal ?? result.status}\n${output.slice(-4000)}`,
    );
  return result.stdout.trim();
}

const bare = (command, args) => run(command, args, { env: { PATH } });
const node = (code, ...flags) => bare('node', [...flags, '--eval', code]);

function expectEqual(actual, expected) {
  if (actual !== expected) throw new Error(`expected ${expected}, got ${actual}`);
}

function check(name, action) {
  try {
    const note = action();
    results.passed++;
    console.log(`ok    ${name}${note ? `  (${note})` : ''}`);
  } catch (error) {
    results.failed++;
    console.log(`FAIL  ${name}\n      ${String(error.message).replaceAll('\n', '\n      ')}`);
  }
}

function pack() {
  const [{ filename, size, files }] = JSON.parse(
    run('npm', ['pack', '--json', '--pack-destination', work], { cwd: ROOT }),
  );
  return { tarball: join(work, filename), size, files: files.map((file) => file.path) };
}

/** A file of consumer/ in the application, with the name of this platform filled in. */
function place(source, name = source) {
  const text = readFileSync(join(CONSUMER, source), 'utf8').replaceAll(
    'nebula-memory/TARGET',
    `nebula-memory/${TARGET}`,
  );
  writeFileSync(join(app, name), text);
}

/** Compiles a file in one resolution mode and, where the mode emits what Node.js can run, runs it. */
function compileTypes(source, file, options, runs) {
  place(source, file);
  const compilerOptions = {
    strict: true,
    outDir: join(app, 'out'),
    skipLibCheck: false,
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable'],
    types: ['node'],
    typeRoots: [join(ROOT, 'node_modules', '@types')],
    ...options,
  };
  const config = `tsconfig.${file}.json`;
  writeFileSync(join(app, config), JSON.stringify({ compilerOptions, files: [file] }));
  run(process.execPath, [bin('typescript', 'tsc'), '-p', config]);
  if (runs) expectEqual(bare('node', [join('out', runs)]), 'ERR_MEMORY_INVALID_STATE 5 local');
}

/** Bundles the static entry and runs the bundle where no package is installed. */
function bundle(format) {
  place('bundled.mjs');
  const folder = join(work, `bundle-${format}`);
  const outfile = join(folder, format === 'esm' ? 'app.mjs' : 'app.cjs');
  const banner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
  const args = ['bundled.mjs', '--bundle', '--platform=node', `--format=${format}`, '--loader:.node=copy'];
  if (format === 'esm') args.push(`--banner:js=${banner}`);
  run(process.execPath, [bin('esbuild'), ...args, `--outfile=${outfile}`, '--log-level=warning']);
  const output = run('node', [outfile], { cwd: folder, env: { PATH } });
  expectEqual(output, '9 true 2');
  return `${readdirSync(folder).length} files`;
}

function jestRuns() {
  place('region.test.cjs');
  const config = JSON.stringify({ rootDir: app, testMatch: ['**/*.test.cjs'], transform: {} });
  const args = [bin('jest'), '--config', config, '--runInBand', '--silent', '--json'];
  const report = JSON.parse(run(process.execPath, args, { env: { PATH } }));
  if (report.numFailedTests > 0 || report.numPassedTests < 3) throw new Error(JSON.stringify(report.testResults));
  return `${report.numPassedTests} tests`;
}

/** The script behind a command of an installed development dependency. */
function bin(name, command = name) {
  const folder = join(ROOT, 'node_modules', ...name.split('/'));
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return join(folder, typeof manifest.bin === 'string' ? manifest.bin : manifest.bin[command]);
}

function checkContents({ size, files }) {
  const wanted = [
    'dist/index.js',
    'dist/index.mjs',
    'dist/index.d.ts',
    'dist/index.d.mts',
    'dist/cli/main.js',
    'binding.gyp',
    'LICENSE',
  ];
  for (const file of [...wanted, 'native/exports.map', 'native/scripts/sources.mjs', 'prebuilds/manifest.json']) {
    if (!files.includes(file)) throw new Error(`${file} is missing from the tarball`);
  }
  const stray = files.filter((file) => /^(test|bench|lib|build|\.ci)\b|node_modules|\.map\.js$|\.tgz$/.test(file));
  if (stray.length > 0) throw new Error(`the tarball holds ${stray.join(', ')}`);
  if (size > MOST_BYTES) throw new Error(`the tarball is ${size} bytes; the most is ${MOST_BYTES}`);
  return `${files.length} files, ${size} bytes`;
}

function installApp({ tarball }) {
  mkdirSync(app);
  writeFileSync(
    join(app, 'package.json'),
    JSON.stringify({ name: 'app', private: true, dependencies: { 'nebula-memory': `file:${tarball}` } }),
  );
  for (const tool of ['gcc', 'cc', 'g++', 'make', 'python3']) {
    if (existsSync(join(PATH, tool))) throw new Error(`${tool} is on the bare PATH`);
  }
  const output = bare('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund']);
  if (/install script/i.test(output)) throw new Error(`npm warns about install scripts:\n${output}`);
}

const native = (id) => `(${id}.sourceHash ?? ${id}.machine().sourceHash)`;
const loader = join(app, 'node_modules', 'nebula-memory', 'dist', 'platform', 'native', 'load.js');
const loadCode = `const n = require(${JSON.stringify(loader)}).loadNative(); console.log(String(${native('n')}))`;

try {
  let packed;
  check('npm pack holds what it must', () => {
    packed = pack();
    return checkContents(packed);
  });
  check('installs with no compiler', () => installApp(packed));
  const hash = run(process.execPath, ['native/scripts/sources.mjs', '--hash'], { cwd: ROOT });
  check('require', () => node("const m = require('nebula-memory'); if (typeof m.MemoryError !== 'function') throw 1"));
  check('the native part loads', () => expectEqual(node(loadCode), hash));
  check('import has the same names and the same state as require', () => {
    const code = `import * as esm from 'nebula-memory'; import { createRequire } from 'node:module';
      const cjs = createRequire(process.cwd() + '/x.js')('nebula-memory');
      const names = Object.keys(cjs).filter((n) => n !== 'default' && n !== '__esModule').sort();
      if (JSON.stringify(Object.keys(esm).sort()) !== JSON.stringify(names)) throw new Error('names differ: ' + names);
      for (const n of names) if (esm[n] !== cjs[n]) throw new Error(n); console.log(names.length)`;
    return `${node(code, '--input-type=module')} names`;
  });
  check('the static entry, by require and import', () => {
    node(
      `const m = require('nebula-memory/${TARGET}'); if (m !== require('nebula-memory')) throw new Error('another copy')`,
    );
    node(`import { MemoryError } from 'nebula-memory/${TARGET}'; if (!MemoryError) throw 1`, '--input-type=module');
  });
  const used = '6 0 ERR_MEMORY_DOUBLE_FREE 0';
  check('a region, by require and import', () => {
    for (const file of ['use.cjs', 'use.mjs']) {
      place(file);
      expectEqual(bare('node', [file]), used);
    }
  });
  check('workers', () => {
    place('worker.cjs');
    expectEqual(bare('node', ['worker.cjs']), `1 ${used} 42`);
  });
  check('a child process', () => {
    place('child.cjs');
    expectEqual(bare('node', ['child.cjs']), '43');
  });
  check('jest', jestRuns);
  check("esbuild's bundle, CommonJS", () => bundle('cjs'));
  check("esbuild's bundle, ES module", () => bundle('esm'));
  check('the command', () => {
    const command = join(app, 'node_modules', '.bin', 'nebula-memory');
    return `${bare(command, ['probe']).split('\n').length} lines`;
  });
  const node16 = { module: 'node16' };
  const bundler = { module: 'esnext', moduleResolution: 'bundler', noEmit: true };
  check('types: node16, ES module', () => compileTypes('types.ts', 'esm.mts', node16, 'esm.mjs'));
  check('types: node16, CommonJS', () => compileTypes('types.ts', 'cjs.cts', node16, 'cjs.cjs'));
  check('types: bundler', () => compileTypes('types.ts', 'bundler.ts', bundler));
  check('types: the static entry', () => {
    compileTypes('static.ts', 'static-esm.mts', { ...node16, noEmit: true });
    compileTypes('static.ts', 'static-cjs.cts', { ...node16, noEmit: true });
    compileTypes('static.ts', 'static-bundler.ts', bundler);
  });
  check('publint', () => void run(process.execPath, [bin('publint'), '--strict', packed.tarball], { cwd: ROOT }));
  check('are the types wrong', () => {
    const args = [
      bin('@arethetypeswrong/cli', 'attw'),
      packed.tarball,
      '--profile',
      'node16',
      '--no-emoji',
      '--no-color',
    ];
    run(process.execPath, args, { cwd: ROOT });
  });
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log(`${results.passed} passed, ${results.failed} failed`);
process.exitCode = results.failed > 0 ? 1 : 0;
