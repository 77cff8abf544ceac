import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  findPackageRoot,
  type LoadSurroundings,
  loadFirst,
  nativeCandidates,
  needWhole,
  requireNodeApi,
} from '../../lib/platform/native/load';

const ROOT = join(__dirname, '..', '..');
const LINUX: LoadSurroundings = {
  platform: 'linux',
  arch: 'x64',
  root: '/p',
  env: {},
  isMusl: () => false,
  exists: (file) => file.endsWith('nebula-memory.node') && !file.includes('.musl'),
};
const UNIVERSAL = join('/p', 'prebuilds', 'linux-x64', 'nebula-memory.node');
const BUILD = join('/p', 'build', 'Release', 'nebula_memory.node');
const MUSL = join('/p', 'prebuilds', 'linux-x64', 'nebula-memory.musl.node');

function failing(code: string, message: string): () => never {
  return () => {
    throw Object.assign(new Error(message), { code });
  };
}

function thrownBy(action: () => unknown): { code?: string; message?: string; hint?: string } {
  try {
    action();
  } catch (error) {
    return error as { code?: string; message?: string; hint?: string };
  }
  return {};
}

describe('where the binary is looked for', () => {
  test.each<[string, Partial<LoadSurroundings>, string[]]>([
    ['the prebuilt one first', {}, [UNIVERSAL, BUILD]],
    ['a self-compiled one first on request', { env: { NEBULA_MEMORY_BUILD: '1' } }, [BUILD, UNIVERSAL]],
    ['only a self-compiled one without a prebuilt', { exists: () => false }, [BUILD]],
    ['the universal file on musl', { isMusl: () => true }, [UNIVERSAL, BUILD]],
    [
      'a musl file on musl',
      { isMusl: () => true, exists: (file) => file !== '' && !file.includes('x64.musl') },
      [MUSL, UNIVERSAL, BUILD],
    ],
    ['no musl file on glibc', { exists: () => true }, [UNIVERSAL, BUILD]],
    ['nothing without a package folder', { root: undefined }, []],
  ])('%s', (_, changes, files) => {
    expect(nativeCandidates({ ...LINUX, ...changes })).toEqual(files);
  });

  test('the package folder is found from sources and from outputs', () => {
    expect(findPackageRoot(join(ROOT, 'lib', 'platform', 'native'))).toBe(ROOT);
    expect(findPackageRoot(join(ROOT, 'dist'))).toBe(ROOT);
    expect(findPackageRoot(tmpdir())).toBeUndefined();
  });
});

describe('when it cannot be loaded', () => {
  test('the next file is tried', () => {
    const load = (file: string) => (file === 'b' ? 'addon' : failing('ERR_DLOPEN_FAILED', 'no')());
    expect(loadFirst(['a', 'b', 'c'], load)).toBe('addon');
  });

  test('one error names every file and the command that compiles it', () => {
    const error = thrownBy(() =>
      loadFirst(['/a.node', '/b.node'], failing('ERR_DLOPEN_FAILED', 'wrong ELF class\nmore')),
    );
    expect(error.code).toBe('ERR_MEMORY_UNSUPPORTED');
    expect(error.message).toContain('/a.node: wrong ELF class\n  /b.node: wrong ELF class');
    expect(error.hint).toContain('npx node-gyp rebuild --directory node_modules/nebula-memory');
  });

  test('disabled addons name the flag, and nothing more is tried', () => {
    const load = jest.fn(failing('ERR_DLOPEN_DISABLED', 'Cannot load native addon'));
    const error = thrownBy(() => loadFirst(['/a.node', '/b.node'], load));
    expect(error.hint).toContain('--allow-addons');
    expect(load).toHaveBeenCalledTimes(1);
  });

  test('a bundle is told about the static entries', () => {
    expect(thrownBy(() => loadFirst([], () => 1)).hint).toContain(`nebula-memory/${process.platform}-${process.arch}`);
  });

  test.each([undefined, '7', 'x'])('Node-API %s is refused before loading', (version) => {
    expect(thrownBy(() => requireNodeApi(version)).code).toBe('ERR_MEMORY_UNSUPPORTED');
  });

  test('Node-API 8 and newer are accepted', () => {
    for (const version of ['8', '9', '10', '11']) requireNodeApi(version);
  });
});

