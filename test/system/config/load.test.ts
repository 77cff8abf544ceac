import { AllocatorFactory } from '../../../lib/manager';
import {
  CONFIG_FIELDS,
  CONFIG_PRESETS,
  type ConfigPreset,
  formatConfigSource,
  MemoryConfig,
} from '../../../lib/system/config';
import { MACHINE, PROBES } from './probes';
import { load } from './support';

const TOML = 'preset = "low_memory"\n\n[arena]\n# a comment\nchunkBytes = "128KiB"\nmaxChunkBytes = "1MiB"\n';

describe('strength', () => {
  const all = {
    env: { NEBULA_MEMORY_ARENA_CHUNK_BYTES: '256KiB' },
    text: TOML,
    code: { arena: { chunkBytes: '512KiB', alignment: 32 } },
    preset: 'debug',
  } as const;

  test('is environment, file, code, preset, default, and every layer is kept', () => {
    const config = load(all);
    expect(config.get('arena.chunkBytes')).toBe(256 * 1024);
    expect(config.candidatesOf('arena.chunkBytes')).toEqual([
      { value: 256 * 1024, source: { kind: 'env', name: 'NEBULA_MEMORY_ARENA_CHUNK_BYTES' } },
      { value: 128 * 1024, source: { kind: 'file', file: 'memory.toml', line: 5 } },
      { value: 512 * 1024, source: { kind: 'code' } },
      { value: 4096, source: { kind: 'preset', name: 'low_memory' } },
      { value: 65_536, source: { kind: 'default' } },
    ]);
    expect(config.sourceOf('arena.alignment')).toEqual({ kind: 'code' });
    expect(config.sourceOf('arena.growthFactor')).toEqual({ kind: 'preset', name: 'low_memory' });
    expect(config.sourceOf('arena.zero')).toEqual({ kind: 'default' });
  });

  test('holds for every field', () => {
    for (const { path, env, section, name } of CONFIG_FIELDS) {
      const { sample, beside = {} } = PROBES[path];
      const tree = { [section]: { [name]: sample } };
      const text = JSON.stringify(tree);
      const strong = load({ env: { [env]: String(sample) }, text, file: 'memory.json', code: beside });
      expect(strong.sourceOf(path)).toEqual({ kind: 'env', name: env });
      const file = load({ text, file: 'memory.json', code: { ...beside, ...tree } });
      expect(file.sourceOf(path).kind).toBe('file');
      expect(file.get(path)).toBe(strong.get(path));
    }
  });

  test.each([
    ['the environment', { env: { NEBULA_MEMORY_PRESET: 'fleet' }, text: TOML, preset: 'debug' }, 'fleet'],
    ['the file', { text: TOML, preset: 'debug' }, 'low_memory'],
    ['code', { text: '[arena]\nzero = true', preset: 'debug' }, 'debug'],
    ['nobody', { text: '' }, null],
  ] as const)('of presets: %s', (_, options, preset) => {
    expect(load(options).preset).toBe(preset);
  });

  test('of files: a variable names another one, and an empty variable none', () => {
    const read = (path: string) => (path === '/srv/other.json' ? '{"arena":{"zero":true}}' : null);
    const config = load({ env: { NEBULA_MEMORY_CONFIG: 'other.json' }, file: 'memory.toml', readFile: read });
    expect(config.sourceOf('arena.zero')).toEqual({ kind: 'file', file: 'other.json', line: 1 });
    expect(load({ env: { NEBULA_MEMORY_CONFIG: '', NEBULA_MEMORY_ARENA_ZERO: '' } }).get('arena.zero')).toBe(false);
  });

  test('a file is found in the folder, read from it, and not needed', () => {
    const read = (path: string) => (path === '/srv/memory.json' ? '{"$schema":"x","preset":"fleet"}' : null);
    const found = MemoryConfig.load({ env: {}, cwd: '/srv', readFile: read });
    expect([found.file, found.preset]).toEqual(['memory.json', 'fleet']);
    expect(MemoryConfig.load({ env: {}, cwd: '/srv', readFile: () => null }).file).toBeNull();
    expect(MemoryConfig.load({ env: {}, file: null, cwd: '/srv', readFile: read }).file).toBeNull();
  });
});

