import { stripVTControlCharacters } from 'node:util';
import type { SectionName } from '../../lib/cli/commands';
import type { ProbeData } from '../../lib/cli/probe/data';
import { renderCaches } from '../../lib/cli/probe/screens/caches';
import { renderCapabilities } from '../../lib/cli/probe/screens/capabilities';
import { renderHugePages } from '../../lib/cli/probe/screens/huge-pages';
import { renderLimits } from '../../lib/cli/probe/screens/limits';
import { renderNuma } from '../../lib/cli/probe/screens/numa';
import { renderPressure } from '../../lib/cli/probe/screens/pressure';
import { renderProcess } from '../../lib/cli/probe/screens/process';
import { renderSummary } from '../../lib/cli/probe/screens/summary';
import { renderTopology } from '../../lib/cli/probe/screens/topology';
import type { View } from '../../lib/cli/render/view';
import { copiedData, liveData, viewOf } from './support/data';
import { expectGolden } from './support/golden';
import { BARE, MANY_NODES } from './support/machines';

const SCREENS: Readonly<Record<SectionName | 'summary', (data: ProbeData, view: View) => string>> = {
  summary: renderSummary,
  topology: renderTopology,
  numa: renderNuma,
  hugepages: renderHugePages,
  limits: renderLimits,
  pressure: renderPressure,
  process: renderProcess,
  capabilities: renderCapabilities,
  caches: renderCaches,
};
const NAMES = Object.keys(SCREENS) as (keyof typeof SCREENS)[];
const ESCAPE = '\u001b';

const two = liveData();
const many = copiedData(MANY_NODES);
const bare = copiedData(BARE);

describe.each([80, 40])('at %i columns', (width) => {
  test.each(NAMES)('%s looks as agreed', (name) => {
    expectGolden(`${name}-${width}`, SCREENS[name](two, viewOf(width)));
  });

  test.each(['summary', 'topology', 'numa'] as const)('%s of 64 nodes looks as agreed', (name) => {
    expectGolden(`${name}-64-nodes-${width}`, SCREENS[name](many, viewOf(width)));
  });

  test('a machine that tells next to nothing looks as agreed', () => {
    const screens = NAMES.map((name) => SCREENS[name](bare, viewOf(width)));
    expectGolden(`bare-${width}`, screens.filter((text) => text !== '').join(`${'='.repeat(width)}\n`));
  });
});

describe.each(NAMES)('%s', (name) => {
  const draw = SCREENS[name];

  test('no line is longer than the width, at any width', () => {
    for (const data of [two, many, bare]) {
      for (let width = 20; width <= 130; width += 3) {
        for (const bytes of [false, true]) {
          const longest = Math.max(
            ...draw(data, viewOf(width, { bytes }))
              .split('\n')
              .map((line) => line.length),
          );
          expect({ width, bytes, fits: longest <= width }).toEqual({ width, bytes, fits: true });
        }
      }
    }
  });

  test('has colors only where asked, and the same words with them', () => {
    const plain = draw(two, viewOf(80));
    const colored = draw(two, viewOf(80, { color: true }));
    expect(plain).not.toContain(ESCAPE);
    expect(colored).toContain(ESCAPE);
    expect(stripVTControlCharacters(colored)).toBe(plain);
  });

  test('is pure ASCII without Unicode', () => {
    expect(draw(two, viewOf(80, { unicode: false }))).toMatch(/^[\n -~]*$/);
  });

  test('ends with one line end and has no trailing blanks', () => {
    const text = draw(two, viewOf(80));
    expect(text).toMatch(/\S\n$/);
    expect(text).not.toMatch(/[ \t]\n/);
  });
});

test('--bytes shows exact bytes and no rounded size', () => {
  const text = renderLimits(two, viewOf(80, { bytes: true }));
  expect(text).toContain('4294967296 B');
  expect(text).not.toMatch(/\d [KMG]iB/);
});

test('--quiet leaves the hints out', () => {
  const quiet = renderSummary(two, viewOf(80, { quiet: true }));
  expect(quiet).not.toMatch(/^ {2}fix/m);
  expect(quiet).not.toContain('More:');
  expect(quiet).toContain('why');
});

test('what comes from the machine cannot steer the terminal', () => {
  const host = { ...two.host, cpuModel: 'evil\u001b[2Jmodel\u202e\n' };
  expect(renderTopology({ ...two, host }, viewOf(80))).toContain('evil?[2Jmodel?');
});
