import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { CONFIG_PRESETS as PRESET_WORDS } from '../../lib/cli/commands';
import { configJson } from '../../lib/cli/config/json';
import { renderConfig, renderExplanation } from '../../lib/cli/config/render';
import { run } from '../../lib/cli/run';
import { CONFIG_FIELDS, CONFIG_PRESETS, MemoryConfig } from '../../lib/system';
import { viewOf } from './support/data';
import { expectGolden } from './support/golden';
import { runHere } from './support/run';
import { type Schema, undescribed, validate } from './support/schema';

const TOML = 'preset = "fleet"\n\n[arena]\nchunkBytes = "128KiB"\n\n[monitor]\ndwellMs = "7s"\n';
const CONFIG = MemoryConfig.load({
  env: { NEBULA_MEMORY_ARENA_CHUNK_BYTES: '256KiB', NEBULA_MEMORY_BUDGET_RESERVATION_EXPIRES_MS: '2min' },
  file: 'memory.toml',
  readFile: () => TOML,
  code: { pool: { blocks: 5 } },
});
const PLAIN = MemoryConfig.of();
const AT = new Date('2026-01-02T03:04:05.678Z');

describe('the screen', () => {
  test.each([80, 40])('looks as agreed at %i columns', (width) => {
    expectGolden(`config-${width}`, renderConfig(CONFIG, viewOf(width)));
    expectGolden(`config-explain-${width}`, renderExplanation(CONFIG, 'arena.chunkBytes', viewOf(width)));
  });

  test('exact and quiet looks as agreed', () => {
    expectGolden('config-exact-80', renderConfig(PLAIN, viewOf(80, { bytes: true, quiet: true })));
    expectGolden('config-explain-quiet-80', renderExplanation(PLAIN, 'pool.maxBytes', viewOf(80, { quiet: true })));
  });

  test('has no longer line, the same words in color, and ASCII where asked', () => {
    for (let width = 20; width < 130; width += 7) {
      const text = renderConfig(CONFIG, viewOf(width)) + renderExplanation(CONFIG, 'pool.blocks', viewOf(width));
      for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(width);
    }
    const plain = renderConfig(CONFIG, viewOf(80));
    expect(stripVTControlCharacters(renderConfig(CONFIG, viewOf(80, { color: true })))).toBe(plain);
    expect(renderConfig(CONFIG, viewOf(80, { unicode: false }))).toMatch(/^[\n -~]*$/);
  });

  test('names every field, and explains each', () => {
    const text = renderConfig(PLAIN, viewOf(120));
    for (const { name, path, env } of CONFIG_FIELDS) {
      expect(text).toContain(` ${name} `);
      expect(renderExplanation(PLAIN, path, viewOf(120))).toContain(env);
    }
  });

  test('an explanation gives a line that a file may hold', () => {
    for (const { path } of CONFIG_FIELDS) {
      const line = /in a file +(.*)/.exec(renderExplanation(PLAIN, path, viewOf(200)))?.[1] ?? '';
      const config = MemoryConfig.fromFile('memory.toml', { readFile: () => line });
      expect([config.sourceOf(path).kind, config.get(path)]).toEqual(['file', PLAIN.get(path)]);
    }
  });
});

describe('the report', () => {
  const schema = JSON.parse(readFileSync(join(__dirname, '../../docs/config-report.schema.json'), 'utf8')) as Schema;

  test.each([
    ['all fields', configJson(CONFIG, null, AT), CONFIG_FIELDS.length],
    ['defaults', configJson(PLAIN, null, AT), CONFIG_FIELDS.length],
    ['one field', configJson(CONFIG, 'arena.chunkBytes', AT), 1],
  ])('of %s matches the published schema, which describes every key', (_, text, length) => {
    const made = JSON.parse(text) as { fields: unknown[] };
    expect(validate(made, schema)).toEqual([]);
    expect(undescribed(made, schema)).toEqual([]);
    expect(made.fields).toHaveLength(length);
  });

  test('holds values, sources and what is weaker', () => {
    const { preset, file, fields } = JSON.parse(configJson(CONFIG, 'arena.chunkBytes', AT));
    expect([preset, file]).toEqual(['fleet', 'memory.toml']);
    expect(fields[0]).toMatchObject({
      path: 'arena.chunkBytes',
      value: 262_144,
      unit: 'bytes',
      default: 65_536,
      reload: true,
      source: { kind: 'env', name: 'NEBULA_MEMORY_ARENA_CHUNK_BYTES' },
      overridden: [
        { value: 131_072, source: { kind: 'file', file: 'memory.toml', line: 4 } },
        { value: 65_536, source: { kind: 'default' } },
      ],
    });
  });
});

