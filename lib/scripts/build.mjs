// `npm run build`: tsc into dist/, then what tsc does not write: the ESM wrapper and the static entries per platform.
// The package is one CommonJS core; the wrapper re-exports its names, so that import and require share one state.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const DIST = join(ROOT, 'dist');
const require = createRequire(join(ROOT, 'package.json'));
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

function compile() {
  const manifest = require.resolve('typescript/package.json');
  const tsc = join(dirname(manifest), require(manifest).bin.tsc);
  const result = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: ROOT, stdio: 'inherit' });
  if (result.status !== 0) process.exit(result.status ?? 1);
}

/** tsc writes every output anew, so what is older than this run belongs to a source that is gone. */
function removeStale(before) {
  for (const name of readdirSync(DIST, { recursive: true })) {
    const file = join(DIST, name);
    const info = statSync(file, { throwIfNoEntry: false });
    if (info?.isFile() && info.mtimeMs < before) rmSync(file);
  }
}

function write(name, text) {
  writeFileSync(join(DIST, name), `${text}\n`);
}

function writeWrapper() {
  const names = Object.keys(require(join(DIST, 'index.js'))).filter(
    (name) => name !== 'default' && IDENTIFIER.test(name),
  );
  if (names.length === 0) throw new Error('dist/index.js exports nothing');
  const bindings = names.sort().map((name) => `export const ${name} = core.${name};`);
  write('index.mjs', ["import core from './index.js';", '', ...bindings].join('\n'));
  write('index.d.mts', "export * from './index.js';");
}

/** `nebula-memory/linux-x64`: names the binary in a static require, which bundlers can follow. */
function writeStaticEntries() {
  const entries = Object.keys(require(join(ROOT, 'package.json')).exports).filter((key) =>
    /^\.\/[a-z0-9]+-[a-z0-9]+$/.test(key),
  );
  for (const target of entries.map((key) => key.slice(2))) {
    if (!existsSync(join(ROOT, 'prebuilds', target)))
      console.warn(`warning: prebuilds/${target} is missing; run npm run prebuild`);
    write(
      `${target}.js`,
      [
        "'use strict';",
        `require('./platform/native/load.js').setNativeBinding(require('../prebuilds/${target}/nebula-memory.node'));`,
        "module.exports = require('./index.js');",
      ].join('\n'),
    );
    write(`${target}.d.ts`, "export * from './index';");
  }
}

const started = Date.now() - 1000;
compile();
removeStale(started);
writeWrapper();
writeStaticEntries();
const command = join(DIST, 'cli', 'main.js');
if (existsSync(command)) {
  if (!readFileSync(command, 'utf8').startsWith('#!'))
    throw new Error('lib/cli/main.ts must begin with #!/usr/bin/env node');
  chmodSync(command, 0o755);
}
