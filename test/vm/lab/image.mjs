// The guest's first and only file system: busybox, this Node.js and its libraries, numactl and lstopo, the built package,
// and the tests. One image serves every machine; the kernel's command line says which one it is.
import { existsSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Cpio } from './cpio.mjs';
import { powerOffProgram } from './power-off.mjs';
import { findProgram, run } from './tools.mjs';

const LAB = dirname(dirname(fileURLToPath(import.meta.url)));
const ROOT = dirname(dirname(LAB));

const APPLETS =
  'sh mount umount cat echo ls mkdir poweroff insmod dd sleep sed grep kill sync true false head tail dmesg swapon swapoff mkswap chmod rm'.split(
    ' ',
  );

function addProgram(cpio, path, program) {
  cpio.file(path, readFileSync(realpathSync(program)), { executable: true });
}

function addWithLibraries(cpio, seen, path, program) {
  addProgram(cpio, path, program);
  for (const [library] of run('ldd', [program]).matchAll(/\/[^\s:()]+/g)) {
    if (seen.has(library) || library === program) continue;
    seen.add(library);
    addProgram(cpio, library, library);
  }
}

function addTree(cpio, from, to, keep = () => true) {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = `${to}/${entry.name}`;
    if (entry.isDirectory()) addTree(cpio, source, target, keep);
    else if (keep(entry.name)) cpio.file(target, readFileSync(source));
  }
}

/** The module's file and those it needs, in the order in which they load. */
function withDependencies(kernel, names) {
  const files = new Map();
  for (const entry of readdirSync(kernel.modules, { recursive: true })) {
    const [, name] = /([^/]+)\.ko(?:\.xz)?$/.exec(entry) ?? [];
    if (name !== undefined) files.set(name.replaceAll('-', '_'), join(kernel.modules, entry));
  }
  const ordered = new Map();
  const visit = (name) => {
    if (ordered.has(name)) return;
    const file = files.get(name);
    if (file === undefined) throw new Error(`kernel ${kernel.release} has no module ${name}`);
    const data = file.endsWith('.xz') ? run('xz', ['-dc', file], { encoding: 'buffer' }) : readFileSync(file);
    const needs = /\0depends=([^\0]*)\0/.exec(data.toString('latin1'))?.[1] ?? '';
    for (const need of needs.split(',').filter(Boolean)) visit(need.replaceAll('-', '_'));
    ordered.set(name, data);
  };
  for (const name of names) visit(name);
  return ordered;
}

/** What the guest runs for one machine: modules, preparations, tests; its status is 0 when all went well. */
function scriptOf(machine, modules) {
  const lines = ['status=0', `export LAB_MACHINE=${machine.name}`];
  const step = (command) =>
    lines.push(`${command} || { echo "not ok setup: ${command.replaceAll(/["$`\\]/g, '')}"; status=1; }`);
  for (const name of modules) step(`insmod /lab/modules/${machine.kernel}/${name}.ko`);
  for (const command of machine.setup) step(command);
  for (const test of machine.tests) {
    lines.push(`echo "# start ${test}"`, `node /lab/guest/${test}.cjs || status=1`);
  }
  return `${lines.join('\n')}\nexit $status\n`;
}

/** @param kernels by kind; writes the image for these machines to `file` */
export function writeImage(file, machines, kernels) {
  const cpio = new Cpio();
  for (const folder of ['dev', 'proc', 'sys', 'tmp', 'root']) cpio.folder(folder);
  cpio.device('dev/console', 5, 1);
  addProgram(cpio, 'bin/busybox', findProgram('busybox'));
  for (const applet of APPLETS) cpio.link(`bin/${applet}`, 'busybox');
  cpio.file('bin/power-off', powerOffProgram(), { executable: true });
  const seen = new Set();
  addWithLibraries(cpio, seen, 'usr/bin/node', process.execPath);
  for (const name of ['numactl', 'lstopo-no-graphics']) {
    addWithLibraries(cpio, seen, `usr/bin/${name}`, findProgram(name));
  }
  const home = 'lab/node_modules/nebula-memory';
  cpio.file(`${home}/package.json`, readFileSync(join(ROOT, 'package.json')));
  addTree(cpio, join(ROOT, 'dist'), `${home}/dist`, (name) => /\.(c|m)?js(on)?$/.test(name));
  const binaries = join(ROOT, 'prebuilds', 'linux-x64');
  if (!existsSync(binaries)) throw new Error('test:vm needs prebuilds/linux-x64: npm run prebuild');
  addTree(cpio, binaries, `${home}/prebuilds/linux-x64`);
  addTree(cpio, join(LAB, 'guest'), 'lab/guest', (name) => name.endsWith('.cjs'));
  cpio.file('init', readFileSync(join(LAB, 'guest', 'init.sh')), { executable: true });
  const added = new Set();
  for (const machine of machines) {
    const kernel = kernels[machine.kernel];
    const modules = withDependencies(kernel, machine.modules ?? []);
    for (const [name, data] of modules) {
      const path = `lab/modules/${machine.kernel}/${name}.ko`;
      if (!added.has(path)) cpio.file(path, data);
      added.add(path);
    }
    cpio.file(`lab/machines/${machine.name}.sh`, scriptOf(machine, modules.keys()));
    cpio.file(`lab/machines/${machine.name}.json`, JSON.stringify({ ...machine, release: kernel.release }));
  }
  writeFileSync(file, cpio.finish());
  return basename(file);
}
