// The lanes: which Node.js on which system, and how a program is started there. `prepare(stage)` returns
// { launch, folder, page, emulated }: the words before a script, the folder that the checks run in, and what they see.
// A lane with `run()` instead gives its report itself.
import { copyFileSync, cpSync, existsSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { compileAll } from './compile.mjs';
import { loadOnMuslArm64 } from './musl-arm64.mjs';
import { findTool, muslNode, needPackages, programFile, wine } from './setup.mjs';

const ARM_LIBRARIES = '/usr/aarch64-linux-gnu';
const KIB = 1024;

function glibc(version) {
  return {
    name: `linux-x64 glibc, Node ${version}`,
    prepare: (stage) => ({ launch: [programFile(`x64-${version}`, 'bin', 'node')], folder: stage }),
  };
}

function arm(version, pageKib) {
  return {
    name: `linux-arm64 ${pageKib} KiB pages, Node ${version}`,
    prepare(stage) {
      needPackages(
        ['qemu-user-static', 'libc6-arm64-cross', 'libstdc++6-arm64-cross', 'libatomic1-arm64-cross'],
        () => findTool('qemu-aarch64-static') && existsSync(join(ARM_LIBRARIES, 'lib', 'libstdc++.so.6')),
      );
      const pages = pageKib === 4 ? [] : ['-p', String(pageKib * KIB)];
      const program = programFile(`arm${version}`, 'bin', 'node');
      const launch = ['qemu-aarch64-static', '-L', ARM_LIBRARIES, ...pages, program];
      return { launch, folder: stage, page: pageKib * KIB, emulated: true, relaunch: launch };
    },
  };
}

const musl = {
  name: 'linux-x64 musl, Node 26',
  isMusl: true,
  prepare(stage) {
    const program = muslNode();
    return { launch: [program], folder: stage, relaunch: [program] };
  },
};

const servers = new Map();

/** Ends what lanes left running in the background. */
export function endServers() {
  for (const end of servers.values()) {
    try {
      end();
    } catch {
      // it had ended by itself
    }
  }
}

function windows(version, wineNeeded) {
  return {
    name: `win32-x64 Wine, Node ${version}`,
    prepare(stage) {
      const found = wine(wineNeeded);
      servers.set(found.drive, found.end);
      // On drive C: from another drive, paths such as \\proc would lead to this machine's own.
      const name = `nebula-check-${version}`;
      const folder = join(found.drive, name);
      rmSync(folder, { recursive: true, force: true });
      cpSync(stage, folder, { recursive: true });
      const program = join(found.drive, `node${version}.exe`);
      const source = programFile(`win${version}`, 'bin', 'node.exe');
      if (!existsSync(program) || statSync(program).size !== statSync(source).size) copyFileSync(source, program);
      const launch = [...found.startIn(name), `C:\\node${version}.exe`];
      return { launch, folder, emulated: true, note: `Wine ${found.version}` };
    },
  };
}

function darwin(triple) {
  return { name: `${triple}, compiled only`, run: () => compileAll('mac', triple) };
}

export const LANES = [
  ...[20, 22, 24, 26].map(glibc),
  musl,
  ...[20, 22, 24, 26].map((version) => arm(version, 4)),
  arm(24, 16),
  arm(24, 64),
  { name: 'linux-arm64 musl, loaded only', run: loadOnMuslArm64 },
  windows(20, 8),
  windows(22, 8),
  windows(24, 10),
  windows(26, 10),
  darwin('aarch64-macos'),
  darwin('x86_64-macos'),
];
