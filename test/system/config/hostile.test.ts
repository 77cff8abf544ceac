import { execFileSync } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { AllocatorFactory } from '../../../lib/manager';
import {
  CONFIG_FIELDS,
  CONFIG_PRESETS,
  type ConfigLoadOptions,
  configSchema,
  MemoryConfig,
  watchConfig,
} from '../../../lib/system/config';
import { pollFile } from '../../../lib/system/config/file-watch';
import { readEnvironment } from '../../../lib/system/config/sources/env';
import { accepts } from './schema';
import { errorOf, inMemory, load } from './support';

const codeOf = (work: () => unknown): unknown => errorOf(work)['code'];
const problemsOf = (options: ConfigLoadOptions & { readonly text?: string }) =>
  MemoryConfig.validate(inMemory(options));

test('a configuration cannot be changed through what it tells', () => {
  const config = load({ text: '[arena]\nzero = true', env: { NEBULA_MEMORY_POOL_BLOCKS: '7' }, preset: 'debug' });
  for (const path of ['arena.zero', 'pool.blocks', 'stats.level', 'arena.buffers'] as const) {
    for (const entry of config.candidatesOf(path)) {
      expect([Object.isFrozen(entry), Object.isFrozen(entry.source)]).toEqual([true, true]);
    }
  }
});

