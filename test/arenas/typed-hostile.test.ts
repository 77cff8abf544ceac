import { inspect } from 'node:util';
import {
  type ArenaRecord,
  CrossThreadArena,
  LocalArena,
  PendingHandOver,
  RecordSlice,
  ThreadSafeArena,
  TypedArena,
} from '../../lib/arenas';
import { isMemoryError } from '../../lib/core';
import { codeOf } from './support';

const LOW_HIGH: readonly (readonly [string, number | bigint, number | bigint])[] = [
  ['u8', 0, 255],
  ['i8', -128, 127],
  ['u16', 0, 65_535],
  ['i16', -32_768, 32_767],
  ['u32', 0, 2 ** 32 - 1],
  ['i32', -(2 ** 31), 2 ** 31 - 1],
  ['u64', 0n, 2n ** 64n - 1n],
  ['i64', -(2n ** 63n), 2n ** 63n - 1n],
];

/** Takes a buffer away from under everybody, where this version of Node.js can. */
const canTransfer = 'transfer' in ArrayBuffer.prototype;
function transfer(view: { readonly buffer: ArrayBufferLike }): void {
  (view.buffer as ArrayBufferLike & { transfer(): ArrayBuffer }).transfer();
}

describe('values that do not fit', () => {
  test.each(LOW_HIGH)('%s: by alloc, setter and array, and nothing changes', (kind, low, high) => {
    using arena = new TypedArena({ x: kind as 'u8', xs: { array: kind as 'u8', length: 2 } });
    const record = arena.alloc({ x: high as number, xs: [low as number, high as number] });
    expect([record.x, ...record.xs]).toEqual([high, low, high]);
    record.x = low as number;
    const before = arena.stats();
    const wrong: [unknown, string][] = [
      [typeof low === 'bigint' ? low - 1n : low - 1, 'ERR_MEMORY_OUT_OF_RANGE'],
      [typeof high === 'bigint' ? high + 1n : high + 1, 'ERR_MEMORY_OUT_OF_RANGE'],
      [0.5, 'ERR_MEMORY_INVALID_ARGUMENT'],
      [Number.NaN, 'ERR_MEMORY_INVALID_ARGUMENT'],
      ['1', 'ERR_MEMORY_INVALID_ARGUMENT'],
      [typeof low === 'bigint' ? 1 : 1n, 'ERR_MEMORY_INVALID_ARGUMENT'],
      [null, 'ERR_MEMORY_INVALID_ARGUMENT'],
    ];
    for (const [value, code] of wrong) {
      expect(codeOf(() => arena.alloc({ x: value as number }))).toBe(code);
      expect(codeOf(() => arena.alloc({ xs: [value as number] }))).toBe(code);
      expect(codeOf(() => Object.assign(record, { x: value }))).toBe(code);
      expect(codeOf(() => Object.assign(record, { xs: [0, value] }))).toMatch(/^ERR_MEMORY_/);
    }
    expect(arena.stats()).toEqual(before);
    expect([record.x, ...record.xs]).toEqual([low, low, high]);
  });

  test('floats take any number; a bool array takes true, false, 1 and 0', () => {
    using arena = new TypedArena({ f: 'f32', d: 'f64', flags: { array: 'bool', length: 2 } });
    const { f, d, flags } = arena.alloc({ f: 1e300, d: Number.NaN, flags: [true, 0] });
    expect([f, d, ...flags]).toEqual([Number.POSITIVE_INFINITY, Number.NaN, 1, 0]);
    expect(codeOf(() => arena.alloc({ flags: [2] }))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => arena.alloc(null as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  test('an endless iterable ends at the array', () => {
    using arena = new TypedArena({ xs: { array: 'u8', length: 2 } });
    const endless = (function* () {
      for (;;) yield 1;
    })();
    expect(codeOf(() => arena.alloc({ xs: endless }))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect(codeOf(() => arena.alloc({ xs: new Uint8Array(3) }))).toBe('ERR_MEMORY_OUT_OF_RANGE');
  });

  test('a getter of the first values that makes records or resets leaves the books right', () => {
    using arena = new TypedArena({ id: 'u32', x: 'u8' });
    const init = {
      get id() {
        return arena.alloc({ id: 7 }).id;
      },
      x: 300,
    };
    expect(codeOf(() => arena.alloc(init))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect([...arena].map(({ id }) => id)).toEqual([7]);
    const resetting = {
      get id() {
        arena.reset();
        arena.alloc({ id: 8 });
        return 1;
      },
    };
    expect(codeOf(() => arena.alloc(resetting))).toBe('ERR_MEMORY_STALE_HANDLE');
    expect([...arena].map(({ id }) => id)).toEqual([8]);
  });

  test('assign() writes several fields, a record gives first values', () => {
    const layout = { id: 'u32', xs: { array: 'u16', length: 2 }, at: { record: { x: 'f32', y: 'f32' } } } as const;
    using arena = new TypedArena(layout);
    const record = arena.alloc({ id: 1 });
    expect(record.assign({ xs: [4, 5], at: { y: 2 } })).toBe(record);
    expect(arena.alloc(record).toJSON()).toEqual({ id: 1, xs: [4, 5], at: { x: 0, y: 2 } });
    expect(codeOf(() => record.assign({ hue: 1 } as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });
});

describe('async disposal hooks', () => {
  test('are refused after everything ran, and their failure is swallowed', async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', listener);
    try {
      let ran = 0;
      const arena = new TypedArena({ id: 'u32' });
      arena.alloc({ id: 1 }, () => {
        ran += 1;
      });
      arena.alloc({ id: 2 }, async () => {
        throw new Error('nobody waits');
      });
      expect(codeOf(() => arena.reset())).toBe('ERR_MEMORY_INVALID_ARGUMENT');
      expect([ran, arena.generation, arena.usedBytes, arena.stats().liveAllocations]).toEqual([1, 1, 0, 0]);
      arena.alloc({ id: 3 });
      arena.dispose();

      const all = new TypedArena({ id: 'u32' }, { onDispose: async () => Promise.reject(new Error('nor here')) });
      all.alloc();
      all.alloc();
      expect(codeOf(() => all.dispose())).toBe('ERR_MEMORY_INVALID_STATE');
      expect([all.disposed, all.stats().reservedBytes]).toEqual([true, 0]);
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', listener);
    }
  });

  test('a thenable whose then throws is an error of the hook', () => {
    using arena = new TypedArena({ id: 'u32' });
    arena.alloc({}, () => {
      const answer = {};
      Object.defineProperty(answer, 'then', {
        get() {
          throw new RangeError('mine');
        },
      });
      return answer as never;
    });
    expect(() => arena.reset()).toThrow(RangeError);
    expect(arena.usedBytes).toBe(0);
  });
});

describe('what a record shows', () => {
  const LAYOUT = {
    id: 'u64',
    name: { string: 12 },
    xs: { array: 'u8', length: 2 },
    bigs: { array: 'i64', length: 1 },
    at: { record: { x: 'f32' } },
  } as const;

  test('is its own fields, and nothing of its neighbors', () => {
    using arena = new TypedArena(LAYOUT);
    const record = arena.alloc({ id: 7n, name: 'mine', xs: [1, 2], at: { x: 3 } });
    arena.alloc({ name: 'SECRET', xs: [83, 69] });
    const slice = arena.allocSlice(2);
    const seen = (value: unknown) => inspect(value, { depth: 9, showHidden: false });
    expect(seen(record)).toBe(
      "ArenaRecord {\n  id: 7n,\n  name: 'mine',\n  xs: Uint8Array(2) [ 1, 2 ],\n" +
        '  bigs: BigInt64Array(1) [ 0n ],\n  at: ArenaRecord { x: 3 }\n}',
    );
    for (const value of [record, arena, slice, record.at, [record], record.toJSON()]) {
      for (const text of [seen(value), inspect(value, { depth: 9, showHidden: true })]) {
        expect(text).not.toMatch(/SECRET|83,|views|0x53|53 45/);
      }
      expect(seen(value).split('\n').length).toBeLessThan(20);
    }
    expect(Object.keys(record)).toEqual([]);
    expect({ ...record }).toEqual({});
    arena.reset();
    expect(seen(record)).toBe('ArenaRecord { valid: false }');
  });

  test('as JSON has 64-bit integers as strings', () => {
    using arena = new TypedArena(LAYOUT);
    const record = arena.alloc({ id: 2n ** 64n - 1n, bigs: [-5n], name: 'mine' });
    expect(JSON.parse(JSON.stringify({ record }))).toEqual({
      record: { id: '18446744073709551615', name: 'mine', xs: [0, 0], bigs: ['-5'], at: { x: 0 } },
    });
  });

  test('what is no record is refused with a code', () => {
    using arena = new TypedArena({ id: 'u32' });
    const record = arena.alloc({ id: 1 });
    for (const other of [Object.create(record), new Proxy(record, {}), Object.getPrototypeOf(record)]) {
      const made = other as ArenaRecord<{ id: 'u32' }>;
      for (const use of [() => made.id, () => made.offset, () => made.moveTo(0), () => made.toJSON()]) {
        expect(codeOf(use)).toBe('ERR_MEMORY_INVALID_ARGUMENT');
      }
      expect([made.valid, inspect(made).length < 100]).toEqual([false, true]);
    }
  });
});

(canTransfer ? test : test.skip)('a record finds its memory again after its buffer was transferred away', () => {
  const layout = { id: 'u32', name: { string: 8 }, xs: { array: 'u16', length: 2 }, at: { record: { x: 'f64' } } };
  using arena = new TypedArena(layout as { id: 'u32'; xs: { array: 'u16'; length: 2 }; at: { record: { x: 'f64' } } });
  const record = arena.alloc({ id: 7, xs: [1, 2], at: { x: 1.5 } });
  const { at } = record;
  for (let i = 0; i < 3; i += 1) {
    transfer(record.xs);
    expect([record.valid, record.id, record.at.x, at.x, ...record.xs]).toEqual([true, 7, 1.5, 1.5, 1, 2]);
    transfer(record.xs);
    record.id = 9;
    expect([...arena].map(({ id }) => id)).toEqual([9]);
    transfer(record.xs);
    at.x = 2.5;
    expect(record.at.x).toBe(2.5);
    transfer(record.xs);
    record.assign({ xs: [1, 2], at: { x: 1.5 }, id: 7 });
  }
  transfer(record.xs);
  expect(arena.alloc({ id: 8 }).id).toBe(8);
  arena.forEach((each) => {
    transfer(each.xs);
  });
  expect([...arena].map(({ id }) => id)).toEqual([7, 8]);
});

describe('layouts', () => {
  test('a cyclic one is named once', () => {
    const cyclic: Record<string, unknown> = { id: 'u32' };
    cyclic.a = { record: cyclic };
    const outer = { b: { record: cyclic } };
    const messages: string[] = [];
    for (const layout of [cyclic, outer]) {
      try {
        new TypedArena(layout as never);
      } catch (error) {
        messages.push((error as Error).message);
      }
    }
    expect(messages).toEqual([
      'new TypedArena(): field "a": the layout contains itself',
      'new TypedArena(): field "b.a": the layout contains itself',
    ]);
  });

  test('the same one twice side by side is none; too deep a one is refused', () => {
    const point = { x: 'f32' } as const;
    using arena = new TypedArena({ a: { record: point }, b: { record: point } });
    expect(arena.layout.byteLength).toBe(8);
    let deep: unknown = { x: 'u8' };
    for (let i = 0; i < 17; i += 1) deep = { n: { record: deep } };
    expect(codeOf(() => new TypedArena(deep as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    try {
      new TypedArena({ a: { record: { b: 'u9' } } } as never);
    } catch (error) {
      expect((error as Error).message).toContain('field "a.b" must be one of');
    }
  });
});

describe('presets and constructors', () => {
  const PRESETS = ['production', 'performance', 'debug', 'conservative', 'smallObjects', 'largeObjects'] as const;

  test.each(PRESETS)('%s() makes its own class', (preset) => {
    using local = LocalArena[preset]({ name: 'mine' });
    using cross = CrossThreadArena[preset]();
    expect([local instanceof LocalArena, local.name, local.alloc(8).length]).toEqual([true, 'mine', 8]);
    expect([cross instanceof CrossThreadArena, cross.alloc(8).length]).toEqual([true, 8]);
    const pending = cross.handOver();
    expect(pending.revoke()).toBe(true);
  });

  test.each([
    ['ThreadSafeArena', ThreadSafeArena, /ThreadSafeArena\.create\(\) or ThreadSafeArena\.attach\(\)/],
    ['PendingHandOver', PendingHandOver, /handOver\(\) of a CrossThreadArena/],
    ['RecordSlice', RecordSlice, /TypedArena\.allocSlice/],
  ] as const)('new %s() says what to call', (_, made, message) => {
    for (const given of [[], ['1MiB'], [{}, {}, {}, {}], [null]]) {
      let caught: unknown;
      try {
        Reflect.construct(made, given);
      } catch (error) {
        caught = error;
      }
      expect([isMemoryError(caught, 'ERR_MEMORY_INVALID_STATE'), (caught as Error).message]).toEqual([
        true,
        expect.stringMatching(message),
      ]);
    }
  });
});

test.each([-3, 2 ** 31, 0, 1.5, 'a'])(
  'an array field takes a typed array as long as it is, not as it says (%p)',
  (length) => {
    using arena = new TypedArena({ xs: { array: 'f64', length: 3 } });
    const record = arena.alloc({ xs: [1, 2, 3] });
    const values = new Float64Array([7, 8]);
    Object.defineProperty(values, 'length', { value: length });
    record.xs = values;
    expect([...record.xs]).toEqual([7, 8, 0]);
    const more = new Float64Array(4);
    Object.defineProperty(more, 'length', { value: length });
    expect(codeOf(() => Object.assign(record, { xs: more }))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect([...record.xs]).toEqual([7, 8, 0]);
  },
);
