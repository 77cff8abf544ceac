import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { TypedArena } from '../../lib/arenas';
import { codeOf } from './support';

const LAYOUT = {
  flag: 'bool',
  id: 'u32',
  at: 'f64',
  big: 'i64',
  name: { string: 12 },
  rgb: { array: 'u8', length: 3 },
  position: { record: { x: 'f32', y: 'f32', tags: { array: 'u16', length: 2 } } },
} as const;

test('fields lie as a C compiler lays them', () => {
  using arena = new TypedArena(LAYOUT);
  const places = arena.layout.fields.map(({ name, offset }) => [name, offset]);
  expect(places).toEqual([
    ['flag', 0],
    ['id', 4],
    ['at', 8],
    ['big', 16],
    ['name', 24],
    ['rgb', 40],
    ['position', 44],
  ]);
  expect([arena.layout.byteLength, arena.layout.alignment]).toEqual([56, 8]);
});

test('records hold what they were given, each its own', () => {
  using arena = new TypedArena(LAYOUT, { chunkRecords: 3 });
  const records = Array.from({ length: 500 }, (_, i) =>
    arena.alloc({
      flag: i % 2 === 0,
      id: i,
      at: i / 3,
      big: -(2n ** 60n) + BigInt(i),
      name: `nö ${i}`,
      rgb: [i & 255, 1],
      position: { x: i + 0.5, tags: [i] },
    }),
  );
  records.forEach((record, i) => {
    expect(record.toJSON()).toEqual({
      flag: i % 2 === 0,
      id: i,
      at: i / 3,
      big: String(-(2n ** 60n) + BigInt(i)),
      name: `nö ${i}`,
      rgb: [i & 255, 1, 0],
      position: { x: i + 0.5, y: 0, tags: [i, 0] },
    });
  });
  records[7]!.position.y = 4;
  records[7]!.position = { x: 9 } as never;
  expect([records[7]?.position.x, records[7]?.position.y]).toEqual([9, 4]);
  expect([...arena].map(({ id }) => id)).toEqual(records.map((_, i) => i));
  let sum = 0;
  arena.forEach((record) => {
    sum += record.id;
  });
  expect(sum).toBe((499 * 500) / 2);
  expect(arena.stats().liveAllocations).toBe(500);
});

test('a record begins as zeros in used memory', () => {
  using arena = new TypedArena(LAYOUT);
  arena.alloc({ id: 0xffffffff, at: 1, name: 'x'.repeat(12), rgb: [9, 9, 9] });
  arena.reset();
  expect(arena.alloc().toJSON()).toMatchObject({ id: 0, at: 0, name: '', rgb: [0, 0, 0], flag: false, big: '0' });
});

test('slices are contiguous and iterable', () => {
  using arena = new TypedArena({ n: 'f64' }, { chunkRecords: 4 });
  arena.alloc({ n: 1 });
  const slice = arena.allocSlice(2000);
  for (let i = 0; i < 2000; i += 1) slice.at(i).n = i;
  expect([...slice].map(({ n }) => n)).toEqual(Array.from({ length: 2000 }, (_, i) => i));
  expect(slice.at(1999).offset - slice.at(0).offset).toBe(1999 * 8);
  expect(codeOf(() => slice.at(2000))).toBe('ERR_MEMORY_OUT_OF_RANGE');
  expect(codeOf(() => arena.allocSlice(2 ** 28))).toBe('ERR_MEMORY_TOO_LARGE');
  expect(codeOf(() => arena.allocSlice(0))).toBe('ERR_MEMORY_OUT_OF_RANGE');
  expect([...arena]).toHaveLength(2001);
  const moving = arena.at(arena.allocate());
  moving.n = 8;
  expect(moving.moveTo(slice.offset).n).toBe(0);
  expect(codeOf(() => arena.at(slice.offset + 4))).toBe('ERR_MEMORY_OUT_OF_RANGE');
  arena.reset();
  expect(codeOf(() => slice.at(0))).toBe('ERR_MEMORY_STALE_HANDLE');
});