describe('values', () => {
  test('may be written in every form of their type', () => {
    const config = load({
      env: {
        NEBULA_MEMORY_ARENA_ZERO: 'Yes',
        NEBULA_MEMORY_MONITOR_STEP_RATIO: ' 20 % ',
        NEBULA_MEMORY_MONITOR_DWELL_MS: '1.5s',
        NEBULA_MEMORY_ARENA_GROWTH_FACTOR: '1.5',
        NEBULA_MEMORY_POOL_BLOCKS: '12',
        NEBULA_MEMORY_POOL_MAX_BYTES: '1048576',
      },
    });
    expect(config.values.monitor).toMatchObject({ stepRatio: 0.2, dwellMs: 1500 });
    expect(config.values.pool).toMatchObject({ blocks: 12, maxBytes: 1_048_576 });
    expect([config.get('arena.zero'), config.get('arena.growthFactor')]).toEqual([true, 1.5]);
    const file = load({ text: '[monitor]\nstepRatio = "7.5%"\ndwellMs = 100\n[arena]\nchunkBytes = 8192' });
    expect(file.values.monitor).toMatchObject({ stepRatio: 0.075, dwellMs: 100 });
  });

  test('of words are taken from every source', () => {
    for (const { path, env, word, section, name } of CONFIG_FIELDS) {
      if (word === null) continue;
      expect(load({ env: { [env]: word } }).get(path)).toBe(word);
      expect(load({ text: `${section}.${name} = "${word}"` }).get(path)).toBe(word);
      expect(load({ code: { [section]: { [name]: word } } }).get(path)).toBe(word);
    }
  });

  test('do not change', () => {
    const config = load({ code: { arena: { zero: true } } });
    expect(Object.isFrozen(config) && Object.isFrozen(config.values) && Object.isFrozen(config.values.arena)).toBe(
      true,
    );
    expect(JSON.parse(JSON.stringify(config))).toEqual(config.values);
  });

  test('that code leaves open stay open', () => {
    expect(load({ code: { arena: { zero: undefined }, pool: undefined } as never }).get('arena.zero')).toBe(false);
  });

  test('are named: an unknown path is an error with the nearest', () => {
    const config = load();
    expect(() => config.get('arena.chunkByte' as never)).toThrow(/Did you mean 'arena.chunkBytes'/);
    expect(() => config.sourceOf('__proto__' as never)).toThrow(/unknown field/);
    expect(() => config.candidatesOf(7 as never)).toThrow(/unknown field 7/);
  });
});

describe('ways in', () => {
  test('fromEnv, fromFile and of take their source alone', () => {
    const env = { NEBULA_MEMORY_POOL_BLOCKS: '7' };
    expect(MemoryConfig.fromEnv(env).get('pool.blocks')).toBe(7);
    const file = MemoryConfig.fromFile('memory.toml', { readFile: () => TOML, cwd: '/srv' });
    expect(file.get('arena.chunkBytes')).toBe(128 * 1024);
    expect(MemoryConfig.of({ pool: { blocks: 9 } }, 'fleet').preset).toBe('fleet');
  });

  test('validate tells what load would throw, and nothing otherwise', () => {
    expect(MemoryConfig.validate({ env: {}, file: null })).toEqual([]);
    const [problem] = MemoryConfig.validate({ env: { NEBULA_MEMORY_POOL_BLOCKS: '-1' }, file: null });
    expect(problem).toMatchObject({ kind: 'bad-value', path: 'pool.blocks', code: 'ERR_MEMORY_CONFIG' });
  });

  test('sources are told in words', () => {
    expect(
      [{ kind: 'env', name: 'X' } as const, { kind: 'preset', name: 'debug' } as const].map(formatConfigSource),
    ).toEqual(['X', 'preset debug']);
  });
});

describe.each(Object.keys(CONFIG_PRESETS) as ConfigPreset[])('the preset %s', (preset) => {
  test('holds together and can be run', () => {
    const config = MemoryConfig.of({}, preset);
    using factory = new AllocatorFactory();
    const allocator = factory.create(config.toAllocatorDescription());
    allocator.deallocate(allocator.allocate(100), 100);
    allocator[Symbol.dispose]();
    const budget = config.createBudget('service', MACHINE);
    expect(budget.child('one', config.toChildBudgetOptions()).tryReserve(4096)).toBe(true);
  });

  test('differs from the others', () => {
    const others = Object.keys(CONFIG_PRESETS).filter((name) => name !== preset) as ConfigPreset[];
    for (const other of others) {
      expect(MemoryConfig.of({}, preset).changedFrom(MemoryConfig.of({}, other))).not.toEqual([]);
    }
    expect(MemoryConfig.of({}, preset).changedFrom(MemoryConfig.of())).not.toEqual([]);
  });
});
