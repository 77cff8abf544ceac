import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { Arena, ArenaMap, ArenaString, ArenaVec } from '../../lib/arenas';
import { codeOf } from './support';

const WRONG: readonly (readonly ['u8' | 'i16' | 'u32' | 'i64' | 'u64', unknown, string])[] = [
  ['u8', 256, 'ERR_MEMORY_OUT_OF_RANGE'],
  ['u8', -1, 'ERR_MEMORY_OUT_OF_RANGE'],
  ['u8', 1.5, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ['i16', 40_000, 'ERR_MEMORY_OUT_OF_RANGE'],
  ['u32', Number.NaN, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ['u32', -1, 'ERR_MEMORY_OUT_OF_RANGE'],
  ['u64', -1n, 'ERR_MEMORY_OUT_OF_RANGE'],
  ['i64', 2n ** 63n, 'ERR_MEMORY_OUT_OF_RANGE'],
  ['u64', 1, 'ERR_MEMORY_INVALID_ARGUMENT'],
];

test.each(WRONG)('%s refuses %p and stays as it was', (kind, value, code) => {
  using arena = new Arena('4KiB');
  const vec = new ArenaVec(arena, kind, { capacity: 1 });
  const one = (kind.endsWith('64') ? 1n : 1) as never;
  vec.push(one);
  expect(codeOf(() => vec.push(value as never))).toBe(code);
  expect(codeOf(() => vec.set(0, value as never))).toBe(code);
  expect(codeOf(() => vec.extend([one, value] as never))).toBe(code);
  expect([...vec]).toEqual([one]);
  const map = new ArenaMap(arena, { values: kind });
  map.set('a', one);
  expect(codeOf(() => map.set('a', value as never))).toBe(code);
  expect(codeOf(() => map.set('b', value as never))).toBe(code);
  expect([...map]).toEqual([['a', one]]);
});

test('a list that changes while it is appended leaves the vec as it was', () => {
  using arena = new Arena('4KiB');
  const vec = new ArenaVec(arena, 'u8');
  vec.push(1);
  let asked = 0;
  const changing = {
    length: 2,
    0: 5,
    get 1() {
      asked += 1;
      return asked === 1 ? 6 : 300;
    },
  };
  expect(codeOf(() => vec.extend(changing))).toBe('ERR_MEMORY_OUT_OF_RANGE');
  expect([...vec]).toEqual([1]);
  for (const values of [null, undefined, 5, { length: 2 ** 40 }, { length: -1 }, { length: '2' }]) {
    expect(codeOf(() => vec.extend(values as never))).toMatch(/^ERR_MEMORY_(INVALID_ARGUMENT|OUT_OF_RANGE)$/);
  }
  expect(vec.extend(new Uint8Array([2, 3]))).toBe(3);
  expect(vec.extend(vec.view())).toBe(6);
  expect([...vec]).toEqual([1, 2, 3, 1, 2, 3]);
});

test('length, capacity and size of what the arena took back are errors', () => {
  using arena = new Arena('4KiB');
  const vec = new ArenaVec(arena, 'u8');
  vec.push(1);
  const text = new ArenaString(arena, 'x');
  const map = new ArenaMap(arena);
  map.set('a', 1);
  arena.reset();
  for (const use of [
    () => vec.length,
    () => vec.capacity,
    () => [...new ArenaVec(arena, 'u8'), ...vec],
    () => text.byteLength,
    () => map.size,
    () => [...map],
  ]) {
    expect(codeOf(use)).toBe('ERR_MEMORY_STALE_HANDLE');
  }
  expect([vec.valid, text.valid, map.valid]).toEqual([false, false, false]);
});

test('a map of which a part grew inside a scope is not valid after it', () => {
  using arena = new Arena('4KiB');
  const map = new ArenaMap(arena, { values: 'string' });
  const mark = arena.mark();
  map.set('a', 'x'.repeat(5000));
  arena.rewind(mark);
  expect(map.valid).toBe(false);
  expect(codeOf(() => map.get('a'))).toBe('ERR_MEMORY_STALE_HANDLE');
});

describe('a map through which keys come and go', () => {
  test.each([
    ['number', 'f64'],
    ['string', 'string'],
    ['string', 'u32'],
    ['number', 'string'],
  ] as const)('of %s to %s needs no more room', (keys, values) => {
    using arena = new Arena('4KiB', { limitBytes: '64KiB' });
    const map = new ArenaMap(arena, { keys, values });
    const keyOf = (i: number) => (keys === 'number' ? i : `key ${i}`) as never;
    const textOf = (i: number) => (values === 'string' ? `value ${i}` : i) as never;
    map.set(keyOf(-1), textOf(1));
    for (let i = 0; i < 5000; i += 1) {
      map.set(keyOf(i), textOf(i));
      map.delete(keyOf(i));
    }
    expect([...map]).toEqual([[keyOf(-1), textOf(1)]]);
    expect(arena.usedBytes).toBeLessThan(4096);
  });

  test('values that are replaced by longer and shorter ones need no more room', () => {
    using arena = new Arena('4KiB', { limitBytes: '64KiB' });
    const map = new ArenaMap(arena, { values: 'string' });
    map.set('other', 'stays');
    for (let i = 0; i < 5000; i += 1) map.set('key', 'x'.repeat(i % 200));
    expect(new Map(map)).toEqual(
      new Map([
        ['other', 'stays'],
        ['key', 'x'.repeat(199)],
      ]),
    );
  });

  test('and the former table gives its blocks back when a map grows', () => {
    using arena = new Arena('4KiB');
    const map = new ArenaMap(arena, { keys: 'number' });
    const before = arena.stats().liveAllocations;
    for (let i = 0; i < 5000; i += 1) map.set(i, i);
    expect(arena.stats().liveAllocations).toBe(before);
    expect(map.size).toBe(5000);
  });

  test('at the limit uses the room of what was deleted, and is unchanged where there is none', () => {
    using arena = new Arena('4KiB', { limitBytes: '8KiB' });
    const map = new ArenaMap(arena, { keys: 'number', values: 'u32' });
    let last = 0;
    const fill = () =>
      codeOf(() => {
        for (;;) map.set(last++, 1);
      });
    expect(fill()).toMatch(/ERR_MEMORY_(ARENA_EXHAUSTED|TOO_LARGE)/);
    const { size } = map;
    const live = arena.stats().liveAllocations;
    expect(fill()).toMatch(/ERR_MEMORY_(ARENA_EXHAUSTED|TOO_LARGE)/);
    expect([map.size, arena.stats().liveAllocations]).toEqual([size, live]);
    expect(map.delete(0)).toBe(true);
    map.set(-1, 2);
    expect([map.get(-1), map.has(0), map.size, map.get(1)]).toEqual([2, false, size, 1]);
  });

  test('behaves as Map under churn', () => {
    const step = fc.record({ n: fc.nat(12), remove: fc.boolean(), text: fc.string({ maxLength: 30 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400, size: 'max' }), (program) => {
        using arena = new Arena('4KiB');
        const map = new ArenaMap(arena, { values: 'string', capacity: 1 });
        const model = new Map<string, string>();
        for (const { n, remove, text } of program) {
          const key = `k${n}`;
          if (remove) expect(map.delete(key)).toBe(model.delete(key));
          else {
            map.set(key, text);
            model.set(key, text);
          }
        }
        expect([...map]).toEqual([...model]);
        for (let n = 0; n < 13; n += 1) expect(map.get(`k${n}`)).toBe(model.get(`k${n}`));
      }),
      { numRuns: 60 },
    );
  });

  test('says so when it is rebuilt while it is iterated', () => {
    using arena = new Arena('4KiB');
    const map = new ArenaMap(arena, { keys: 'number' });
    for (let i = 0; i < 8; i += 1) map.set(i, i);
    for (let i = 1; i < 8; i += 1) map.delete(i);
    expect(
      codeOf(() => {
        for (const [key] of map) map.set(key + 100, 1);
      }),
    ).toBe('ERR_MEMORY_INVALID_STATE');
    expect([...map.keys()]).toEqual([0, 100]);
  });
});

test('collections print what they hold, and nothing that lies beside', () => {
  using arena = new Arena('4KiB');
  arena.alloc(2048).fill(0x53);
  arena.reset();
  const vec = new ArenaVec(arena, 'u8');
  vec.push(1);
  const text = new ArenaString(arena, 'grün');
  const map = new ArenaMap(arena, { values: 'string' });
  map.set('a', 'b');
  const shown = [vec, text, map].map((each) => inspect(each, { depth: 9 }));
  expect(shown).toEqual([
    "ArenaVec {\n  kind: 'u8',\n  length: 1,\n  capacity: 8,\n  items: Uint8Array(1) [ 1 ]\n}",
    "ArenaString { byteLength: 5, text: 'grün' }",
    "ArenaMap {\n  keys: 'string',\n  values: 'string',\n  size: 1,\n  entries: Map(1) { 'a' => 'b' }\n}",
  ]);
  arena.reset();
  expect(inspect([vec, text, map])).not.toContain('83');
});

const canTransfer = 'transfer' in ArrayBuffer.prototype;
(canTransfer ? test : test.skip)('collections find their memory again after a buffer was transferred away', () => {
  using arena = new Arena('4KiB');
  const vec = new ArenaVec(arena, 'u32');
  const map = new ArenaMap(arena, { values: 'string' });
  const take = () => (vec.view().buffer as ArrayBuffer & { transfer(): ArrayBuffer }).transfer();
  vec.extend([1, 2]);
  map.set('a', 'b');
  take();
  expect([vec.get(0), vec.length, map.get('a')]).toEqual([1, 2, 'b']);
  take();
  vec.set(0, 5);
  take();
  expect(vec.push(6)).toBe(3);
  take();
  expect([...vec]).toEqual([5, 2, 6]);
  take();
  expect([vec.pop(), vec.indexOf(2)]).toEqual([6, 1]);
  take();
  for (let i = 0; i < 100; i += 1) vec.push(i);
  take();
  map.set('c', 'd');
  take();
  expect(new Map(map)).toEqual(
    new Map([
      ['a', 'b'],
      ['c', 'd'],
    ]),
  );
  take();
  expect(codeOf(() => vec.get(0.5))).toBe('ERR_MEMORY_OUT_OF_RANGE');
  expect([vec.get(0), vec.get(101)]).toEqual([5, 99]);
});

test.each([-3, 2 ** 31, 0, 1.5, 'a'])('a typed array with a length of its own (%p) is as long as it is', (length) => {
  using arena = new Arena();
  const vec = new ArenaVec(arena, 'f64');
  vec.push(1);
  const values = new Float64Array([7, 8]);
  Object.defineProperty(values, 'length', { value: length });
  expect(vec.extend(values)).toBe(3);
  expect([vec.push(5), vec.length, ...vec.view()]).toEqual([4, 4, 1, 7, 8, 5]);
});

test('keys that are no text are refused: as UTF-8 they would be one', () => {
  using arena = new Arena();
  const map = new ArenaMap(arena);
  map.set('\ufffd', 1).set('\ud83d\ude00', 2);
  for (const key of ['\ud800', '\udc00', 'a\ud800b', '\ude00\ud83d', `${'x'.repeat(2000)}\ud800`]) {
    expect(codeOf(() => map.set(key, 3))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => map.get(key))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => map.has(key))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => map.delete(key))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  }
  expect([...map]).toEqual([
    ['\ufffd', 1],
    ['\ud83d\ude00', 2],
  ]);
});
