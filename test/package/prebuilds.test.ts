import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');

interface Target {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly sourceHash: string;
}

const manifest = JSON.parse(readFileSync(join(ROOT, 'prebuilds', 'manifest.json'), 'utf8')) as {
  targets: Record<string, Target>;
};
const targets = Object.entries(manifest.targets);

/** The scripts are ES modules, which this suite's CommonJS cannot import: they are asked in a process of their own. */
function ask(code: string): unknown {
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', code], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  return JSON.parse(output);
}

describe('the prebuilt binaries', () => {
  test('hold the target on which most run', () => {
    expect(Object.keys(manifest.targets)).toContain('linux-x64');
  });

  test('were built from the sources of this checkout (otherwise: npm run prebuild)', () => {
    const hash = execFileSync(process.execPath, ['native/scripts/sources.mjs', '--hash'], {
      cwd: ROOT,
      encoding: 'utf8',
    }).trim();
    const stale = targets.filter(([, target]) => target.sourceHash !== hash).map(([name]) => name);
    expect(stale).toEqual([]);
  });

  test.each(targets)('%s is the file that the manifest describes', (_, target) => {
    const bytes = readFileSync(join(ROOT, 'prebuilds', target.file));
    expect(bytes.length).toBe(target.bytes);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(target.sha256);
    expect(bytes.includes(target.sourceHash)).toBe(true);
  });

  test.each(targets)('%s passes the gates: symbols, libraries, flags, exports', (name, target) => {
    const problems = ask(`
      import { readFileSync } from 'node:fs';
      import { checkBinary } from './native/scripts/gates.mjs';
      import { TARGETS } from './native/scripts/toolchains.mjs';
      const bytes = readFileSync(${JSON.stringify(join('prebuilds', target.file))});
      console.log(JSON.stringify(checkBinary(bytes, TARGETS[${JSON.stringify(name)}])));
    `);
    expect(problems).toEqual([]);
  });

  test('have a static entry each in package.json, and no entry lacks its binary', () => {
    const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      exports: Record<string, unknown>;
    };
    const entries = Object.keys(exports).filter((key) => /^\.\/\w+-\w+$/.test(key));
    expect(entries.map((key) => key.slice(2)).sort()).toEqual(Object.keys(manifest.targets).sort());
    for (const entry of entries)
      expect(existsSync(join(ROOT, 'prebuilds', entry.slice(2), 'nebula-memory.node'))).toBe(true);
  });
});

describe('the gates', () => {
  test('refuse a binary that is none, of another machine, or with a library', () => {
    const problems = ask(`
      import { readFileSync } from 'node:fs';
      import { checkBinary } from './native/scripts/gates.mjs';
      const linux = { os: 'linux', machine: 'x86-64' };
      const text = Buffer.alloc(2000, 'not a binary');
      const addon = readFileSync('prebuilds/linux-x64/nebula-memory.node');
      console.log(JSON.stringify([
        checkBinary(text, linux),
        checkBinary(text, { os: 'win', machine: 'x86-64' }),
        checkBinary(addon, { os: 'linux', machine: 'aarch64' }),
        process.platform === 'linux' ? checkBinary(readFileSync(process.execPath), linux).map((line) => line.slice(0, 100)).slice(0, 50) : ['needs libstdc++'],
      ]));
    `) as string[][];
    expect(problems[0]).toContain('is not an ELF file');
    expect(problems[1]).toContain('is not a Windows DLL');
    expect(problems[2]).toEqual(['is for x86-64, not aarch64']);
    expect(problems[3]?.join('\n')).toMatch(/needs .*libstdc\+\+|exports/);
  });
});
