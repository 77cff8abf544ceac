// What the lab needs of Debian: programs, and kernels unpacked from their packages without installing them.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

export const CACHE = join(tmpdir(), 'nebula-memory-lab');

const PACKAGES = new Map([
  ['qemu-system-x86_64', 'qemu-system-x86'],
  ['busybox', 'busybox-static'],
  ['numactl', 'numactl'],
  ['lstopo-no-graphics', 'hwloc-nox'],
  ['mke2fs', 'e2fsprogs'],
  ['xz', 'xz-utils'],
]);

const FOLDERS = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/bin', '/bin'];

export function findProgram(name) {
  return FOLDERS.map((folder) => join(folder, name)).find(existsSync) ?? null;
}

export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 28, ...options });
  if (result.error || result.status !== 0) {
    const output = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim().slice(-1500);
    const name = [command, args.find((arg) => /^[a-z-]+$/.test(arg))].join(' ');
    throw new Error(`${name}: ${result.error?.message ?? `status ${result.status}`}: ${output}`);
  }
  return result.stdout;
}

const isStatic = (program) => !/=>|ld-linux/.test(spawnSync('ldd', [program], { encoding: 'utf8' }).stdout ?? '');

function missingPackages() {
  const missing = [...PACKAGES].filter(([name]) => findProgram(name) === null).map(([, pack]) => pack);
  const busybox = findProgram('busybox');
  if (busybox !== null && !isStatic(busybox)) missing.push('busybox-static');
  return missing;
}

/** Installs what is missing where that is allowed. @throws Error that names the command otherwise */
export function needPrograms() {
  const missing = missingPackages();
  if (missing.length === 0) return;
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (process.getuid?.() !== 0 || findProgram('apt-get') === null) {
    throw new Error(`test:vm needs ${missing.join(', ')}. As root: ${command}`);
  }
  console.log(`installing ${missing.join(', ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = ['-o', 'DPkg::Lock::Timeout=300', ...command.split(' ').slice(1)];
  if (spawnSync('apt-get', install, { env }).status !== 0) {
    run('apt-get', ['update'], { env });
    run('apt-get', install, { env });
  }
  const still = missingPackages();
  if (still.length > 0) throw new Error(`test:vm: ${still.join(', ')} did not install`);
}

const META = 'linux-image-cloud-amd64';

function versionOf(pack) {
  const [, major, minor] = /^linux-image-(\d+)\.(\d+)/.exec(pack) ?? [];
  return Number(major) * 1000 + Number(minor);
}

/** The package that the meta package stands for, from the lists that `options` name. */
function currentKernel(options) {
  const text = run('apt-cache', [...options, 'depends', '--important', META]);
  const name = /Depends: (linux-image-\d\S*cloud-amd64)/.exec(text)?.[1];
  if (name === undefined) throw new Error(`${META} names no kernel`);
  return name;
}

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** apt options for lists of our own, of another release of the same Debian archive. */
function listsOf(suite) {
  const format = '$(ORIGIN)\t$(REPO_URI)\t$(SIGNED_BY)';
  const rows = run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']).split('\n');
  const found = rows
    .map((row) => row.split('\t'))
    .find(([origin, uri]) => origin === 'Debian' && /\/debian\/?$/.test(uri));
  if (found === undefined) throw new Error("no Debian archive among apt's sources");
  const [, uri, named] = found;
  const signedBy = [named, KEYRING].find((file) => file.startsWith('/') && existsSync(file)); // older apt names none
  const folder = join(CACHE, `apt-${suite}`);
  mkdirSync(join(folder, 'lists', 'partial'), { recursive: true });
  mkdirSync(join(folder, 'cache', 'archives', 'partial'), { recursive: true });
  const list = join(folder, 'sources.list');
  writeFileSync(list, `deb ${signedBy ? `[signed-by=${signedBy}] ` : ''}${uri} ${suite} main\n`);
  const settings = {
    'Dir::Etc::sourcelist': list,
    'Dir::Etc::sourceparts': '-',
    'Dir::State::lists': join(folder, 'lists'),
    'Dir::Cache': join(folder, 'cache'),
  };
  const options = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  run('apt-get', [...options, 'update']);
  return options;
}

function unpack(name, options) {
  const target = join(CACHE, name);
  if (existsSync(target)) return target;
  const work = `${target}.${process.pid}`;
  mkdirSync(work, { recursive: true });
  try {
    run('apt-get', [...options, '-o', 'APT::Sandbox::User=root', 'download', name], { cwd: work });
    const file = readdirSync(work).find((entry) => entry.endsWith('.deb'));
    if (file === undefined) throw new Error(`apt-get download ${name} brought no package`);
    run('dpkg-deb', ['-x', join(work, file), work]);
    rmSync(join(work, file));
    renameSync(work, target);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return target;
}

function describe(folder) {
  const image = readdirSync(join(folder, 'boot')).find((entry) => entry.startsWith('vmlinuz-'));
  const release = image.slice('vmlinuz-'.length);
  const roots = [join(folder, 'lib', 'modules', release), join(folder, 'usr', 'lib', 'modules', release)];
  return { image: join(folder, 'boot', image), release, modules: roots.find(existsSync) ?? null };
}

function cached(wanted) {
  const isWanted = (name) => /^linux-image-.*cloud-amd64$/.test(name) && wanted(versionOf(name));
  const names = existsSync(CACHE) ? readdirSync(CACHE).filter(isWanted).sort() : [];
  return names.length === 0 ? null : join(CACHE, names.at(-1));
}

const NEW = 6009;

/** `stock`: the cloud kernel of this Debian; `new`: one of 6.9 or later. Unpacked once, then kept in the cache. */
export function needKernel(kind) {
  mkdirSync(CACHE, { recursive: true });
  const kept =
    kind === 'new' ? cached((version) => version >= NEW) : (cached((version) => version < NEW) ?? cached(Boolean));
  if (kept !== null) return describe(kept);
  let name = null;
  try {
    name = currentKernel([]);
  } catch {
    if (process.getuid?.() === 0) run('apt-get', ['update']);
    name = currentKernel([]);
  }
  if (kind !== 'new' || versionOf(name) >= NEW) return describe(unpack(name, []));
  const options = listsOf('trixie');
  return describe(unpack(currentKernel(options), options));
}
