import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { memoryError } from '../../core';

// The only place that loads the .node file. Nothing is loaded until the first call that needs it.

const PACKAGE = 'nebula-memory';
const NODE_API_NEEDED = 8;
const BUILD_COMMAND = `npx node-gyp rebuild --directory node_modules/${PACKAGE}`;

/** What decides where the binary is looked for; tests pass their own. */
export interface LoadSurroundings {
  readonly platform: string;
  readonly arch: string;
  /** Folder of the package, or undefined where it cannot be found (a bundle). */
  readonly root: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isMusl: () => boolean;
  readonly exists: (file: string) => boolean;
}

let chosen: string | object | undefined;
let loaded: unknown;

/**
 * Chooses the binary by hand: a path, or the loaded module itself (a bundler's static entry passes it).
 * Must come before the first use of native memory; throws `ERR_MEMORY_INVALID_STATE` when another one is loaded already.
 */
export function setNativeBinding(source: string | object): void {
  if ((typeof source !== 'string' && typeof source !== 'object') || source === null || source === '') {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `The native binding must be the path of a .node file or the loaded module; received ${source === null ? 'null' : `a ${typeof source}`}`,
    );
  }
  if (loaded !== undefined && source !== loaded && source !== chosen) {
    throw memoryError('ERR_MEMORY_INVALID_STATE', 'The native binding was chosen after another one had been loaded', {
      hint: 'Call setNativeBinding() before anything else of the package.',
    });
  }
  chosen = source;
}

/**
 * Loads the addon, once. Order: the binding chosen by {@link setNativeBinding}, `NEBULA_MEMORY_BINDING`, the prebuilt
 * file of this platform, and a self-compiled build/Release (first of all when `NEBULA_MEMORY_BUILD=1`).
 * Throws `ERR_MEMORY_UNSUPPORTED` with every file that was tried and what helps.
 */
export function loadNative(): unknown {
  if (loaded !== undefined) return loaded;
  if (typeof chosen === 'object') {
    loaded = chosen;
    return loaded;
  }
  requireNodeApi(process.versions['napi']);
  const explicit = chosen ?? process.env['NEBULA_MEMORY_BINDING'];
  const here = surroundings();
  const load = (file: string): unknown => {
    needWhole(file, here.root);
    return require(file);
  };
  loaded = loadFirst(explicit ? [resolve(explicit)] : nativeCandidates(here), load);
  return loaded;
}

/**
 * Refuses a prebuilt file that an installation or a copy has cut off: the loader maps what the file's header promises, and
 * touching what is not there ends the process with SIGBUS. Files that are not of the package are not looked at.
 */
export function needWhole(file: string, root: string | undefined): void {
  if (root === undefined) return;
  const folder = join(root, 'prebuilds');
  const name = relative(folder, file).split(sep).join('/');
  if (name.startsWith('..')) return;
  const wanted = bytesInManifest(join(folder, 'manifest.json'), name);
  const bytes = statSync(file).size;
  if (wanted === undefined || bytes === wanted) return;
  throw new Error(`the file has ${bytes} bytes instead of ${wanted}: install ${PACKAGE} again`);
}

function bytesInManifest(manifest: string, name: string): number | undefined {
  try {
    const { targets } = JSON.parse(readFileSync(manifest, 'utf8')) as {
      targets: Record<string, { readonly file?: string; readonly bytes?: number }>;
    };
    return Object.values(targets).find(({ file }) => file === name)?.bytes;
  } catch {
    return undefined; // no list to compare with
  }
}

/** Throws where the addon cannot run at all; loading it there would end the process. */
export function requireNodeApi(version: string | undefined): void {
  if (Number(version) >= NODE_API_NEEDED) return;
  throw memoryError(
    'ERR_MEMORY_UNSUPPORTED',
    `${PACKAGE} needs Node-API ${NODE_API_NEEDED}; this runtime has ${version ?? 'none'}`,
    {
      hint: 'Use Node.js 20 or newer.',
    },
  );
}

