import * as fc from 'fast-check';
import { Arena, ArenaMap, ArenaString, ArenaVec } from '../../lib/arenas';
import { codeOf } from './support';

describe('ArenaVec', () => {
  test('behaves as an array, whatever is allocated in between', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.tuple(fc.constant('push' as const), fc.double({ noNaN: true })) },
      { weight: 1, arbitrary: fc.tuple(fc.constant('pop' as const), fc.constant(0)) },
      { weight: 1, arbitrary: fc.tuple(fc.constant('other' as const), fc.integer({ min: 1, max: 3000 })) },
      { weight: 1, arbitrary: fc.tuple(fc.constant('set' as const), fc.nat(100)) },
      { weight: 1, arbitrary: fc.tuple(fc.constant('extend' as const), fc.nat(60)) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (program) => {
        using arena = new Arena('4KiB', { maxChunkBytes: '8KiB' });
        const vec = new ArenaVec(arena, 'f64', { capacity: 1 });
        const model: number[] = [];
        for (const [kind, value] of program) {
          if (kind === 'push') expect(vec.push(value)).toBe(model.push(value));
          if (kind === 'pop') expect(vec.pop()).toBe(model.pop());
          if (kind === 'other') arena.alloc(value).fill(0xff);
          if (kind === 'extend') vec.extend(Array.from({ length: value }, (_, i) => i));
          if (kind === 'extend') model.push(...Array.from({ length: value }, (_, i) => i));
          if (kind === 'set' && model.length > 0) {
            vec.set(value % model.length, value);
            model[value % model.length] = value;
          }
        }
        expect([...vec]).toEqual(model);
        expect([...vec.view()]).toEqual(model);
        expect([...vec.slice(1, 3)]).toEqual(model.slice(1, 3));
      }),
      { numRuns: 60 },
    );
  });

  test('refuses wrong indexes and values and unchanged stays what it is', () => {
    using arena = new Arena('4KiB');
    const vec = new ArenaVec(arena, 'i64');
    vec.push(1n);
    for (const index of [-1, 1, 0.5, Number.NaN, '0']) {
      expect(codeOf(() => vec.get(index as number))).toBe('ERR_MEMORY_OUT_OF_RANGE');
      expect(codeOf(() => vec.set(index as number, 1n))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    }
    expect(codeOf(() => vec.push(1 as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => vec.extend([1n, 2] as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect([...vec]).toEqual([1n]);
    expect(codeOf(() => new ArenaVec({} as never, 'u8'))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => new ArenaVec(arena, 'u128' as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  test('that cannot grow stays as it was', () => {
    using arena = new Arena('4KiB', { limitBytes: 4096 });
    const vec = new ArenaVec(arena, 'u32', { capacity: 900 });
    for (let i = 0; i < 1024; i += 1) vec.push(i);
    expect(codeOf(() => vec.push(1))).toBe('ERR_MEMORY_TOO_LARGE');
    expect([vec.length, vec.get(1023)]).toEqual([1024, 1023]);
  });

  test('is stale after a reset, a rewind and the end', () => {
    const arena = new Arena('4KiB');
    const outer = new ArenaVec(arena, 'u8');
    outer.push(1);
    const mark = arena.mark();
    const inner = new ArenaVec(arena, 'u8');
    arena.rewind(mark);
    arena.allocate(64);
    expect([outer.get(0), outer.valid, inner.valid]).toEqual([1, true, false]);
    expect(codeOf(() => inner.push(1))).toBe('ERR_MEMORY_STALE_HANDLE');
    arena.reset();
    arena.alloc(64).fill(9);
    for (const use of [
      () => outer.get(0),
      () => outer.view(),
      () => outer.push(1),
      () => outer.pop(),
      () => [...outer],
    ]) {
      expect(codeOf(use)).toBe('ERR_MEMORY_STALE_HANDLE');
    }
    const last = new ArenaString(arena, 'x');
    arena.dispose();
    expect(codeOf(() => last.toString())).toBe('ERR_MEMORY_STALE_HANDLE');
  });
});

test('ArenaString grows, compares and reads back', () => {
  using arena = new Arena('4KiB');
  const text = new ArenaString(arena, 'grü');
  for (let i = 0; i < 500; i += 1) text.append('ße ').append('😀');
  expect(text.toString()).toBe(`grü${'ße 😀'.repeat(500)}`);
  expect(text.byteLength).toBe(Buffer.byteLength(text.toString()));
  expect([text.equals(text.toString()), text.equals('x'), new ArenaString(arena).toString()]).toEqual([
    true,
    false,
    '',
  ]);
  text.append('a'.repeat(100_000));
  expect(text.toString().endsWith('aaa')).toBe(true);
  text.clear();
  expect(text.append('b').toString()).toBe('b');
  expect(codeOf(() => text.append(1 as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
});

describe('ArenaMap', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.tuple(fc.constant('set' as const), fc.nat(60), fc.string({ maxLength: 20 })) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('delete' as const), fc.nat(60), fc.constant('')) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('get' as const), fc.nat(60), fc.constant('')) },
  );
  test.each([
    ['string', 'string'],
    ['string', 'f64'],
    ['number', 'string'],
    ['number', 'i64'],
  ] as const)('of %s to %s behaves as Map', (keys, values) => {
    const keyOf = (n: number) => (keys === 'string' ? `schlüssel ${n}` : n / 4 - 3) as never;
    const makeValue = (text: string) =>
      (values === 'string' ? text : values === 'i64' ? BigInt(text.length) : text.length) as never;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (program) => {
        using arena = new Arena('4KiB');
        const map = new ArenaMap(arena, { keys, values, capacity: 1 });
        const model = new Map<unknown, unknown>();
        for (const [kind, n, text] of program) {
          if (kind === 'set') {
            map.set(keyOf(n), makeValue(text));
            model.set(keyOf(n), makeValue(text));
          } else if (kind === 'delete') expect(map.delete(keyOf(n))).toBe(model.delete(keyOf(n)));
          else expect([map.get(keyOf(n)), map.has(keyOf(n))]).toEqual([model.get(keyOf(n)), model.has(keyOf(n))]);
        }
        expect(map.size).toBe(model.size);
        expect(new Map(map)).toEqual(model);
        expect([...map.keys()]).toEqual([...model.keys()]);
      }),
      { numRuns: 40 },
    );
  });

  test('knows NaN and both zeros, wrong types and the end', () => {
    using arena = new Arena('4KiB');
    const map = new ArenaMap(arena, { keys: 'number' });
    map.set(Number.NaN, 1).set(0, 2).set(-0, 3);
    expect([map.get(Number.NaN), map.get(0), map.size]).toEqual([1, 3, 2]);
    expect(codeOf(() => map.set('a' as never, 1))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => map.set(1, 'a' as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => map.get('a' as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    const names = new ArenaMap(arena);
    expect(names.set('', 5).get('')).toBe(5);
    arena.reset();
    for (const use of [() => map.get(1), () => map.set(1, 1), () => map.has(1), () => map.delete(1)]) {
      expect(codeOf(use)).toBe('ERR_MEMORY_STALE_HANDLE');
    }
  });
});
