import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryError } from '../../../lib/core';
import { CONFIG_FIELDS, type ConfigLoadOptions, MemoryConfig } from '../../../lib/system/config';
import { errorOf, inMemory, load } from './support';

function problems(options: ConfigLoadOptions & { readonly text?: string }): string[] {
  return MemoryConfig.validate(inMemory(options)).map(({ kind, source, message }) => {
    const line = source.kind === 'file' ? `:${source.line}` : '';
    return `${kind}${line} ${message}`;
  });
}

describe('unknown keys', () => {
  test.each([
    [
      'a misspelt field',
      '[arena]\nchunkByte = 1',
      'unknown-key:2 unknown key "arena.chunkByte". Did you mean \'arena.chunkBytes\'?',
    ],
    ['snake case', '[arena]\nmax_chunk_bytes = 1', "Did you mean 'arena.maxChunkBytes'?"],
    ['a field of another section', '[pool]\nchunkBytes = 1', "Did you mean 'arena.chunkBytes'?"],
    ['a field without its section', 'chunkBytes = 1', "Did you mean 'arena.chunkBytes'?"],
    ['a misspelt section', '[arean]\nzero = true', 'unknown key "arean". Did you mean \'arena\'?'],
    ['a section that is nothing near', '[zzz]\na = 1', 'unknown-key:1 unknown key "zzz". Sections are provider'],
    ['__proto__', '__proto__ = { a = 1 }', 'unknown-key:1 unknown key "__proto__"'],
    ['constructor', '[arena]\nconstructor = 1', 'unknown-key:2 unknown key "arena.constructor"'],
    ['a misspelt preset key', 'prest = "debug"', "Did you mean 'preset'?"],
  ])('in a file: %s', (_, text, expected) => {
    expect(problems({ text })).toEqual([expect.stringContaining(expected)]);
    expect(({} as Record<string, unknown>)['a']).toBeUndefined();
  });

  test('in code', () => {
    expect(problems({ code: { arena: { chunkByte: 1 } } as never })).toEqual([
      expect.stringContaining("Did you mean 'arena.chunkBytes'?"),
    ]);
    expect(problems({ code: JSON.parse('{"__proto__":{"zero":true}}') as never })).toEqual([
      expect.stringContaining('unknown key "__proto__"'),
    ]);
  });

  test.each([
    ['NEBULA_MEMORY_ARENA_CHUNK_BYTE', "Did you mean 'NEBULA_MEMORY_ARENA_CHUNK_BYTES'?"],
    ['NEBULA_MEMORY_PRESETS', "Did you mean 'NEBULA_MEMORY_PRESET'?"],
    ['NEBULA_MEMORY_FOO', 'unknown variable. See'],
  ])('in the environment: %s', (name, expected) => {
    expect(problems({ env: { [name]: '1' } })).toEqual([expect.stringContaining(expected)]);
  });

  test('variables of the native part and of others are none of them', () => {
    const env = { NEBULA_MEMORY_BINDING: '/x.node', NEBULA_MEMORY_BUILD: '1', NEBULA: '1', PATH: '/bin' };
    expect(problems({ env })).toEqual([]);
  });
});

