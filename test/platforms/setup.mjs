// Gets the programs that the lanes need: Node.js for other platforms by npm, emulators by apt, the musl host by its
// recipe. Everything but the npm packages lies outside the clone and is kept for the next run.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const HERE = dirname(fileURLToPath(import.meta.url));
const LAB = join(tmpdir(), 'nebula-memory-lab');
const PROGRAMS = JSON.parse(readFileSync(join(HERE, 'package.json'), 'utf8')).devDependencies;

/** A lane that cannot be set up on this machine, and why. */
export class Unavailable extends Error {}

export function findTool(name) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // not here
    }
  }
  return undefined;
}

/** Runs a command that sets something up; its output only when it fails. */
export function setUp(command, args, options = {}) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 2 ** 28,
    ...options,
  });
  if (status === 0) return;
  const output = `${stdout ?? ''}${stderr ?? ''}`.trim().split('\n').slice(-4).join('\n');
  throw new Unavailable(`${command} failed: ${error?.message ?? output}`);
}

function isInstalled(name) {
  const manifest = join(HERE, 'node_modules', name, 'package.json');
  if (!existsSync(manifest)) return false;
  const [version] = JSON.parse(readFileSync(manifest, 'utf8')).version.split('+'); // what follows names the build
  return version === PROGRAMS[name].split('@').at(-1);
}

/** npm packages of other systems and processors, which it installs only when forced to. */
export function installPrograms() {
  if (Object.keys(PROGRAMS).every(isInstalled)) return;
  console.log('installing Node.js for other platforms (about 2 GB, one minute)');
  const flags = ['--force', '--ignore-scripts', '--no-package-lock', '--no-bin-links', '--no-audit', '--no-fund'];
  setUp('npm', ['install', ...flags], { cwd: HERE });
}

/** A file of one of the npm packages. @throws Unavailable */
export function programFile(name, ...path) {
  const file = join(HERE, 'node_modules', name, ...path);
  if (!existsSync(file)) throw new Unavailable(`npm did not install ${PROGRAMS[name]}`);
  return file;
}

const tried = new Set();

/** Debian packages, unless `present` says that they are there. @throws Unavailable naming them */
export function needPackages(packages, present) {
  if (present()) return;
  const names = packages.join(' ');
  const install = () => setUp('apt-get', ['install', '-y', '--no-install-recommends', ...packages]);
  if (process.getuid() === 0 && findTool('apt-get') && !tried.has(names)) {
    tried.add(names);
    console.log(`installing ${names}`);
    try {
      install();
    } catch {
      setUp('apt-get', ['update']);
      install();
    }
  }
  if (!present()) throw new Unavailable(`on Debian: apt-get install ${names}`);
}

/** A folder outside the clone that is kept for the next run. */
export function labFolder(name) {
  const folder = join(LAB, name);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** The folder of a thing that is made once; `make` runs when it was not finished before. */
export function kept(name, make) {
  const folder = join(LAB, name);
  const mark = join(folder, 'ready');
  if (existsSync(mark)) return folder;
  mkdirSync(folder, { recursive: true });
  make(folder);
  writeFileSync(mark, '');
  return folder;
}

/** Node.js on the musl C library. @throws Unavailable */
export function muslNode() {
  needPackages(
    ['gcc-12-source', 'musl-tools', 'g++-12', 'g++', 'make', 'xz-utils'],
    () => existsSync('/usr/src/gcc-12') && ['musl-gcc', 'g++', 'make', 'xz'].every(findTool),
  );
  const recipe = join(HERE, 'musl');
  const hash = createHash('sha256').update(PROGRAMS['musl26']);
  for (const name of readdirSync(recipe).sort()) hash.update(readFileSync(join(recipe, name)));
  const program = programFile('musl26', 'pnpm');
  const folder = kept(`musl-${hash.digest('hex').slice(0, 12)}`, (target) => {
    console.log('compiling the C++ library for musl (two to four minutes, once)');
    setUp('sh', [join(recipe, 'host.sh'), target, program]);
  });
  return join(folder, 'node');
}

const WINE_SETTINGS = { WINEDEBUG: '-all', WINEDLLOVERRIDES: 'mscoree=;mshtml=' };

/**
 * Wine: the one on PATH, or one under a Debian root named by NEBULA_MEMORY_WINE_ROOT.
 * @returns the version, how to start it, and the folder on this machine that is its drive C
 * @throws Unavailable
 */
export function wine(needed) {
  const found = [hostWine, rootWine].map((look) => look()).filter(Boolean);
  const fitting = found.find(({ major }) => major >= needed);
  if (fitting !== undefined) return prepareWine(fitting);
  const present = found.map(({ version }) => version).join(', ') || 'none';
  throw new Unavailable(
    needed <= 8
      ? 'on Debian: apt-get install wine wine64'
      : `Wine ${needed} is needed, found: ${present}. NEBULA_MEMORY_WINE_ROOT may name a Debian root that has it`,
  );
}

function describeWine(words, folder, inside) {
  const { status, stdout } = spawnSync(words[0], [...words.slice(1), 'wine', '--version'], { encoding: 'utf8' });
  const version = /^wine-(\d+)\.(\d+)/.exec(stdout ?? '');
  if (status !== 0 || version === null) return undefined;
  return { words, folder, inside, major: Number(version[1]), version: `${version[1]}.${version[2]}` };
}

function hostWine() {
  needPackages(['wine', 'wine64'], () => findTool('wine') !== undefined);
  const folder = join(LAB, 'wine');
  return describeWine(['env'], folder, folder);
}

function rootWine() {
  const root = process.env.NEBULA_MEMORY_WINE_ROOT;
  if (!root || process.getuid() !== 0) return undefined;
  const inside = '/var/tmp/nebula-memory-wine';
  return describeWine(['chroot', root, 'env'], join(root, inside), inside);
}

function prepareWine({ words, folder, inside, major, version }) {
  const environment = Object.entries({ ...WINE_SETTINGS, WINEPREFIX: inside }).map(([key, value]) => `${key}=${value}`);
  const start = (work) => [...words, '-C', work, ...environment];
  const call = (...command) => {
    const [program, ...args] = [...start('/'), ...command];
    setUp(program, args, { stdio: 'ignore', timeout: 180_000 }); // never pipes: Wine's server would hold them
  };
  if (!existsSync(join(folder, `ready-${version}`))) {
    mkdirSync(folder, { recursive: true });
    call('wine', 'wineboot', '-i');
    call('wine', 'winecfg', '-v', 'win10'); // Node.js refuses what Wine pretends to be by default
    call('wineserver', '-w');
    writeFileSync(join(folder, `ready-${version}`), '');
  }
  return {
    version,
    major,
    drive: join(folder, 'drive_c'),
    /** Words that start a program of drive C in one of its folders. */
    startIn: (name) => [...start(join(inside, 'drive_c', name)), 'wine'],
    end: () => call('wineserver', '-k'),
  };
}
