import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CONFIG_FIELDS, CONFIG_PRESETS, configSchema } from '../../../lib/system/config';
import { PROBES } from './probes';
import { accepts, type Schema } from './schema';

const ROOT = resolve(__dirname, '../../..');
const published = JSON.parse(readFileSync(join(ROOT, 'docs', 'config.schema.json'), 'utf8')) as Schema;

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
