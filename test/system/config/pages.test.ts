import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CONFIG_FIELDS, CONFIG_PRESETS, configSchema } from '../../../lib/system/config';
import { PROBES } from './probes';

const ROOT = resolve(__dirname, '../../..');
const published = JSON.parse(readFileSync(join(ROOT, 'docs', 'config.schema.json'), 'utf8')) as Schema;

interface Schema {
  readonly [keyword: string]: unknown;
}

/** The keywords that the schema uses; any other is an error of this test. */
function accepts(schema: Schema, value: unknown): boolean {
  return Object.entries(schema).every(([keyword, argument]) => {
    switch (keyword) {
      case '$schema':
      case 'title':
      case 'description':
      case 'default':
        return true;
      case 'type':
        return argument === 'integer' ? Number.isInteger(value) : kindOf(value) === argument;
      case 'enum':
        return (argument as unknown[]).includes(value);
      case 'const':
        return value === argument;
      case 'minimum':
        return typeof value !== 'number' || value >= (argument as number);
      case 'maximum':
        return typeof value !== 'number' || value <= (argument as number);
      case 'multipleOf':
        return typeof value !== 'number' || value % (argument as number) === 0;
      case 'pattern':
        return typeof value !== 'string' || new RegExp(argument as string, 'u').test(value);
      case 'anyOf':
        return (argument as Schema[]).some((one) => accepts(one, value));
      case 'additionalProperties': {
        const known = Object.keys(schema['properties'] as object);
        return Object.keys(value as object).every((key) => known.includes(key));
      }
      case 'properties':
        return Object.entries(argument as Record<string, Schema>).every(
          ([key, one]) => !Object.hasOwn(value as object, key) || accepts(one, (value as Schema)[key]),
        );
      default:
        throw new Error(`the schema uses ${keyword}`);
    }
  });
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
}

test('docs/config.schema.json is what the table gives', () => {
  expect(published).toEqual(JSON.parse(JSON.stringify(configSchema())));
});

test('docs/config.md is what the table gives', () => {
  const script = join(ROOT, 'lib', 'scripts', 'config-pages.mjs');
  const { stderr, status } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
});

describe('the schema', () => {
  test('accepts every default, every sample, every word and every preset', () => {
    for (const { path, section, name, fallback, word } of CONFIG_FIELDS) {
      for (const value of [fallback, PROBES[path].sample, word ?? fallback]) {
        expect([path, value, accepts(published, { [section]: { [name]: value } })]).toEqual([path, value, true]);
      }
    }
    for (const [preset, tree] of Object.entries(CONFIG_PRESETS)) {
      expect(accepts(published, { $schema: 'x', preset, ...tree })).toBe(true);
    }
  });

  test.each([
    { arena: { chunkByte: 1 } },
    { arean: {} },
    { arena: 3 },
    { preset: 'prod' },
    { arena: { chunkBytes: '64 mb' } },
    { arena: { chunkBytes: -1 } },
    { arena: { segmentBytes: 5000 } },
    { arena: { alignment: 48 } },
    { arena: { zero: 'true' } },
    { monitor: { stepRatio: 2 } },
    { allocator: { kind: 'heep' } },
    { budget: { limitBytes: 'none' } },
  ])('refuses %j', (tree) => {
    expect(accepts(published, tree)).toBe(false);
  });
});