test.each([[undefined], [null], [5], [''], [{}]])('fromFile(%p) reads no other file', (file) => {
  expect(codeOf(() => MemoryConfig.fromFile(file as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
});

describe('a reader of files that', () => {
  const trap = new Proxy(
    {},
    {
      get() {
        throw new TypeError('trap');
      },
    },
  );

  test.each([[null], [undefined], ['words'], [5], [() => trap], [{ code: 5, errno: 'x' }]])(
    'throws %p is a problem',
    (given) => {
      const thrown = typeof given === 'function' ? given() : given;
      const readFile = () => {
        throw thrown;
      };
      expect(MemoryConfig.validate({ env: {}, file: 'a.json', readFile })).toMatchObject([{ kind: 'unreadable' }]);
    },
  );

  test.each([[5], [true], [undefined], [Promise.resolve('{}')], [Buffer.from('{}')], [Symbol('x')]])(
    'returns %p is a problem',
    (given) => {
      const [one, ...more] = MemoryConfig.validate({ env: {}, file: 'a.json', readFile: () => given as never });
      expect([one?.kind, one?.message.includes('readFile must return a text'), more]).toEqual(['unreadable', true, []]);
    },
  );

  test('leaves a byte order mark in is no problem', () => {
    for (const [file, text] of [
      ['memory.json', '\uFEFF{"arena":{"zero":true}}'],
      ['memory.toml', '\uFEFF[arena]\r\nzero = true\r\n'],
    ] as const) {
      expect(load({ file, text }).get('arena.zero')).toBe(true);
    }
  });
});

describe('variables', () => {
  test('that cannot be read are problems', () => {
    const env = {
      get NEBULA_MEMORY_ARENA_ZERO(): string {
        throw new TypeError('getter');
      },
    };
    expect(problemsOf({ env })).toMatchObject([{ kind: 'bad-value', source: { name: 'NEBULA_MEMORY_ARENA_ZERO' } }]);
    expect(codeOf(() => watchConfig({ env, file: null }))).toBe('ERR_MEMORY_CONFIG');
  });

  test('in another case are misspelt', () => {
    const [found, ...more] = readEnvironment({ nebula_memory_arena_zero: 'true' }, 'linux').problems;
    expect(found?.message).toBe("unknown variable. Did you mean 'NEBULA_MEMORY_ARENA_ZERO'?");
    expect(more).toEqual([]);
    // A look-alike is another name: dotless i, long s.
    for (const name of ['NEBULA_MEMORY_PROV\u0131DER_ZERO', 'NEBULA_MEMORY_STATS_MAX_\u017fITES']) {
      expect(readEnvironment({ [name]: '1' }, 'win32').problems).toMatchObject([{ kind: 'unknown-key' }]);
    }
  });

  test('in another case are the same on Windows, and one that is there twice is told', () => {
    const env = { Nebula_Memory_Arena_Zero: 'true', nebula_memory_config: 'x.toml', NEBULA_memory_preset: 'debug' };
    const found = readEnvironment(env, 'win32');
    expect([found.entries.get('arena.zero')?.value, found.file, found.preset, found.problems]).toEqual([
      ...[true, 'x.toml', 'debug', []],
    ]);
    const twice = readEnvironment({ NEBULA_MEMORY_ARENA_ZERO: 'true', nebula_memory_arena_zero: 'false' }, 'win32');
    expect(twice.problems).toMatchObject([{ kind: 'contradiction' }]);
  });
});

test('a preset that is misspelt is told where a stronger one counts, too', () => {
  const found = problemsOf({ text: 'preset = "prodution"', env: { NEBULA_MEMORY_PRESET: 'debug' } });
  expect(found).toMatchObject([{ kind: 'bad-value', source: { kind: 'file', line: 1 } }]);
  expect(load({ text: 'preset = "fleet"', env: { NEBULA_MEMORY_PRESET: 'debug' }, preset: 'embedded' }).preset).toBe(
    'debug',
  );
});

describe('what is printed', () => {
  const BAD = '\u001b[2J\u009b\u202e\u2028\n\r\u0007';

  test.each<[string, () => unknown]>([
    ['the name of a variable', () => load({ env: { [`NEBULA_MEMORY_${BAD}`]: '5' } })],
    ['the text of a variable', () => load({ env: { NEBULA_MEMORY_ARENA_ZERO: BAD } })],
    ['the name of a file', () => load({ file: `${BAD}.json`, text: '{' })],
    ['a key', () => load({ file: 'a.json', text: JSON.stringify({ [BAD]: 1, arena: { [BAD]: 2 } }) })],
    ['a value', () => load({ file: 'a.json', text: JSON.stringify({ arena: { zero: BAD }, preset: BAD }) })],
    ['broken JSON', () => load({ file: 'a.json', text: BAD })],
    ['broken TOML', () => load({ text: `a = ${BAD}` })],
    [
      'what a reader throws',
      () =>
        MemoryConfig.load({
          env: {},
          file: 'a.json',
          readFile: () => {
            throw new Error(BAD);
          },
        }),
    ],
  ])('of %s does nothing to a screen', (_, work) => {
    const { message } = errorOf(work);
    for (const line of message.split('\n')) expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  });
});

test('a large file of wrong keys is told in short, and does not hold up the service', () => {
  const many = Object.fromEntries(Array.from({ length: 40_000 }, (_, index) => [`k${index}`, 1]));
  const twice = `{${'"arena":{"zero":true},'.repeat(20_000)}"pool":{}}`;
  const texts = [
    ['memory.json', JSON.stringify(many)],
    ['memory.json', JSON.stringify({ arena: many })],
    ['memory.json', JSON.stringify({ arena: { ...many, zero: 'x' } })],
    ['memory.json', twice],
    ['memory.toml', Object.keys(many).join(' = 1\n')],
  ] as const;
  for (const [file, text] of texts) {
    const found = problemsOf({ file, text });
    expect([found.length > 0, found.length <= 202]).toEqual([true, true]);
  }
});

test('an environment of wrong names is told in short', () => {
  const env = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`NEBULA_MEMORY_X${index}`, '1']));
  expect(MemoryConfig.validate({ env, file: null })).toHaveLength(101);
});

describe('a watcher', () => {
  const ARENA = ['[arena]\nzero = false', '[arena]\nzero = true'] as const;

  test('tells as error what a listener rejects with, and no listener of errors ends the process', async () => {
    let text: string = ARENA[0];
    using watcher = watchConfig({ env: {}, file: 'memory.toml', readFile: () => text, watch: false });
    const errors: string[] = [];
    watcher.on('change', async () => {
      throw new Error('late boom');
    });
    watcher.on('error', ({ message }) => errors.push(message));
    watcher.on('error', async () => {
      throw new Error('later');
    });
    text = ARENA[1];
    watcher.reload();
    await sleep(1);
    expect(errors).toEqual(["ConfigWatcher: a listener of 'change' threw: late boom"]);
  });

  test('that is ended by a listener tells nobody else', () => {
    let text: string = ARENA[0];
    const watcher = watchConfig({ env: {}, file: 'memory.toml', readFile: () => text, watch: false });
    const heard: string[] = [];
    watcher.on('change', () => watcher.dispose());
    watcher.on('change', ({ path }) => heard.push(path));
    text = ARENA[1];
    watcher.reload();
    expect(heard).toEqual([]);
  });
});

