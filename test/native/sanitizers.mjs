// Compilers, sanitizer flags and an incremental build for the lanes of run.mjs. Everything built lands in build-native/.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT, sourceHash, sourcesFor } from '../../native/scripts/sources.mjs';
import { findTool, packageFolder } from '../../native/scripts/tools.mjs';

const BASE = [
  '-std=c++20 -g -O1 -fno-omit-frame-pointer -fPIC -fno-exceptions -fno-rtti -fvisibility=hidden',
  '-Wall -Wextra -Wno-unused-parameter -D_GNU_SOURCE -Inative',
].flatMap((words) => words.split(' '));

export function findClang() {
  return ['clang++', ...[22, 21, 20, 19, 18, 17, 16, 15, 14].map((n) => `clang++-${n}`)].find(findTool);
}
export const findCompiler = () => findClang() ?? ['g++', 'c++'].find(findTool);

/** One way to instrument. `fuzzed`: with the counters that libFuzzer steers by (clang only). */
export function variants() {
  const cxx = findCompiler();
  const clang = cxx !== undefined && findClang() === cxx;
  const recover = '-fno-sanitize-recover=undefined';
  return {
    // Valgrind 3.19 cannot read what newer compilers write as debug information.
    plain: { name: 'plain', cxx, flags: ['-gdwarf-4'] },
    // Without the folded names of mem*() nothing is missed: the runtime intercepts them.
    asan: {
      name: 'asan',
      cxx,
      clang,
      flags: ['-fsanitize=address,undefined', recover, ...(clang ? ['-fsanitize=fuzzer-no-link'] : [])],
      link: ['-fsanitize=address,undefined'],
    },
    tsan: { name: 'tsan', cxx, flags: ['-fsanitize=thread'], link: ['-fsanitize=thread'] },
  };
}

function headersBelow(folder) {
  return readdirSync(join(ROOT, folder), { recursive: true })
    .filter((file) => String(file).endsWith('.h'))
    .map((file) => `${folder}/${file}`)
    .sort();
}

let headers;
function hashOf(words, source) {
  headers ??= ['native', 'test/native'].flatMap(headersBelow).map((file) => readFileSync(join(ROOT, file), 'utf8'));
  const hash = createHash('sha256');
  for (const part of [...words, readFileSync(join(ROOT, source), 'utf8'), ...headers]) hash.update(`${part}\0`);
  return hash.digest('hex');
}

function spawned(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (text) => (output += text));
    child.stderr.on('data', (text) => (output += text));
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`${command} failed\n${output}`))));
  });
}

/** Lanes that run at the same time share objects: each is compiled once. */
const compiling = new Map();

function compile(variant, source, extra) {
  // Relative, so that a copy of the tree elsewhere need not compile again.
  const folder = join('build-native', variant.name);
  mkdirSync(join(ROOT, folder), { recursive: true });
  const object = join(folder, `${source.replaceAll('/', '_')}.o`);
  if (!compiling.has(object)) compiling.set(object, compileNow(variant, source, object, extra));
  return compiling.get(object);
}

async function compileNow(variant, source, object, extra) {
  const words = [variant.cxx, ...BASE, ...variant.flags, ...extra, '-c', source, '-o', object];
  const hash = hashOf(words, source);
  const stamp = join(ROOT, `${object}.hash`);
  if (existsSync(join(ROOT, object)) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return object;
  await spawned(words[0], words.slice(1));
  writeFileSync(stamp, hash);
  return object;
}

/** Compiles what changed, two at a time, links, and gives the program's path. */
export async function build(variant, name, sources, { extra = [], link = [] } = {}) {
  const objects = new Array(sources.length);
  let next = 0;
  const work = async () => {
    while (next < sources.length) {
      const index = next++;
      objects[index] = await compile(variant, sources[index], extra);
    }
  };
  await Promise.all([work(), work()]);
  const program = join(ROOT, 'build-native', variant.name, name);
  await spawned(variant.cxx, [...(variant.link ?? []), ...link, ...objects, '-pthread', '-o', program]);
  return program;
}

function casesIn(folder) {
  return readdirSync(join(ROOT, folder))
    .filter((file) => file.endsWith('_cases.cc'))
    .map((file) => `${folder}/${file}`)
    .sort();
}

const SHARED = ['test/native/harness.cc', 'test/native/access/unix.cc'];
const MODEL = 'test/native/region/model.cc';
const core = () => sourcesFor('linux', { hosted: true, core: true });

export const programs = {
  platform: () => [...SHARED, 'test/native/platform_test.cc', ...casesIn('test/native'), ...core()],
  region: () => [...SHARED, 'test/native/region/region_test.cc', MODEL, ...casesIn('test/native/region'), ...core()],
  fuzzer: (name) => [...SHARED, `test/native/fuzz/${name}.cc`, MODEL, ...core()],
};

/** The addon with this instrumentation, and the runtime library that must be loaded before it. */
export async function buildAddon(variant) {
  const extra = [
    `-I${relative(ROOT, packageFolder('node-addon-api'))}`,
    `-I${relative(ROOT, join(packageFolder('node-api-headers'), 'include'))}`,
    '-DNAPI_VERSION=8',
    '-DNAPI_DISABLE_CPP_EXCEPTIONS',
    '-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
    '-DNODE_ADDON_API_DISABLE_DEPRECATED',
    `-DNEBULA_SOURCE_HASH="${sourceHash()}"`,
  ];
  const link = ['-shared', '-Wl,-z,nodelete', ...(variant.clang ? ['-shared-libsan'] : [])];
  const addon = await build(variant, 'nebula_memory.node', sourcesFor('linux', { hosted: true }), { extra, link });
  const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const library = variant.clang ? `libclang_rt.asan-${arch}.so` : 'libasan.so';
  const found = spawnSync(variant.cxx, [`-print-file-name=${library}`], { encoding: 'utf8' }).stdout.trim();
  if (!found.includes('/')) throw new Error(`${variant.cxx} has no ${library}`);
  return { addon, runtime: found };
}