describe('the command', () => {
  let folder = '';
  let file = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'nebula-cli-config-'));
    file = join(folder, 'memory.toml');
    writeFileSync(file, TOML);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('knows the presets that there are', () => {
    expect(PRESET_WORDS).toEqual(Object.keys(CONFIG_PRESETS));
  });

  test('shows, reports and explains', () => {
    const shown = runHere(['config', '--file', file, '--width', '200']);
    expect([shown.code, shown.stderr]).toEqual([0, '']);
    expect(shown.stdout).toContain(`${file}:7`);
    const report = runHere(['config', '--json', '--preset', 'debug', '--explain', 'stats.level']);
    expect(JSON.parse(report.stdout).fields).toMatchObject([{ value: 'paranoid', source: { name: 'debug' } }]);
    const explained = runHere(['config', '--explain', 'NEBULA_MEMORY_STATS_LEVEL']);
    expect(explained.stdout).toMatch(/^stats\.level\n/);
  });

  test('reads the environment that it is given', () => {
    let stdout = '';
    const env = { NEBULA_MEMORY_CONFIG: file, NEBULA_MEMORY_POOL_BLOCKS: '99' };
    const out = { write: (text: string) => (stdout += text) };
    expect(run(['config', '--json'], { env, platform: 'linux', stdout: out, stderr: out })).toBe(0);
    const fields = JSON.parse(stdout).fields as { path: string; value: unknown }[];
    expect(fields.find(({ path }) => path === 'pool.blocks')?.value).toBe(99);
    expect(fields.find(({ path }) => path === 'monitor.dwellMs')?.value).toBe(7000);
    stdout = '';
    const typed = join(folder, 'typed.toml');
    writeFileSync(typed, '');
    run(['config', '--json', '--file', typed], { env, platform: 'linux', stdout: out, stderr: out });
    expect(JSON.parse(stdout).file).toBe(typed);
  });

  test('a preset that was typed is stronger than that of a file and of a variable', () => {
    for (const argv of [['--file', file], []]) {
      let stdout = '';
      const out = { write: (text: string) => (stdout += text) };
      const env = { NEBULA_MEMORY_PRESET: 'performance', nebula_memory_preset: '' };
      const typed = ['config', '--json', '--preset', 'debug', ...argv];
      expect(run(typed, { env, platform: 'linux', stdout: out, stderr: out })).toBe(0);
      expect(JSON.parse(stdout).preset).toBe('debug');
    }
  });

  test('what is typed and how files are called does nothing to a screen', () => {
    const odd = join(folder, 'odd\u001b[2J\u009b\u202e.toml');
    writeFileSync(odd, '');
    const bad = join(folder, 'bad\u001b[2J\u202e\n.toml');
    writeFileSync(bad, 'x');
    const all = [
      runHere(['config', '--file', odd]),
      runHere(['config', '--file', bad]),
      runHere(['config', '--file', 'no\u001b[2J\u202e\n.toml']),
      runHere(['config', '--explain', '\u001b[2J\u202e\n']),
    ];
    expect(all.map(({ code }) => code)).toEqual([0, 1, 2, 2]);
    for (const { stdout, stderr } of all) {
      for (const line of `${stdout}\n${stderr}`.split('\n')) expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }
  });

  test('tells everything that is wrong, and exits with 1', () => {
    const bad = join(folder, 'bad.toml');
    writeFileSync(bad, '[arena]\nzer0 = true\nchunkBytes = "1 mb"\n');
    const { code, stdout, stderr } = runHere(['config', '--file', bad]);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/2 problems:\n.*bad\.toml:2: unknown key "arena\.zer0".*\n.*bad\.toml:3: arena\.chunkBytes/);
  });

  test.each([
    [['config', '--file', 'nowhere.toml'], "there is no file 'nowhere.toml'."],
    [['config', '--explain', 'arena.chunkByte'], "did you mean 'arena.chunkBytes'?"],
    [['config', '--explain', 'chunkBytes'], "did you mean 'arena.chunkBytes'?"],
    [['config', '--explain', 'zzzzzz'], "unknown field 'zzzzzz'."],
    [['config', '--preset', 'prodution'], "did you mean 'production'?"],
    [['config', 'arena'], "config takes no word, got 'arena'."],
    [['config', '--sysroot', '/x'], '--sysroot is a flag of'],
  ])('refuses %j', (argv, message) => {
    const { code, stderr } = runHere(argv);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});