describe('a file that is watched', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nebula-half-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('is not read while it is written', async () => {
    const file = join(folder, 'memory.toml');
    writeFileSync(file, '[arena]\nzero = true\n');
    using watcher = watchConfig({ env: {}, file, intervalMs: 10 });
    const seen: unknown[] = [];
    watcher.on('change', ({ path, to }) => seen.push([path, to]));
    // As an editor does: first nothing, then the text; the file is never quiet for long.
    truncateSync(file);
    for (let part = 0; part < 12; part += 1) {
      await sleep(4);
      writeFileSync(file, '#'.repeat(part));
    }
    writeFileSync(file, '[arena]\nzero = true\nbuffers = 16\nalignment = 16\n');
    while (seen.length === 0) await sleep(5);
    expect(seen).toEqual([['arena.alignment', 16]]);
  });

  test('may vanish, come back, or be another kind of thing, and nothing waits', async () => {
    const file = join(folder, 'other.toml');
    writeFileSync(file, '[arena]\nzero = true\n');
    using watcher = watchConfig({ env: {}, file, intervalMs: 10 });
    const next = () => new Promise<string>((done) => watcher.once('error', ({ message }) => done(message)));
    let told = next();
    rmSync(file);
    expect(await told).toContain('there is no such file');
    if (process.platform !== 'win32') {
      told = next();
      execFileSync('mkfifo', [file]);
      expect(await told).toContain('no ordinary file');
      rmSync(file);
    }
    told = next();
    execFileSync('mkdir', [file]);
    expect(await told).toContain('folder');
    rmSync(file, { recursive: true });
    const change = new Promise((done) => watcher.once('change', ({ to }) => done(to)));
    writeFileSync(`${file}.new`, '[arena]\nzero = false\n');
    renameSync(`${file}.new`, file);
    expect(await change).toBe(false);
  });

  test('tells nothing once it was stopped', async () => {
    const file = join(folder, 'stopped.toml');
    writeFileSync(file, '');
    let told = 0;
    const stop = pollFile(file, () => (told += 1), 10);
    writeFileSync(file, '# other');
    stop();
    await sleep(60);
    expect(told).toBe(0);
  });
});

