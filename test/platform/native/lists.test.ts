import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ACCESS, ADVICE, CODES, FEATURES, KINDS, machineFacts, native, POLICIES } from '../../../lib/platform/native';

// The lists of binding.ts are positions in the enums of the C++ headers: both are read and compared word by word.

const NATIVE = resolve(__dirname, '../../../native');

/** The enumerators of `enum class name`, in order, with their values. */
function enumOf(file: string, name: string): [string, number][] {
  const text = readFileSync(`${NATIVE}/${file}`, 'utf8').replace(/\/\/.*$|\/\*.*?\*\//gm, '');
  const body = new RegExp(`enum class ${name}\\b[^{]*\\{([^}]*)\\}`).exec(text)?.[1];
  if (body === undefined) throw new Error(`${file} has no enum class ${name}`);
  let next = 0;
  return body
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const [, word = '', value] = /^k(\w+)(?:\s*=\s*(\d+))?$/.exec(part) ?? [];
      if (value !== undefined) next = Number(value);
      return [word, next++];
    });
}

const plain = (word: string): string => word.toLowerCase().replaceAll('_', '');

// Where the kernel's word or the user's is not the word of the header.
const OTHER_WORDS: Record<string, string> = {
  huge: 'hugepage',
  nohuge: 'nohugepage',
  dump: 'dodump',
  nodump: 'dontdump',
  fork: 'dofork',
  nofork: 'dontfork',
  merge: 'mergeable',
  nomerge: 'unmergeable',
  huge2mib: 'hugepages2mib',
  huge1gib: 'hugepages1gib',
  transparenthuge: 'transparenthugepages',
  namedobjects: 'namedshared',
};

test.each<[string, string, readonly string[], Record<string, string>]>([
  ['platform/platform.h', 'Advice', ADVICE, OTHER_WORDS],
  ['platform/platform.h', 'Policy', POLICIES, {}],
  ['platform/platform.h', 'Feature', FEATURES, { ...OTHER_WORDS, nodump: 'excludefromdump' }],
  ['platform/platform.h', 'Access', ACCESS, {}],
  ['region/region.h', 'Kind', KINDS, {}],
])('%s: %s', (file, name, list, others) => {
  const header = enumOf(file, name).filter(
    ([word]) => !(name === 'Advice' && ['Remove', 'Guard', 'NoGuard'].includes(word)),
  );
  expect(header.map(([word]) => others[plain(word)] ?? plain(word))).toEqual(list.map(plain));
  expect(header.map(([, value]) => value)).toEqual(list.map((_, at) => at));
});

test('advice that only the native half may give comes after what users may name', () => {
  const names = enumOf('platform/platform.h', 'Advice').map(([word]) => word);
  expect(names.slice(ADVICE.length)).toEqual(['Remove', 'Guard', 'NoGuard']);
});

test('core/core.h: Code', () => {
  const [ok, ...codes] = enumOf('core/core.h', 'Code');
  expect(ok).toEqual(['Ok', 0]);
  expect(codes.map(([word, value]) => [plain(word), value])).toEqual(
    Object.entries(CODES).map(([word, value]) => [plain(word), value]),
  );
});

test('the parser sees an enum that differs', () => {
  expect(enumOf('platform/platform.h', 'Sharing').map(([word]) => word)).toEqual([
    'CopyOnWrite',
    'Shared',
    'SharedSync',
  ]);
  expect(() => enumOf('platform/platform.h', 'Nowhere')).toThrow('Nowhere');
});

test('every call of the interface is exported, and no other', () => {
  const text = readFileSync(resolve(__dirname, '../../../lib/platform/native/binding.ts'), 'utf8');
  const body = /export interface NativeBinding \{([\s\S]*?)\n\}/.exec(text)?.[1] ?? '';
  const declared = [...body.matchAll(/^ {2}(\w+)[(:]/gm)].map(([, name]) => name);
  const exported = Object.keys(native() as object);
  expect(declared.length).toBeGreaterThan(40);
  expect(exported.filter((name) => !declared.includes(name))).toEqual([]);
  expect(declared.filter((name) => !exported.includes(name ?? ''))).toEqual([]);
});

test('the facts of the machine agree with the process', () => {
  const facts = machineFacts();
  expect(facts.platform).toBe(process.platform === 'linux' ? 'linux' : facts.platform);
  expect(Number.isInteger(Math.log2(facts.pageBytes))).toBe(true);
  expect(facts.granularityBytes % facts.pageBytes).toBe(0);
  expect(facts.sourceHash).toMatch(/./);
});

test('arguments that no TypeScript would pass are failures and end nothing', () => {
  const binding = native() as unknown as Record<string, (...args: unknown[]) => unknown>;
  const junk = [
    undefined,
    null,
    -1,
    1.5,
    Number.NaN,
    2 ** 60,
    'x',
    {},
    [],
    () => 1,
    Symbol('x'),
    1n,
    new Uint8Array(1),
    true,
  ];
  // These act on the process or wait, whatever they are given.
  const skip = new Set([
    'configureQuarantine',
    'configureMappingLimit',
    'drain',
    'idle',
    'runOn',
    'machine',
    'totals',
    'sharedCarrier',
    'faultEpoch',
  ]);
  let calls = 0;
  for (const [name, call] of Object.entries(binding)) {
    if (skip.has(name)) continue;
    for (const value of junk) {
      for (const count of [0, 1, 3, 9]) {
        const result = call(...Array.from({ length: count }, () => value));
        const harmless =
          result === undefined ||
          typeof result !== 'object' ||
          'failed' in (result as object) ||
          name === 'currentProcessor';
        expect([name, count, harmless]).toEqual([name, count, true]);
        calls += 1;
      }
    }
  }
  expect(calls).toBeGreaterThan(1000);
});