describe('bad values', () => {
  test.each([
    ['[arena]\nchunkBytes = "64 mb"', 'arena.chunkBytes must be a whole number of bytes'],
    ['[arena]\nchunkBytes = -1', 'arena.chunkBytes must be from 0 to'],
    ['[arena]\nchunkBytes = 0', 'arena.chunkBytes must be from 1 to 1073741824 bytes, got 0'],
    ['[arena]\nchunkBytes = [1]', 'got an array'],
    ['[arena]\nchunkBytes = 1.5', 'arena.chunkBytes must be a whole number of bytes'],
    ['[arena]\nchunkBytes = inf', 'arena.chunkBytes must be from 0 to'],
    ['[arena]\nchunkBytes = 2026-01-01', 'arena.chunkBytes must be a whole number of bytes'],
    ['[arena]\nalignment = 48', 'arena.alignment must be one of 1, 2, 4'],
    ['[arena]\nalignment = "64"', 'arena.alignment must be an integer'],
    ['[arena]\nsegmentBytes = 5000', 'arena.segmentBytes must be a multiple of 4096 bytes, got 5000'],
    ['[arena]\nzero = "true"', 'arena.zero must be true or false, got "true"'],
    ['[arena]\nzero = 1', 'arena.zero must be true or false, got 1'],
    ['[arena]\ngrowthFactor = nan', 'arena.growthFactor must be a number from 1 to 16'],
    ['[monitor]\nstepRatio = 1.5', 'monitor.stepRatio must be from 0 to 1, got 1.5'],
    ['[monitor]\nstepRatio = "120%"', 'monitor.stepRatio must be from 0 to 1, got 1.2'],
    ['[monitor]\ndwellMs = "5 years"', 'monitor.dwellMs must be a number of milliseconds'],
    ['[monitor]\nintervalMs = "1ms"', 'monitor.intervalMs must be from 10 to'],
    ['[allocator]\nkind = "heep"', "Did you mean 'heap'?"],
    ['[allocator]\nallocFill = 256', 'allocator.allocFill must be from 0 to 255, got 256'],
    ['[budget]\nlimitBytes = "none"', "budget.limitBytes must be 'container' or a whole number"],
    ['arena = 3', 'arena is a section and no value, got 3'],
    ['preset = 3', 'preset must be a word, got 3'],
    ['preset = "prodution"', "unknown preset 'prodution'. Did you mean 'production'?"],
  ])('in a file: %j', (text, expected) => {
    const line = text.includes('\n') ? 2 : 1;
    expect(problems({ text })).toEqual([expect.stringContaining(`bad-value:${line} `)]);
    expect(problems({ text })).toEqual([expect.stringContaining(expected)]);
  });

  test.each([
    ['NEBULA_MEMORY_POOL_BLOCKS', '1e', 'NEBULA_MEMORY_POOL_BLOCKS must be an integer from 1 to 2147483644, got "1e"'],
    ['NEBULA_MEMORY_POOL_BLOCKS', '0x10', 'got "0x10"'],
    ['NEBULA_MEMORY_POOL_BLOCKS', '9'.repeat(400), 'got Infinity'],
    ['NEBULA_MEMORY_ARENA_ZERO', 'ja', 'NEBULA_MEMORY_ARENA_ZERO must be true or false, got "ja"'],
    ['NEBULA_MEMORY_ARENA_ZERO', '__proto__', 'must be true or false'],
    ['NEBULA_MEMORY_PRESET', 'prod', 'unknown preset'],
    ['NEBULA_MEMORY_CONFIG', 'x.yaml', 'the name must end in .toml or .json'],
  ])('in the environment: %s=%s', (name, text, expected) => {
    expect(problems({ env: { [name]: text } })).toEqual([expect.stringContaining(expected)]);
  });

  // Numeric strings pass comparisons: each type must refuse what is not of it.
  test.each(CONFIG_FIELDS.map((field) => [field.path, field] as const))('in code: %s', (_, { section, name }) => {
    const wrong: unknown[] = [null, Number.NaN, '', {}, [], Symbol('x'), 1n, () => 1, '12 parsecs', -1, new Date()];
    for (const value of wrong) {
      const found = problems({ code: { [section]: { [name]: value } } });
      expect(found).toHaveLength(1);
      expect(found[0]).toMatch(/^bad-value /);
    }
  });
});

