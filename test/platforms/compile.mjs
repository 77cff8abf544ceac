// The lane of platforms that nothing here can run: every native source is compiled for them, warnings are errors, and
// nothing is linked or shipped.
import { spawn } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ROOT, sourcesFor } from '../../native/scripts/sources.mjs';
import { DEFINES } from '../../native/scripts/toolchains.mjs';
import { labFolder, programFile } from './setup.mjs';

const FLAGS = ['-std=c++20', '-O1', '-Wall', '-Wextra', '-Werror', '-Wno-unused-parameter'];
const LAYER = ['-fno-exceptions', '-fno-rtti', '-fno-threadsafe-statics'];

function includes() {
  const require = createRequire(join(ROOT, 'package.json'));
  const folder = (name) => dirname(require.resolve(`${name}/package.json`));
  return ['native', folder('node-addon-api'), join(folder('node-api-headers'), 'include')].map((path) => `-I${path}`);
}

function compile(zig, triple, source, cache) {
  const defines = [...DEFINES, 'NEBULA_SOURCE_HASH="none"'].map((define) => `-D${define}`);
  const args = [
    'c++',
    '-target',
    triple,
    ...FLAGS,
    ...LAYER,
    ...defines,
    ...includes(),
    '-c',
    source,
    '-o',
    join(cache, `${triple}.o`),
  ];
  const env = { ...process.env, ZIG_GLOBAL_CACHE_DIR: cache, ZIG_LOCAL_CACHE_DIR: cache };
  const child = spawn(zig, args, { cwd: ROOT, env, stdio: ['ignore', 'ignore', 'pipe'] });
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    told += text;
  });
  return new Promise((done) => {
    child.once('error', (error) => done(error.message));
    child.once('close', (code) => done(code === 0 ? undefined : told.slice(-1500) || `ended with ${code}`));
  });
}

/** Compiles all sources of `os` for `triple`: one check each. */
export async function compileAll(os, triple) {
  const zig = programFile('zig', 'zig');
  chmodSync(zig, 0o755);
  const failures = [];
  let passed = 0;
  for (const source of sourcesFor(os)) {
    const error = await compile(zig, triple, source, labFolder('zig'));
    if (error === undefined) passed += 1;
    else failures.push({ name: source, error });
  }
  return { passed, failures, notes: {} };
}
