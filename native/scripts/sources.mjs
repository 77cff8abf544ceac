// The one list of native sources per operating system; binding.gyp, CMakeLists.txt and the cross builds ask here.
//
//   node native/scripts/sources.mjs linux|mac|bsd|win|fallback [--hosted] [--core]   prints the files, one a line
//   node native/scripts/sources.mjs --hash                                           prints the SHA-256 of all sources
//
// --hosted leaves out the freestanding C++ runtime (sanitizer builds link a real one); --core leaves out the
// binding, for tests of the native core that run without Node.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const RUNTIME = 'native/core/runtime.cc';
const DELAY_LOAD_HOOK = 'native/binding/windows_delay_load.cc';

const PLATFORM_FOLDERS = {
  linux: ['posix', 'linux'],
  mac: ['posix', 'bsd'],
  bsd: ['posix', 'bsd'],
  win: ['windows'],
  fallback: ['fallback'],
};

/** Files of one folder (not of the folders below it), sorted, as paths from the package root with forward slashes. */
function filesIn(folder, root, pattern) {
  const full = join(root, folder);
  if (!existsSync(full)) return [];
  return readdirSync(full, { withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => `${folder}/${entry.name}`)
    .sort();
}

/** An OS that has no folder of its own is served by the fallback. */
export function platformFolders(os, root = ROOT) {
  const wanted = PLATFORM_FOLDERS[os] ?? PLATFORM_FOLDERS.fallback;
  const own = `native/platform/${wanted.at(-1)}`;
  return filesIn(own, root, /\.cc$/).length > 0 ? wanted : PLATFORM_FOLDERS.fallback;
}

export function sourcesFor(os, { hosted = false, core = false, mingw = false, root = ROOT } = {}) {
  const folders = [
    'native/core',
    'native/platform',
    ...platformFolders(os, root).map((name) => `native/platform/${name}`),
    'native/region',
    'native/kernels',
    ...(core ? [] : ['native/binding']),
  ];
  const freestanding = !hosted && (os === 'linux' || mingw);
  return folders
    .flatMap((folder) => filesIn(folder, root, /\.cc$/))
    .filter((file) => (file === RUNTIME ? freestanding : file === DELAY_LOAD_HOOK ? mingw : true));
}

function filesBelow(folder, root) {
  const full = join(root, folder);
  if (!existsSync(full)) return [];
  return readdirSync(full, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesBelow(`${folder}/${entry.name}`, root) : [`${folder}/${entry.name}`],
  );
}

/** Everything that shapes a binary: native code, export map, file lists, compiler flags. Sorted. */
export function hashedFiles(root = ROOT) {
  return [...filesBelow('native', root), 'binding.gyp']
    .filter((file) => /\.(cc|h|def|map|gyp)$/.test(file) || /\/(sources|toolchains)\.mjs$/.test(file))
    .sort();
}

/** SHA-256 over paths and contents; the binary carries it, so a stale prebuild is noticed. */
export function sourceHash(root = ROOT) {
  const hash = createHash('sha256');
  for (const file of hashedFiles(root)) {
    const text = readFileSync(join(root, file), 'utf8').replaceAll('\r\n', '\n');
    hash.update(`${file}\0${text}\0`);
  }
  return hash.digest('hex');
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const words = process.argv.slice(2);
  const flags = new Set(words.filter((word) => word.startsWith('--')));
  if (flags.has('--hash')) console.log(sourceHash());
  else {
    const os = words.find((word) => !word.startsWith('--')) ?? 'fallback';
    console.log(sourcesFor(os, { hosted: flags.has('--hosted'), core: flags.has('--core') }).join('\n'));
  }
}