describe('a file of prebuilds/', () => {
  let root = '';
  let file = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'nebula-whole-'));
    file = join(root, 'prebuilds', 'x', 'a.node');
    mkdirSync(join(root, 'prebuilds', 'x'), { recursive: true });
    writeFileSync(file, '12345');
  });
  afterEach(() => rmSync(root, { recursive: true }));
  const list = (text: string) => writeFileSync(join(root, 'prebuilds', 'manifest.json'), text);

  test('is refused when it has not the length that the list says', () => {
    list(JSON.stringify({ targets: { other: { file: 'y/a.node', bytes: 1 }, x: { file: 'x/a.node', bytes: 6 } } }));
    expect(() => needWhole(file, root)).toThrow('5 bytes instead of 6: install nebula-memory again');
    list(JSON.stringify({ targets: { x: { file: 'x/a.node', bytes: 5 } } }));
    expect(() => needWhole(file, root)).not.toThrow();
  });

  test.each(['', '{}', '{"targets":null}', '{"targets":{"x":{}}}'])('passes with the list %j', (text) => {
    list(text);
    expect(() => needWhole(file, root)).not.toThrow();
  });

  test('and what lies elsewhere pass without a list', () => {
    expect(() => needWhole(file, root)).not.toThrow();
    expect(() => needWhole('/nowhere.node', root)).not.toThrow();
    expect(() => needWhole(file, undefined)).not.toThrow();
  });
});

describe('the loader in a fresh process', () => {
  const load = "require('./dist/platform/native/load.js')";

  function evaluate(code: string, env: Record<string, string> = {}, flags: string[] = []): string {
    return execFileSync(process.execPath, [...flags, '--eval', code], {
      cwd: ROOT,
      encoding: 'utf8',
      env: { ...process.env, NEBULA_MEMORY_BUILD: '', ...env },
    }).trim();
  }

  const tell = (call: string) =>
    `try { ${call}; console.log('loaded'); } catch (error) { console.log(error.code + ' ' + error.message + ' ' + error.hint); }`;

  test('loads, twice the same', () => {
    expect(evaluate(`const l = ${load}; console.log(l.loadNative() === l.loadNative())`)).toBe('true');
  });

  test('importing the package loads nothing', () => {
    expect(evaluate(tell("require('./dist')"), { NEBULA_MEMORY_BINDING: '/nowhere.node' })).toBe('loaded');
  });

  test('NEBULA_MEMORY_BINDING names the file, and no other is taken in its place', () => {
    const output = evaluate(tell(`${load}.loadNative()`), { NEBULA_MEMORY_BINDING: '/nowhere.node' });
    expect(output).toMatch(/^ERR_MEMORY_UNSUPPORTED .*\n.*nowhere\.node/);
  });

  test('a file that is no binary gives an error, not a crash', () => {
    const folder = mkdtempSync(join(tmpdir(), 'nebula-load-'));
    try {
      const file = join(folder, 'bad.node');
      writeFileSync(file, 'not a binary');
      expect(evaluate(tell(`${load}.loadNative()`), { NEBULA_MEMORY_BINDING: file })).toMatch(
        /^ERR_MEMORY_UNSUPPORTED/,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('a prebuilt file that was cut off gives an error, not a crash', () => {
    const { targets } = JSON.parse(readFileSync(join(ROOT, 'prebuilds', 'manifest.json'), 'utf8'));
    const { file } = targets[`${process.platform}-${process.arch}`];
    const folder = mkdtempSync(join(tmpdir(), 'nebula-cut-'));
    try {
      mkdirSync(dirname(join(folder, 'prebuilds', file)), { recursive: true });
      cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true });
      for (const name of ['package.json', 'prebuilds/manifest.json', `prebuilds/${file}`]) {
        copyFileSync(join(ROOT, name), join(folder, name));
      }
      const library = JSON.stringify(join(folder, 'dist'));
      expect(evaluate(tell(`require(${library}).Region.map(10)`))).toBe('loaded');
      truncateSync(join(folder, 'prebuilds', file), 60_000);
      expect(evaluate(tell(`require(${library}).Region.map(10)`))).toMatch(
        /^ERR_MEMORY_UNSUPPORTED .*\n.*install nebula-memory again/,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('--no-addons gives the error that names the flag', () => {
    expect(evaluate(tell(`${load}.loadNative()`), {}, ['--no-addons'])).toContain('--allow-addons');
  });

  test('setNativeBinding takes a module, and refuses one that comes too late', () => {
    expect(
      evaluate(`const l = ${load}; const m = { a: 1 }; l.setNativeBinding(m); console.log(l.loadNative() === m)`),
    ).toBe('true');
    const late = tell(`const l = ${load}; l.loadNative(); l.setNativeBinding({})`);
    expect(evaluate(late)).toMatch(/^ERR_MEMORY_INVALID_STATE/);
    expect(evaluate(tell(`${load}.setNativeBinding(7)`))).toMatch(/^ERR_MEMORY_INVALID_ARGUMENT/);
  });
});
