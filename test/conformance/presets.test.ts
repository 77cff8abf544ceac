import * as library from '../../lib';

type Maker = (...args: unknown[]) => Partial<Disposable>;
const PRESETS = new Set([
  'production',
  'performance',
  'debug',
  'conservative',
  'smallObjects',
  'largeObjects',
  'singleThread',
]);

/** What stands before the options, and options that change something. */
const FIRST: Record<string, readonly unknown[]> = {
  Arena: [],
  LocalArena: [],
  CrossThreadArena: [],
  TypedArena: [{ x: 'f64' }],
  PageProvider: [],
  CachedProvider: [undefined],
  BlockAllocator: [],
  StackAllocator: [4096],
  BumpAllocator: [4096],
  SystemAllocator: [],
  HeapAllocator: ['64KiB'],
  ObjectPool: [() => ({})],
  BufferPool: [],
};

const all = new Map<string, unknown>(Object.entries(library));
const found = [...all].flatMap(([name, value]) =>
  typeof value !== 'function'
    ? []
    : Object.getOwnPropertyNames(value)
        .filter((key) => PRESETS.has(key))
        .map((key) => [name, key] as const),
);

test('every class with presets is looked at', () => {
  const classes = new Set(found.map(([name]) => name));
  expect([...classes].sort()).toEqual(Object.keys(FIRST).sort());
});

describe.each(found)('%s.%s', (name, preset) => {
  const made = all.get(name) as Record<string, Maker>;
  const first = FIRST[name] as readonly unknown[];
  const make = (options: unknown) => made[preset]?.(...first, options)[Symbol.dispose]?.();

  test.each([[5], ['abc'], [null], [true], [[]], [new Date(0)], [() => {}]])('refuses %p as options', (options) => {
    expect(() => make(options)).toThrow(expect.objectContaining({ code: 'ERR_MEMORY_INVALID_ARGUMENT' }));
    expect(() => make(options)).toThrow('plain object');
  });

  test('refuses options that there are not', () => {
    expect(() => make({ nonsense: 1 })).toThrow(expect.objectContaining({ code: 'ERR_MEMORY_INVALID_ARGUMENT' }));
    expect(() => make({ nonsense: 1 })).toThrow('nonsense');
  });
});

test('an option that is undefined leaves that of the preset', () => {
  using lasting = library.HeapAllocator.debug('64KiB', { allocFill: undefined });
  using other = library.HeapAllocator.debug('64KiB', { allocFill: 5 });
  const filled = (heap: library.HeapAllocator) => heap.view(heap.allocate(64), 64)[0];
  expect([filled(lasting), filled(other)]).toEqual([0xaa, 5]);
});