/** Files to try, best first. Pure but for `exists` and `isMusl`. */
export function nativeCandidates({ platform, arch, root, env, isMusl, exists }: LoadSurroundings): string[] {
  if (root === undefined) return [];
  const self = join(root, 'build', 'Release', 'nebula_memory.node');
  const universal = join(root, 'prebuilds', `${platform}-${arch}`, `${PACKAGE}.node`);
  const musl = [
    join(root, 'prebuilds', `${platform}-${arch}.musl`, `${PACKAGE}.node`),
    join(root, 'prebuilds', `${platform}-${arch}`, `${PACKAGE}.musl.node`),
  ].filter(exists);
  const prebuilt = [...(musl.length > 0 && isMusl() ? musl : []), ...(exists(universal) ? [universal] : [])];
  return env['NEBULA_MEMORY_BUILD'] === '1' ? [self, ...prebuilt] : [...prebuilt, self];
}

/** Loads the first file that loads, or throws one error that names them all. */
export function loadFirst(files: readonly string[], load: (file: string) => unknown): unknown {
  const failures: { file: string; error: NodeJS.ErrnoException }[] = [];
  for (const file of files) {
    try {
      return load(file);
    } catch (cause) {
      const error = cause as NodeJS.ErrnoException;
      failures.push({ file, error });
      if (error.code === 'ERR_DLOPEN_DISABLED') break;
    }
  }
  throw loadError(failures);
}

function loadError(failures: readonly { file: string; error: NodeJS.ErrnoException }[]): Error {
  const target = `${process.platform}-${process.arch}`;
  const tried = failures.map(({ file, error }) => `\n  ${file}: ${firstLine(error.message)}`).join('');
  const cause = failures[0]?.error;
  if (failures.some(({ error }) => error.code === 'ERR_DLOPEN_DISABLED')) {
    return memoryError(
      'ERR_MEMORY_UNSUPPORTED',
      `The native part of ${PACKAGE} may not be loaded: addons are disabled.${tried}`,
      {
        hint: 'Start Node.js with --allow-addons (under --permission), and without --no-addons.',
        cause,
      },
    );
  }
  if (failures.length === 0) {
    return memoryError(
      'ERR_MEMORY_UNSUPPORTED',
      `The folder of ${PACKAGE} was not found, so its native part cannot be loaded.`,
      {
        hint: `In a bundle, import '${PACKAGE}/${target}', or call setNativeBinding(path) first.`,
      },
    );
  }
  return memoryError(
    'ERR_MEMORY_UNSUPPORTED',
    `The native part of ${PACKAGE} for ${target} could not be loaded. Tried:${tried}`,
    {
      hint: `Compile it on this machine (a C++20 compiler is needed): ${BUILD_COMMAND}. Or name the file in NEBULA_MEMORY_BINDING.`,
      cause,
    },
  );
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}

function surroundings(): LoadSurroundings {
  const { platform, arch, env } = process;
  return { platform, arch, env, root: findPackageRoot(__dirname), isMusl, exists: existsSync };
}

/** The nearest folder at or above `start` that is this package, in a checkout (lib/) and when installed (dist/). */
export function findPackageRoot(start: string): string | undefined {
  for (let folder = start; ; folder = dirname(folder)) {
    try {
      const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      if ((manifest as { name?: unknown }).name === PACKAGE) return folder;
    } catch {
      // no manifest here
    }
    if (dirname(folder) === folder) return undefined;
  }
}

/** True where the process runs on the musl C library, on any distribution. */
export function isMusl(): boolean {
  if (process.platform !== 'linux') return false;
  try {
    return readFileSync('/proc/self/maps', 'latin1').includes('/ld-musl-');
  } catch {
    const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
    return report !== undefined && report.header?.glibcVersionRuntime === undefined;
  }
}