test('records of another generation are refused, also after dispose', () => {
  const arena = new TypedArena(LAYOUT);
  const record = arena.alloc({ id: 1 });
  const { position } = record;
  arena.reset();
  arena.alloc({ id: 2 });
  expect(record.valid).toBe(false);
  for (const use of [
    () => record.id,
    () => record.name,
    () => record.rgb,
    () => record.flag,
    () => record.big,
    () => position.x,
    () => {
      record.id = 3;
    },
    () => {
      record.position = { x: 1 } as never;
    },
  ]) {
    expect(codeOf(use)).toBe('ERR_MEMORY_STALE_HANDLE');
  }
  const last = arena.alloc();
  arena.dispose();
  expect(codeOf(() => last.id)).toBe('ERR_MEMORY_STALE_HANDLE');
  expect(codeOf(() => arena.alloc())).toBe('ERR_MEMORY_CLOSED');
  expect(codeOf(() => arena.at(0))).toBe('ERR_MEMORY_CLOSED');
  expect([...arena]).toEqual([]);
});

test.each([
  [{ id: '1' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ big: 1 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ flag: 1 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ name: 'x'.repeat(13) }, 'ERR_MEMORY_OUT_OF_RANGE'],
  [{ rgb: [1, 2, 3, 4] }, 'ERR_MEMORY_OUT_OF_RANGE'],
  [{ rgb: ['1'] }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ rgb: 1 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ position: { z: 1 } }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ hue: 1 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
])('a value that does not fit makes no record: %j', (init, code) => {
  using arena = new TypedArena(LAYOUT);
  arena.alloc();
  const before = arena.stats();
  expect(codeOf(() => arena.alloc(init as object))).toBe(code);
  expect(arena.stats()).toEqual(before);
});

test.each([
  [{}],
  [{ a: 'u128' }],
  [{ a: { array: 'u8', length: 0 } }],
  [{ a: { string: -1 } }],
  [{ offset: 'u8' }],
  [{ a: null }],
  [{ a: { record: {} } }],
  [[]],
  [null],
])('%j is no layout', (layout) => {
  expect(codeOf(() => new TypedArena(layout as never))).toMatch(/^ERR_MEMORY_(INVALID_ARGUMENT|OUT_OF_RANGE)$/);
});

describe('disposal hooks', () => {
  test('run once for each record, newest first, before the memory goes', () => {
    const seen: string[] = [];
    const arena = new TypedArena({ id: 'u32' }, { onDispose: (record) => seen.push(`all ${record.id}`) });
    arena.alloc({ id: 1 }, (record) => seen.push(`one ${record.id}`));
    arena.alloc({ id: 2 }, (record) => seen.push(`two ${record.id}`));
    arena.reset();
    expect(seen).toEqual(['two 2', 'one 1', 'all 2', 'all 1']);
    arena.alloc({ id: 3 });
    arena.dispose();
    arena.dispose();
    expect(seen.slice(4)).toEqual(['all 3']);
  });

  test('that throw stop neither the others nor the reset', () => {
    let ran = 0;
    using arena = new TypedArena({ id: 'u32' });
    const boom = new RangeError('mine');
    arena.alloc({}, () => {
      ran += 1;
    });
    arena.alloc({}, () => {
      throw boom;
    });
    expect(() => arena.reset()).toThrow(boom);
    expect([ran, arena.generation, arena.usedBytes]).toEqual([1, 1, 0]);
    for (let i = 0; i < 3; i += 1) {
      arena.alloc({}, () => {
        throw boom;
      });
    }
    let caught: { code?: string; cause?: { errors: unknown[] } } = {};
    try {
      arena.reset();
    } catch (error) {
      caught = error as typeof caught;
    }
    expect([caught.code, caught.cause?.errors.length, arena.usedBytes]).toEqual(['ERR_MEMORY_INVALID_STATE', 3, 0]);
  });

  test('cannot call the arena back', () => {
    const codes: string[] = [];
    using arena = new TypedArena({ id: 'u32' });
    arena.alloc({}, () => {
      for (const call of [
        () => arena.alloc(),
        () => arena.tryAlloc(),
        () => arena.allocate(),
        () => arena.allocSlice(2),
        () => arena.reset(),
        () => arena.dispose(),
        () => arena.trim(),
      ]) {
        codes.push(codeOf(call));
      }
    });
    arena.reset();
    expect(codes).toEqual(new Array(7).fill('ERR_MEMORY_INVALID_STATE'));
    arena.alloc();
  });
});

test('tryAlloc gives undefined at the limit', () => {
  using arena = new TypedArena({ id: 'f64' }, { limitBytes: 4096 });
  let count = 0;
  while (arena.tryAlloc({ id: 1 }) !== undefined) count += 1;
  expect(count).toBe(512);
  expect(codeOf(() => arena.alloc())).toBe('ERR_MEMORY_ARENA_EXHAUSTED');
});

