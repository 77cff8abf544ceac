// `npm run prebuild [-- TARGET…] [--require]`: builds prebuilds/<platform>-<arch>/nebula-memory.node, checks each
// against the gates and writes prebuilds/manifest.json. A target whose compiler is missing is skipped with the name
// of the package that brings it; with --require that is an error.
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { checkBinary } from './gates.mjs';
import { ROOT, sourceHash, sourcesFor } from './sources.mjs';
import { DEFINES, TARGETS } from './toolchains.mjs';
import { capture, findTool, nodeGypEnvironment, packageCommand, packageFolder, run } from './tools.mjs';

const FILE = 'nebula-memory.node';
const MANIFEST = join(ROOT, 'prebuilds', 'manifest.json');

function readManifest() {
  return existsSync(MANIFEST) ? JSON.parse(readFileSync(MANIFEST, 'utf8')) : { targets: {} };
}

/** Why a target cannot be built here, or undefined. */
function obstacle(name, target) {
  if (target.native && name !== `${process.platform}-${process.arch}`) return `it is built on ${name} only`;
  const missing = target.tools.filter((tool) => !findTool(tool));
  if (missing.length === 0) return undefined;
  return `${missing.join(', ')} not found; on Debian: apt-get install ${target.aptPackages.join(' ')}`;
}

function buildNative(name, target) {
  const args = ['--napi', '--strip', '--arch', process.arch, '-t', process.versions.node];
  run(process.execPath, [packageCommand('prebuildify'), ...args], {
    env: { ...nodeGypEnvironment(), PREBUILD_STRIP_BIN: target.strip },
  });
  return join(ROOT, 'prebuilds', name, FILE);
}

function buildCross(target, folder, hash) {
  const objects = [];
  const includes = [
    join(ROOT, 'native'),
    join(packageFolder('node-addon-api')),
    join(packageFolder('node-api-headers'), 'include'),
  ];
  const flags = [
    ...target.compile,
    `-ffile-prefix-map=${ROOT}=.`,
    ...[...DEFINES, ...target.defines, `NEBULA_SOURCE_HASH="${hash}"`].map((define) => `-D${define}`),
    ...includes.map((include) => `-I${include}`),
  ];
  for (const source of sourcesFor(target.os, { mingw: target.mingw })) {
    const object = join(folder, `${source.replaceAll('/', '_')}.o`);
    run(target.compiler, [...flags, '-c', source, '-o', object]);
    objects.push(object);
  }
  if (target.dlltool) {
    const definitions = join(packageFolder('node-api-headers'), 'def', 'node_api.def');
    run(target.dlltool, ['-d', definitions, '-y', join(folder, 'libnode_api.a'), '-D', 'node.exe']);
  }
  const output = join(folder, FILE);
  run(target.linker ?? target.compiler, [
    ...target.link(ROOT),
    ...objects,
    `-L${folder}`,
    ...target.libraries,
    '-o',
    output,
  ]);
  if (target.strip) run(target.strip, ['--strip-all', output]);
  return output;
}

function build(name, target, hash) {
  const folder = mkdtempSync(join(tmpdir(), 'nebula-prebuild-'));
  try {
    const output = target.native ? buildNative(name, target) : buildCross(target, folder, hash);
    const bytes = readFileSync(output);
    const problems = checkBinary(bytes, target);
    if (!bytes.includes(hash)) problems.push('does not carry the source hash (NEBULA_SOURCE_HASH is not used)');
    if (problems.length > 0)
      throw new Error(`${name}: ${problems.map((p) => `\n  ${basename(output)} ${p}`).join('')}`);
    const destination = join(ROOT, 'prebuilds', name, FILE);
    mkdirSync(join(ROOT, 'prebuilds', name), { recursive: true });
    if (output !== destination) copyFileSync(output, destination);
    return {
      file: `${name}/${FILE}`,
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      sourceHash: hash,
      compiler: capture(target.compiler ?? 'g++', ['--version']).split('\n')[0],
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const words = process.argv.slice(2);
const required = words.includes('--require');
const chosen = words.filter((word) => !word.startsWith('--'));
for (const name of chosen)
  if (!TARGETS[name]) throw new Error(`unknown target ${name}; known: ${Object.keys(TARGETS)}`);

const hash = sourceHash();
const manifest = readManifest();
const rows = [];
let failures = 0;
for (const [name, target] of Object.entries(TARGETS)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const reason = obstacle(name, target);
  if (reason) {
    rows.push(`${name}: skipped, ${reason}`);
    if (required || chosen.includes(name)) failures++;
    continue;
  }
  try {
    manifest.targets[name] = build(name, target, hash);
    rows.push(`${name}: ${manifest.targets[name].bytes} bytes`);
  } catch (error) {
    failures++;
    rows.push(`${name}: FAILED, ${error.message}`);
  }
}
manifest.targets = Object.fromEntries(Object.entries(manifest.targets).sort());
mkdirSync(join(ROOT, 'prebuilds'), { recursive: true });
writeFileSync(MANIFEST, `${JSON.stringify(manifest, null, 2)}\n`);
console.log(`source hash ${hash}\n${rows.join('\n')}`);
process.exitCode = failures > 0 ? 1 : 0;