describe('contradictions', () => {
  test.each([
    [
      { arena: { chunkBytes: '2MiB', maxChunkBytes: '1MiB' } },
      'arena.chunkBytes (2 MiB) is more than arena.maxChunkBytes (1 MiB)',
    ],
    [{ arena: { chunkBytes: '32MiB' } }, 'arena.maxChunkBytes is of default'],
    [{ arena: { limitBytes: 4096 } }, 'an arena could not have its first chunk'],
    [{ pool: { blocks: 100, maxBytes: '64KiB' } }, 'pool.blocks (100) of pool.blockBytes (4 KiB) need 400 KiB'],
    [{ budget: { limitBytes: '32MiB' } }, 'the allocator could never be made'],
    [{ allocator: { guard: true, quarantineBytes: '64MiB' } }, 'would hold back all'],
    [{ budget: { limitBytes: '1GiB', childLimitBytes: '2GiB' } }, 'a child cannot have more than its parent'],
    [{ budget: { childLimitBytes: '1MiB', childGuaranteedBytes: '2MiB' } }, 'what is guaranteed must be allowed'],
    [{ budget: { limitBytes: '1GiB', childGuaranteedBytes: '2GiB' } }, 'cannot guarantee what it does not have'],
    [{ budget: { limitBytes: '1GiB', quantumBytes: '2GiB' } }, 'a step cannot be larger than the whole'],
    [{ monitor: { highLeaveRatio: 0.91 } }, 'monitor.highLeaveRatio (0.91) is not below monitor.highEnterRatio (0.9)'],
    [{ monitor: { mediumEnterRatio: 0.9 } }, 'thresholds rise from level to level'],
    [{ monitor: { lowLeaveRatio: 0.69, mediumLeaveRatio: 0.68 } }, 'thresholds rise from level to level'],
    [{ system: { stackUpToBytes: '32KiB', poolUpToBytes: '16KiB' } }, 'nothing would reach the tier'],
    [{ system: { poolUpToBytes: '200MiB' } }, 'system.poolUpToBytes (200 MiB) is not below system.arenaUpToBytes'],
    [{ system: { poolUpToBytes: 'off', stackUpToBytes: '8KiB', arenaUpToBytes: '4KiB' } }, 'is not below'],
    [{ system: { poolBytes: '2GiB' } }, 'one heap would be more than all'],
    [{ system: { arenaChunkBytes: '512MiB' } }, 'the first chunk of an arena would be more'],
  ])('%j', (code, expected) => {
    const found = problems({ code: code as never });
    expect(found).toEqual([expect.stringContaining(expected)]);
    expect(found[0]).toMatch(/^contradiction .* is of code/);
  });

  test('are between sources as well, and stand at the strongest', () => {
    const [problem] = MemoryConfig.validate(
      inMemory({
        env: { NEBULA_MEMORY_BUDGET_CHILD_LIMIT_BYTES: '2GiB' },
        text: '[budget]\nlimitBytes = "1GiB"',
      }),
    );
    expect(problem?.source).toEqual({ kind: 'env', name: 'NEBULA_MEMORY_BUDGET_CHILD_LIMIT_BYTES' });
    expect(problem?.message).toMatch(/budget.limitBytes is of memory.toml:2$/);
  });

  test('are not told of values that could not be read', () => {
    expect(problems({ code: { budget: { limitBytes: 'x', childLimitBytes: '2GiB' } } })).toHaveLength(1);
  });

  test('two default files are one', () => {
    const found = MemoryConfig.validate({ env: {}, cwd: '/srv', readFile: () => '' });
    expect(found).toMatchObject([{ kind: 'contradiction', message: expect.stringContaining('are both there') }]);
  });

  test('a key that is said twice is one', () => {
    const json = '{\n "arena": {\n  "zero": true,\n  "zero": false\n }\n}';
    expect(problems({ text: json, file: 'memory.json' })).toEqual(['contradiction:4 "arena.zero" is said twice']);
    expect(problems({ text: '[arena]\nzero = true\nzero = false' })).toEqual([
      expect.stringMatching(/^malformed:3 it is no TOML: /),
    ]);
  });
});

