import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { transformSync } from '@swc/core';

// Every code block of the README, and every one of docs/ that stands alone, runs as it stands: shell blocks name scripts that exist, TypeScript blocks are checked by
// the compiler and then run against the built package, as a user's would be.

const ROOT = resolve(__dirname, '..', '..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

interface Block {
  readonly language: string;
  readonly heading: string;
  readonly text: string;
}

function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let heading = '';
  let open: { language: string; lines: string[] } | null = null;
  for (const line of markdown.split('\n')) {
    const fence = /^```(\w*)$/.exec(line);
    if (open === null && line.startsWith('#')) heading = line.replace(/^#+ /, '');
    if (fence === null) {
      open?.lines.push(line);
    } else if (open === null) {
      open = { language: fence[1] ?? '', lines: [] };
    } else {
      blocks.push({ language: open.language, heading, text: open.lines.join('\n') });
      open = null;
    }
  }
  return blocks;
}

const blocks = blocksOf(README);
// In docs/, blocks that import the package stand alone; the others are fragments of the text around them.
const pages = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'));
const documented = pages.flatMap((name) =>
  blocksOf(readFileSync(join(ROOT, 'docs', name), 'utf8'))
    .filter(({ language, text }) => language === 'ts' && text.includes("from 'nebula-memory'"))
    .map((block) => ({ ...block, heading: `${name}: ${block.heading}` })),
);
const code = [...blocks.filter((block) => block.language === 'ts'), ...documented];
let folder = '';

beforeAll(() => {
  // A user's folder: the package is found by its name in node_modules.
  folder = mkdtempSync(join(tmpdir(), 'nebula-readme-'));
  mkdirSync(join(folder, 'node_modules', '@types'), { recursive: true });
  symlinkSync(ROOT, join(folder, 'node_modules', 'nebula-memory'), 'dir');
  const nodeTypes = dirname(createRequire(__filename).resolve('@types/node/package.json'));
  symlinkSync(nodeTypes, join(folder, 'node_modules', '@types', 'node'), 'dir');
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('there is an example for each kind of region', () => {
  const headings = code.map((block) => block.heading);
  for (const kind of [
    'Private memory',
    'Huge pages',
    'On a NUMA node',
    'A file',
    'Between workers and processes',
    'Secrets',
  ]) {
    expect(headings).toContain(kind);
  }
  expect(blocks.every((block) => ['ts', 'sh'].includes(block.language))).toBe(true);
});

test('the compiler accepts every example', () => {
  for (const [i, block] of code.entries()) writeFileSync(join(folder, `block-${i}.mts`), `${block.text}\nexport {};\n`);
  const options = {
    strict: true,
    noEmit: true,
    target: 'es2022',
    module: 'node16',
    moduleResolution: 'node16',
    skipLibCheck: true,
    lib: ['es2023', 'esnext.disposable', 'dom'],
    types: ['node'],
    preserveSymlinks: true,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['*.mts'] }));
  const manifest = createRequire(__filename).resolve('typescript/package.json');
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin: { tsc: string } };
  const result = spawnSync(process.execPath, [join(dirname(manifest), bin.tsc), '-p', folder], { encoding: 'utf8' });
  expect(result.stdout).toBe('');
  expect(result.status).toBe(0);
});

test.each(code.map((block, i) => [i, block.heading, block] as const))('block %i runs: %s', (i, _heading, block) => {
  const { code: script } = transformSync(block.text, {
    filename: `block-${i}.mts`,
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'es6' },
  });
  writeFileSync(join(folder, `run-${i}.mjs`), script);
  const result = spawnSync(process.execPath, ['--preserve-symlinks', `run-${i}.mjs`], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 170_000,
  });
  expect({ stderr: result.stderr, signal: result.signal, status: result.status }).toEqual({
    stderr: '',
    signal: null,
    status: 0,
  });
});

test('shell blocks name what exists', () => {
  const { scripts, bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
    bin: Record<string, string>;
  };
  const shell = blocks
    .filter((block) => block.language === 'sh')
    .map((block) => block.text)
    .join('\n');
  for (const [, name] of shell.matchAll(/npm (?:run )?(?!ci\b|install\b)(\w[\w:-]*)/g))
    expect(Object.keys(scripts)).toContain(name);
  for (const [, name] of shell.matchAll(/npx (\S+)/g)) expect(Object.keys(bin)).toContain(name);
});

test('every page that is linked exists', () => {
  for (const [, target = ''] of README.matchAll(/\]\(((?!https?:)[^)#]+)/g)) {
    const path = join(ROOT, target);
    expect(readdirSync(dirname(path))).toContain(
      path.endsWith('/') ? target.replace(/\/$/, '') : target.split('/').pop(),
    );
  }
});