describe('the schema and the loader agree', () => {
  const schema = configSchema() as Parameters<typeof accepts>[0];
  const number = fc.oneof(
    fc.constantFrom(
      0,
      -0,
      1,
      -1,
      0.5,
      1.5,
      2 ** 31,
      2 ** 32,
      2 ** 40,
      2 ** 53,
      2 ** 53 - 1,
      2 ** 53 + 2,
      1e300,
      1e-300,
    ),
    fc.integer({ min: -5, max: 70_000 }),
    fc.double({ noNaN: true, noDefaultInfinity: true, min: -2, max: 1e17 }),
  );
  const text = fc.oneof(
    fc.constantFrom(
      ...['', ' ', '5', '+5', '-0', '-5', '0x10', '1e3', '5 KiB', '+1.5MiB', ' 4096 ', '5kib', '5%', '500%'],
    ),
    fc.constantFrom(
      ...['-0.0s', '5ms', '5 min', '5 sec', '1_000', '٣', '5\u00a0KiB', `${'9'.repeat(31)}`, `5${' '.repeat(100)}`],
    ),
    fc
      .tuple(number, fc.constantFrom('', 'B', 'KiB', 'MB', 'ms', 's', 'us', '%', ' h', 'm'))
      .map((parts) => parts.join('')),
    fc.constantFrom(...CONFIG_FIELDS.flatMap(({ choices, word }) => [...choices.map(String), word ?? 'none'])),
  );
  const value = fc.oneof(number, text, fc.boolean(), fc.constantFrom(null, [], {}));

  test('about one value', () => {
    const one = fc.tuple(fc.constantFrom(...CONFIG_FIELDS), value);
    fc.assert(
      fc.property(one, ([{ section, name }, said]) => {
        const tree = JSON.parse(JSON.stringify({ [section]: { [name]: said } })) as object;
        const found = problemsOf({ file: 'memory.json', text: JSON.stringify(tree) });
        const isLoaded = found.every(({ kind }) => kind === 'contradiction');
        const isAccepted = accepts(schema, tree);
        if (isLoaded) expect([tree, isAccepted]).toEqual([tree, true]);
        // How much a text is, and of how many bytes, no pattern can say.
        else if (typeof said !== 'string') expect([tree, isAccepted]).toEqual([tree, false]);
        else if (isAccepted) expect(found[0]?.message).toMatch(/from \d|a multiple|whole number/);
      }),
      { numRuns: 3000 },
    );
  });

  test('about trees', () => {
    const names = CONFIG_FIELDS.flatMap(({ section, name }) => [section, name]);
    const key = fc.constantFrom(...names, '__proto__', 'constructor', 'preset', '$schema', 'zzz');
    const field = fc
      .constantFrom(...CONFIG_FIELDS)
      .map(({ section, name, fallback }) => ({ [section]: { [name]: fallback } }));
    const preset = fc.oneof(fc.constantFrom(...Object.keys(CONFIG_PRESETS)), fc.constantFrom('debugg', 5, null));
    const tree = fc.oneof(
      fc.array(field, { maxLength: 4 }).map((trees) => Object.assign({}, ...trees) as object),
      fc.record({ preset, $schema: fc.constantFrom('x', 5, null) }, { requiredKeys: [] }),
      fc.dictionary(key, fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.dictionary(key, number, { maxKeys: 2 })), {
        maxKeys: 3,
      }),
      fc.jsonValue({ maxDepth: 1 }),
    );
    fc.assert(
      fc.property(tree, (said) => {
        const json = JSON.stringify(said);
        const found = problemsOf({ file: 'memory.json', text: json });
        const isLoaded = found.every(({ kind }) => kind === 'contradiction');
        expect([json, accepts(schema, JSON.parse(json))]).toEqual([json, isLoaded]);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the largest values', () => {
  test('of a pool make one', () => {
    const text = '[allocator]\nkind = "block"\n[pool]\nblockBytes = 1\nmaxBytes = 9007199254740991';
    using factory = new AllocatorFactory();
    const config = load({ text });
    using allocator = factory.create(config.toAllocatorDescription());
    expect([config.toBlockOptions().maxBlocks, allocator.allocate(1)]).toEqual([2 ** 31 - 4, expect.any(Number)]);
  });

  test('of a time fit a timer where they become one', () => {
    for (const path of ['provider.decayMs', 'monitor.intervalMs'] as const) {
      expect(CONFIG_FIELDS.find((field) => field.path === path)?.max).toBe(2 ** 31 - 1);
    }
  });
});

describe('odd arguments', () => {
  const revoked = (() => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  })();
  const throwing = {
    get arena(): never {
      throw new TypeError('getter');
    },
    get env(): never {
      throw new TypeError('getter');
    },
  };
  const odd = [
    null,
    5n,
    Symbol('x'),
    '5',
    Number.NaN,
    -1,
    [],
    () => 5,
    new Map(),
    new Date(),
    revoked,
    throwing,
    Object.freeze(Object.create(null)),
  ];

  test.each(odd.map((value, index) => [index, value as never] as const))(
    'number %i are taken or refused as ours',
    (_, value) => {
      const config = load();
      const calls = [
        () => MemoryConfig.load(value),
        () => MemoryConfig.validate(value),
        () => MemoryConfig.fromEnv(value),
        () => MemoryConfig.of(value),
        () => MemoryConfig.of({}, value),
        () => MemoryConfig.of({ arena: value }),
        () => MemoryConfig.of({ arena: { chunkBytes: value } }),
        () => MemoryConfig.of({ arena: { onReset: value, alignment: value, zero: value } }),
        () => watchConfig(value),
        ...['env', 'file', 'code', 'preset', 'cwd', 'readFile', 'watch', 'intervalMs', 'watchFile'].map(
          (key) => () => watchConfig({ env: {}, watch: false, [key]: value })[Symbol.dispose](),
        ),
        () => config.get(value),
        () => config.sourceOf(value),
        () => config.candidatesOf(value),
      ];
      for (const call of calls) {
        try {
          call();
        } catch (error) {
          expect((error as { code?: unknown }).code).toMatch(/^ERR_MEMORY_/);
        }
      }
    },
  );
});