describe('all of a file', () => {
  const text = '[arena]\nchunkByte = 1\nzero = 3\n[bugdet]\n[pool]\nblocks = "8"\n';

  test('is told at once, with lines, in one error that holds them all', () => {
    const error = errorOf(() => load({ text, env: { NEBULA_MEMORY_X: '1' } }));
    expect(error).toBeInstanceOf(MemoryError);
    expect(error['code']).toBe('ERR_MEMORY_CONFIG');
    expect(error.message.split('\n')).toEqual([
      'the configuration has 5 problems:',
      expect.stringMatching(/^ {2}NEBULA_MEMORY_X: unknown variable/),
      expect.stringMatching(/^ {2}memory.toml:2: unknown key "arena.chunkByte"/),
      '  memory.toml:3: arena.zero must be true or false, got 3',
      expect.stringMatching(/^ {2}memory.toml:4: unknown key "bugdet". Did you mean 'budget'/),
      expect.stringMatching(/^ {2}memory.toml:6: pool.blocks must be an integer/),
    ]);
    const { errors } = error['cause'] as AggregateError;
    expect(errors.map((one: MemoryError) => [one.code, one.source])).toContainEqual([
      'ERR_MEMORY_CONFIG',
      'memory.toml:6',
    ]);
  });

  test.each([
    ['{"arena":{"zero":true,}}', 1],
    ['{\n\n"arena": nope}', 3],
    ['{"arena": {', 1],
    ['', 1],
    ['\n\n[', 3],
    ['{\n"a": nope,\n\n"b": 1}', 2],
    ['{"arena": {\n "buffers": 1\n "zero": true\n}}', 3],
    ['{"arena": {\n "buffers": 01\n}}', 2],
    ['{"arena": {\n "buffers": [1,]\n}}', 2],
    ['{"arena": {\n "onReset": "x\ty\n"}}', 2],
    ['{"arena": {\n "onReset": "\\u12"}}', 2],
    ['{"arena": {}}\n\n}', 3],
    ['{"arena": {\n\n "zero": tru}}\n\n', 3],
    ['{"arena": {\n\n "buffers": -}}\n\n', 3],
    ['[1,2]', null],
  ])('no JSON: %j', (json, line) => {
    const found = MemoryConfig.validate(inMemory({ text: json, file: 'memory.json' }));
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ kind: line === null ? 'bad-value' : 'malformed', source: { line } });
  });

  test.each([
    '[arena',
    'a = ',
    '[arena]\nzero = yes',
    'x = 99999999999999999999',
    `a = ${'['.repeat(5000)}`,
    'a\0 = 1',
  ])('no TOML: %j', (toml) => {
    const found = MemoryConfig.validate(inMemory({ text: toml }));
    expect(found).toMatchObject([{ kind: 'malformed', message: expect.stringMatching(/^it is no TOML: /) }]);
  });
});