describe('a walk over records', () => {
  test('makes nothing for each of them', () => {
    const script = `
      const { TypedArena } = require(${JSON.stringify(join(__dirname, '../../dist'))});
      for (const single of [true, false]) {
        const arena = new TypedArena({ id: 'u32' }, { chunkRecords: 2 ** 16 });
        if (single) for (let i = 0; i < 400000; i += 1) arena.allocate();
        else arena.allocSlice(400000);
        let count = 0, before = 0, after = 0;
        const look = () => process.memoryUsage().heapUsed;
        const visit = () => {
          count += 1;
          if (count === 1) before = look();
          if (count === 400000) after = look();
        };
        // The least of some walks: code that is not compiled yet makes boxes for numbers.
        let first = Infinity, rest = Infinity;
        for (let walks = 0; walks < 5; walks += 1) {
          count = 0;
          gc();
          const start = look();
          arena.forEach(visit);
          first = Math.min(first, before - start);
          rest = Math.min(rest, after - before);
        }
        console.log(Math.round(first / 2 ** 20), Math.round(rest / 2 ** 20), count);
      }`;
    const run = spawnSync(
      process.execPath,
      // One thread: else it is a matter of the machine's load when the compiler is done.
      ['--single-threaded', '--expose-gc', '--max-semi-space-size=256', '--min-semi-space-size=256', '-e', script],
      { encoding: 'utf8' },
    );
    const lines = run.stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ').map(Number));
    expect([run.stderr, lines.length]).toEqual(['', 2]);
    for (const [first, rest, count] of lines as [number, number, number][]) {
      expect(count).toBe(400_000);
      expect(Math.max(first, rest)).toBeLessThanOrEqual(1); // a list of them would be 3 MiB and more
    }
  });

  test('leaves out what is made meanwhile, and ends with a reset', () => {
    using arena = new TypedArena({ n: 'u32' }, { chunkRecords: 3 });
    for (let n = 0; n < 50; n += 1) arena.alloc({ n });
    const seen: number[] = [];
    arena.forEach((record) => {
      seen.push(record.n);
      arena.alloc({ n: 1000 });
      expect(codeOf(() => arena.alloc({ n: -1 }))).toBe('ERR_MEMORY_OUT_OF_RANGE'); // taken back at once
      record.moveTo(0);
    });
    expect(seen).toEqual(Array.from({ length: 50 }, (_, n) => n));
    const ids: number[] = [];
    for (const { n } of arena) {
      if (ids.length < 30) arena.allocSlice(5);
      ids.push(n);
    }
    expect(ids.slice(0, 50)).toEqual(seen);
    expect(ids).toHaveLength(100);
    let visits = 0;
    arena.forEach(() => {
      visits += 1;
      arena.reset();
      arena.alloc({ n: 7 });
    });
    expect(visits).toBe(1);
    const iterator = arena[Symbol.iterator]();
    expect(iterator.next().value?.n).toBe(7);
    arena.dispose();
    expect(iterator.next().done).toBe(true);
  });

  test('passes over records that are no more', () => {
    using arena = new TypedArena({ n: 'u32', m: 'u32' }, { chunkRecords: 3 });
    arena.alloc({ n: 1 });
    let walk: Iterator<{ readonly n: number }> | undefined;
    const seen: (number | undefined)[] = [];
    const init = {
      n: 2,
      get m(): number {
        for (let n = 3; n < 8; n += 1) arena.alloc({ n });
        walk = arena[Symbol.iterator]();
        seen.push(walk.next().value?.n);
        throw new Error('no record');
      },
    };
    expect(() => arena.alloc(init)).toThrow('no record');
    for (let next = walk?.next(); next?.done === false; next = walk?.next()) seen.push(next.value.n);
    expect(seen).toEqual([1, 3, 4, 5, 6, 7]);
  });

  test('goes on where a refused reset has moved the memory', () => {
    const arena = new TypedArena({ n: 'u32' }, { chunkRecords: 1024, onReset: 'detach' });
    for (let n = 0; n < 3000; n += 1) arena.alloc({ n });
    const pins: { release(): void }[] = [];
    const chunks = (arena as unknown as { arena: { order: { region: { pin(): { release(): void } } }[] } }).arena.order;
    pins.push(chunks[1]!.region.pin());
    let sum = 0;
    arena.forEach((record) => {
      if (record.n % 100 === 0) expect(codeOf(() => arena.reset())).toBe('ERR_MEMORY_IN_USE');
      sum += record.n;
    });
    expect(sum).toBe((2999 * 3000) / 2);
    for (const pin of pins) pin.release();
    arena.dispose();
  });
});
