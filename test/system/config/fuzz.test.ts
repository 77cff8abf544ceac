import fc from 'fast-check';
import { CONFIG_FIELDS, type ConfigField, type ConfigInput, MemoryConfig } from '../../../lib/system/config';
import { inMemory, load, toToml } from './support';

const RUNS = { numRuns: 400 };

/** Pieces that files are made of, so that the texts come close to right ones. */
const piece = fc.oneof(
  fc.constantFrom(...'[]{}=":,.#\n\r \'\\-'.split('')),
  fc.constantFrom('arena', 'chunkBytes', 'preset', '"64KiB"', 'true', '1e9', '__proto__', 'constructor', '\u0000', 'é'),
  fc.string({ maxLength: 6 }),
);
const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));

describe('whatever a source says', () => {
  test.each(['memory.toml', 'memory.json'])('%s ends in a list of problems and never in another error', (file) => {
    fc.assert(
      fc.property(text, (said) => {
        const found = MemoryConfig.validate(inMemory({ text: said, file }));
        for (const { message, code } of found) expect([typeof message, code]).toEqual(['string', 'ERR_MEMORY_CONFIG']);
      }),
      RUNS,
    );
  });

  test('trees of JSON do too, with a problem for every wrong leaf', () => {
    const names = CONFIG_FIELDS.flatMap(({ section, name }) => [section, name]);
    const key = fc.oneof(fc.constantFrom(...names, '__proto__', 'toString'), fc.string({ maxLength: 5 }));
    const tree = fc.dictionary(key, fc.oneof(fc.jsonValue(), fc.dictionary(key, fc.jsonValue(), { maxKeys: 4 })));
    fc.assert(
      fc.property(tree, (said) => {
        const fromFile = MemoryConfig.validate(inMemory({ text: JSON.stringify(said), file: 'memory.json' }));
        expect(fromFile.every(({ kind }) => kind !== 'malformed')).toBe(true);
        MemoryConfig.validate(inMemory({ code: said as never }));
      }),
      RUNS,
    );
  });

  test('variables do too', () => {
    const name = fc.oneof(fc.constantFrom(...CONFIG_FIELDS.map(({ env }) => env)), fc.string({ maxLength: 30 }));
    fc.assert(
      fc.property(fc.dictionary(name, fc.string({ maxLength: 20 })), (env) => {
        MemoryConfig.validate({ env, file: null });
      }),
      RUNS,
    );
  });

  test('a file of the greatest size is read in its time', () => {
    const long = JSON.stringify({ zzz: 'x'.repeat(2 ** 20 - 20) });
    expect(MemoryConfig.validate(inMemory({ text: long, file: 'memory.json' }))).toHaveLength(1);
    const deep = `{"zzz":${'['.repeat(2 ** 19 - 10)}${']'.repeat(2 ** 19 - 10)}}`;
    expect(MemoryConfig.validate(inMemory({ text: deep, file: 'memory.json' })).length).toBe(1);
    for (const filler of ['#', ' ', 'a = 1\n', '[a.', '"', '\n']) {
      const toml = filler.repeat(Math.floor(2 ** 20 / filler.length));
      MemoryConfig.validate(inMemory({ text: toml }));
    }
  });
});

/** A value that a field accepts. */
function accepted(field: ConfigField): fc.Arbitrary<string | number | boolean> {
  const { type, choices, word, multipleOf } = field;
  const min = field.min ?? 0;
  const max = Math.min(field.max ?? 2 ** 40, 2 ** 40);
  const plain =
    choices.length > 0
      ? fc.constantFrom(...choices)
      : type === 'boolean'
        ? fc.boolean()
        : type === 'ratio' || type === 'number'
          ? fc.double({ min, max, noNaN: true })
          : fc.integer({ min: Math.ceil(min), max }).map((value) => value - (value % (multipleOf ?? 1)));
  return word === null ? plain : fc.oneof(plain, fc.constant(word));
}

test('a value that is accepted is the same from every source', () => {
  const one = fc.constantFrom(...CONFIG_FIELDS).chain((field) => fc.tuple(fc.constant(field), accepted(field)));
  fc.assert(
    fc.property(one, ([field, value]) => {
      const tree = { [field.section]: { [field.name]: value } } as ConfigInput;
      const ways = [
        { env: { [field.env]: String(value) } },
        { text: toToml(tree) },
        { text: JSON.stringify(tree), file: 'memory.json' },
        { code: tree },
      ];
      // Contradictions with what is not set are another matter.
      const problems = ways.map((way) => MemoryConfig.validate(inMemory(way)).map(({ kind }) => kind));
      for (const kinds of problems) expect(kinds.every((kind) => kind === 'contradiction')).toBe(true);
      if (problems.some((kinds) => kinds.length > 0)) return;
      for (const way of ways) expect(load(way).get(field.path)).toBe(value === 0 ? 0 : value);
    }),
    RUNS,
  );
});