describe('files that cannot be read', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'nebula-config-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const read = (file: string) => errorOf(() => MemoryConfig.load({ env: {}, cwd: folder, file }));

  test('missing', () => {
    expect(read('none.toml')).toMatchObject({ code: 'ERR_MEMORY_CONFIG', message: 'none.toml: there is no such file' });
  });

  test('too large', () => {
    writeFileSync(join(folder, 'large.toml'), `#${'x'.repeat(2 ** 20)}`);
    expect(read('large.toml')).toMatchObject({
      code: 'ERR_MEMORY_CONFIG',
      requestedBytes: 2 ** 20 + 1,
      limitBytes: 2 ** 20,
    });
  });

  test('a folder', () => {
    mkdirSync(join(folder, 'folder.json'));
    expect(read('folder.json').message).toBe('folder.json: it is a folder');
  });

  test('not text', () => {
    writeFileSync(join(folder, 'binary.toml'), Buffer.from([0xff, 0xfe, 0x00]));
    expect(read('binary.toml').message).toBe('binary.toml: it is no UTF-8 text');
  });

  test('of another kind', () => {
    expect(read('config.js').message).toMatch(/must end in .toml or .json/);
  });

  const isUnix = process.platform !== 'win32';
  (isUnix ? test : test.skip)('a pipe does not hold up the start, a device is not read', () => {
    expect(spawnSync('mkfifo', [join(folder, 'pipe.toml')]).status).toBe(0);
    expect(read('pipe.toml').message).toBe('pipe.toml: it is no ordinary file');
    symlinkSync('/dev/zero', join(folder, 'zero.toml'));
    expect(read('zero.toml').message).toBe('zero.toml: it is no ordinary file');
  });

  const isBound = isUnix && process.getuid?.() !== 0;
  (isBound ? test : test.skip)('forbidden', () => {
    writeFileSync(join(folder, 'secret.toml'), '');
    chmodSync(join(folder, 'secret.toml'), 0);
    expect(read('secret.toml')).toMatchObject({ code: 'ERR_MEMORY_PERMISSION', syscall: 'open' });
  });

  test('forbidden or broken, as the system says it', () => {
    const failing = (code: string, errno: number) => () => {
      throw Object.assign(new Error(`${code}: it failed`), { code, errno, syscall: 'open' });
    };
    const load = (readFile: () => string) => errorOf(() => MemoryConfig.load({ env: {}, file: 'a.toml', readFile }));
    expect(load(failing('EACCES', -13))).toMatchObject({ code: 'ERR_MEMORY_PERMISSION', errno: 13, syscall: 'open' });
    expect(load(failing('EIO', -5))).toMatchObject({ code: 'ERR_MEMORY_SYSCALL', errno: 5, source: 'a.toml' });
  });

  test('with a byte order mark and Windows line ends they are read', () => {
    writeFileSync(join(folder, 'bom.toml'), '\ufeff[arena]\r\nzero = true\r\n');
    expect(MemoryConfig.load({ env: {}, cwd: folder, file: 'bom.toml' }).sourceOf('arena.zero')).toMatchObject({
      line: 2,
    });
  });
});

describe('objects of others', () => {
  const throwing = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error('no');
      },
    },
  );
  const getter = Object.defineProperty({}, 'arena', {
    enumerable: true,
    get: () => {
      throw new Error('no');
    },
  });

  test.each([
    ['a proxy', throwing],
    ['a revoked proxy', revoked()],
    ['a getter that throws', getter],
    ['one below', { arena: throwing }],
  ])('code: %s', (_, code) => {
    expect(errorOf(() => MemoryConfig.load({ env: {}, file: null, code: code as never }))['code']).toBe(
      'ERR_MEMORY_INVALID_ARGUMENT',
    );
  });

  test.each([
    ['a Map', new Map([['arena', {}]])],
    ['an instance', new (class Settings {})()],
    ['a Map below', { arena: new Map() }],
    ['an array', []],
  ])('code: %s is no tree', (_, code) => {
    expect(problems({ code: code as never })).toEqual([expect.stringMatching(/^bad-value /)]);
  });

  test('a getter is read once', () => {
    let reads = 0;
    const arena = Object.defineProperty({}, 'buffers', { enumerable: true, get: () => (reads += 1) });
    expect(load({ code: { arena } as never }).get('arena.buffers')).toBe(1);
    expect(reads).toBe(1);
  });

  test('variables are texts', () => {
    const env = { NEBULA_MEMORY_POOL_BLOCKS: 8, NEBULA_MEMORY_CONFIG: {}, NEBULA_MEMORY_PRESET: 3 };
    expect(problems({ env: env as never })).toHaveLength(3);
  });
});

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

describe('bad options of load', () => {
  test.each([
    [{ env: 3 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ file: 3 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ file: '' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ cwd: 3 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ readFile: 3 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ presets: 'debug' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ preset: 'degub' }, 'ERR_MEMORY_CONFIG'],
    [{ preset: 3 }, 'ERR_MEMORY_CONFIG'],
    [{ code: 3, env: {}, file: null }, 'ERR_MEMORY_CONFIG'],
  ])('%j', (options, code) => {
    expect(errorOf(() => MemoryConfig.load(options as never))['code']).toBe(code);
  });
});
