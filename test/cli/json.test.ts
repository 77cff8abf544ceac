import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SECTIONS } from '../../lib/cli/commands';
import { probeJson } from '../../lib/cli/probe/json';
import { explainNulls } from '../../lib/cli/unknown';
import { copiedData, liveData } from './support/data';
import { BARE, MANY_NODES, TWO_NODES } from './support/machines';
import { type Schema, undescribed, validate } from './support/schema';

const schema = JSON.parse(readFileSync(join(__dirname, '../../docs/probe.schema.json'), 'utf8')) as Schema;
const AT = new Date('2026-01-02T03:04:05.678Z');

interface Report {
  readonly degraded: readonly { readonly field: string }[];
  readonly [key: string]: unknown;
}

function report(data: Parameters<typeof probeJson>[0]): Report {
  return JSON.parse(probeJson(data, null, AT)) as Report;
}

describe.each([
  ['a live machine', () => liveData()],
  ['a copy', () => copiedData(TWO_NODES)],
  ['64 nodes', () => copiedData(MANY_NODES)],
  ['a machine that tells next to nothing', () => copiedData(BARE)],
])('the report of %s', (_, make) => {
  const made = report(make());

  test('matches the published schema, which describes every key', () => {
    expect(validate(made, schema)).toEqual([]);
    expect(undescribed(made, schema)).toEqual([]);
  });

  test('has a reason for every null', () => {
    const { degraded, ...rest } = made;
    expect(explainNulls(rest, degraded as never)).toHaveLength(degraded.length);
  });
});

describe('the schema', () => {
  const made = report(liveData());

  test.each([
    ['a size as text', { limits: { ...(made['limits'] as object), effectiveBytes: '4 GiB' } }],
    ['a fraction of a byte', { heap: { limitBytes: 0.5, usedBytes: 1, spaces: [] } }],
    ['another version', { schemaVersion: 2 }],
    ['an unknown section', { section: 'disks' }],
    ['a part that is missing', { topology: undefined }],
  ])('refuses %s', (_, over) => {
    const changed: unknown = JSON.parse(JSON.stringify({ ...made, ...over }));
    expect(validate(changed, schema)).not.toEqual([]);
  });

  test('asks each section for its own parts', () => {
    for (const { name } of SECTIONS) {
      const missing = validate({ ...made, section: name }, schema);
      expect(missing).toEqual([]);
      expect(validate({ section: name }, schema).length).toBeGreaterThan(Object.keys(made).length - 20);
    }
  });
});

test('a limit that is not set is a word, and an unknown one is null', () => {
  const { limits } = report(copiedData(TWO_NODES)) as unknown as { limits: { rlimits: object; cgroups: object[] } };
  expect(limits.rlimits).toMatchObject({ as: { soft: 'unlimited' }, memlock: { soft: 65536 } });
  expect(limits.cgroups[0]).toMatchObject({ maxBytes: 4294967296, swapMaxBytes: 'unlimited' });
  expect(report(copiedData(BARE))['limits']).toMatchObject({ rlimits: null });
});

test('explains a null once for all entries of a list, and not where something around it is explained', () => {
  const known = [{ field: 'a', reason: 'gone', fix: null }];
  const added = explainNulls({ a: { b: null }, list: [{ x: null }, { x: null }], c: 1 }, known).slice(1);
  expect(added.map(({ field }) => field)).toEqual(['list[].x']);
});
