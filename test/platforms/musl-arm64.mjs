// linux-arm64 on musl: no Node.js of that kind is to be had, so a small program on Debian's musl for arm64 loads the
// addon under qemu-user. Node.js' own functions are stubs there: what is proven is that the loader of that C library takes
// the file, finds every C function that it needs, and reaches its entry points.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findTool, HERE, kept, needPackages, setUp } from './setup.mjs';

const ADDON = join(dirname(dirname(HERE)), 'prebuilds', 'linux-arm64', 'nebula-memory.node');
const LIBRARY = join('usr', 'lib', 'aarch64-linux-musl');
const RUNTIME = join('lib', 'aarch64-linux-musl', 'libc.so');

/** Debian's musl for arm64, unpacked; the system's own packages stay as they are. @throws Unavailable */
function muslRoot() {
  needPackages(
    ['qemu-user-static', 'gcc-aarch64-linux-gnu', 'binutils-aarch64-linux-gnu'],
    () => findTool('qemu-aarch64-static') && findTool('aarch64-linux-gnu-gcc'),
  );
  return kept('musl-arm64', (folder) => {
    for (const name of ['lists/partial', 'cache/archives/partial', 'root'])
      mkdirSync(join(folder, name), { recursive: true });
    const options = ['APT::Architectures::=arm64', `Dir::State::lists=${folder}/lists`, `Dir::Cache=${folder}/cache`];
    const apt = (...words) => setUp('apt-get', [...options.flatMap((o) => ['-o', o]), ...words], { cwd: folder });
    apt('-qq', 'update');
    apt('-qq', 'download', 'musl:arm64', 'musl-dev:arm64');
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.deb')))
      setUp('dpkg-deb', ['-x', join(folder, name), join(folder, 'root')]);
  });
}

function neededOfNode() {
  const args = ['-D', '--undefined-only', '--format=posix', ADDON];
  const { stdout, status } = spawnSync('aarch64-linux-gnu-nm', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`nm cannot read ${ADDON}`);
  return stdout.split('\n').flatMap((line) => /^(?:napi|node_api)_\w+/.exec(line) ?? []);
}

/** Compiles the program with stubs of the given names and lets it load the addon. */
function load(root, folder, names) {
  const stubs = join(folder, 'stubs.c');
  const host = join(folder, 'host');
  writeFileSync(stubs, names.map((name) => `int ${name}(void) { return 9; }\n`).join(''));
  const at = (name) => join(root, LIBRARY, name);
  setUp('aarch64-linux-gnu-gcc', [
    ...['-nostdinc', '-nostdlib', '-isystem', join(root, 'usr', 'include', 'aarch64-linux-musl')],
    ...['-rdynamic', '-no-pie', '-o', host, at('crt1.o'), at('crti.o'), join(HERE, 'musl-arm64', 'host.c'), stubs],
    ...[join(root, RUNTIME), at('crtn.o')],
  ]);
  const { status, stdout, stderr } = spawnSync('qemu-aarch64-static', [join(root, RUNTIME), host, ADDON], {
    encoding: 'utf8',
    timeout: 180_000,
  });
  return { status, output: `${stdout}${stderr}`.trim() };
}

/** @returns the report of the lane @throws Unavailable */
export function loadOnMuslArm64() {
  const root = join(muslRoot(), 'root');
  const folder = mkdtempSync(join(tmpdir(), 'nebula-musl-arm64-'));
  try {
    const names = neededOfNode();
    const whole = load(root, folder, names);
    const lacking = load(root, folder, names.slice(1));
    const checks = [
      ['the addon loads and is Node-API 8', whole, whole.output === '{"init":true,"napi":8}' && whole.status === 0],
      ['a function that lacks is named', lacking, lacking.status === 1 && lacking.output.includes(`${names[0]}:`)],
    ];
    const failures = checks.filter(([, , good]) => !good);
    return {
      passed: checks.length - failures.length,
      failures: failures.map(([name, { status, output }]) => ({ name, error: `status ${status}\n${output}` })),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
