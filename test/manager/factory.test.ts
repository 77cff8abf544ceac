import {
  BlockAllocator,
  BumpAllocator,
  HeapAllocator,
  PageProvider,
  StackAllocator,
  SystemAllocator,
} from '../../lib/allocators';
import { Arena } from '../../lib/arenas';
import { type AdaptorKind, type AllocatorDescription, AllocatorFactory } from '../../lib/manager';
import { ADAPTOR_KINDS } from '../../lib/manager/factory/kinds';
import { Region } from '../../lib/platform';
import { FallbackAllocator, GuardedAllocator, TrackedAllocator, unwrap } from '../../lib/tracking';
import { codeOf, thrown } from '../platform/region/support';

let factory: AllocatorFactory;
beforeEach(() => {
  factory = new AllocatorFactory();
});
afterEach(() => factory.dispose());

test.each([
  [{ kind: 'bump', bytes: '64KiB' }, BumpAllocator],
  [{ kind: 'bump', bytes: '64KiB', preset: 'conservative' }, BumpAllocator],
  [{ kind: 'stack', bytes: 65_536, preset: 'debug' }, StackAllocator],
  [{ kind: 'block', blockBytes: 512, blocks: 8, preset: 'production' }, BlockAllocator],
  [{ kind: 'heap', bytes: '1MiB', preset: 'performance' }, HeapAllocator],
  [{ kind: 'system', bytes: '1MiB' }, SystemAllocator],
  [{ kind: 'system' }, SystemAllocator],
  [{ kind: 'arena', bytes: '1MiB', chunkBytes: '64KiB', preset: 'debug' }, Arena],
] satisfies [AllocatorDescription, unknown][])('makes %j', (description, type) => {
  using allocator = factory.create(description);
  expect(allocator).toBeInstanceOf(type);
  const offset = allocator.allocate(100);
  allocator.view(offset, 100).fill(1);
  allocator.deallocate(offset, 100);
});

test('bytes bound what grows, names and options arrive', () => {
  using system = factory.create({ kind: 'system', bytes: '8KiB', name: 'few' });
  expect(system.capacityBytes).toBe(8192);
  expect(system.stats().name).toBe('few');
  using heap = factory.create({ kind: 'heap', bytes: '1MiB', exactSizes: true });
  const offset = heap.allocate(100);
  expect(codeOf(() => heap.deallocate(offset, 101))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  using region = Region.map('64KiB');
  using bump = factory.create({ kind: 'bump', region });
  expect(bump.capacityBytes).toBe(65_536);
});

test('puts adaptors around, from the inside out', () => {
  using allocator = factory.create({
    kind: 'heap',
    bytes: '1MiB',
    adaptors: ['guarded', { kind: 'budgeted', limitBytes: 4096 }, { kind: 'tracked', level: 'paranoid' }],
  });
  expect(allocator).toBeInstanceOf(TrackedAllocator);
  expect((allocator as TrackedAllocator).inner.stats().name).toMatch(/^budgeted\(guarded\(/);
  expect(unwrap(allocator)).toBeInstanceOf(HeapAllocator);
  expect(codeOf(() => allocator.allocate(5000))).toBe('ERR_MEMORY_TOO_LARGE');
});

test('a fallback describes its second allocator', () => {
  using allocator = factory.create({
    kind: 'block',
    blockBytes: 64,
    blocks: 1,
    adaptors: [{ kind: 'fallback', secondary: { kind: 'system', bytes: '64KiB' } }],
  });
  expect(allocator).toBeInstanceOf(FallbackAllocator);
  expect([allocator.allocate(64), allocator.allocate(64)][1]).toBeGreaterThanOrEqual(2 ** 48);
});

test('providers: by name, by description, one for equal descriptions, cached', () => {
  using mine = new PageProvider();
  factory.useProvider('mine', mine);
  using one = factory.create({ kind: 'heap', bytes: '64KiB', provider: 'mine' });
  expect(mine.stats().liveRegions).toBe(1);
  using two = factory.create({ kind: 'heap', bytes: '64KiB', provider: mine });
  expect(mine.stats().liveRegions).toBe(2);
  const description = { kind: 'page', carrier: 'shared', cached: { maxCachedBytes: '1MiB' } } as const;
  expect(factory.provider(description)).toBe(factory.provider({ ...description }));
  expect(factory.provider('page')).not.toBe(factory.provider(description));
  using three = factory.create({ kind: 'heap', bytes: '64KiB', provider: description });
  expect([one, two, three].every((allocator) => allocator.allocate(10) === 0)).toBe(true);
});

test('is extended by kinds of allocators, adaptors and providers', () => {
  const made: object[] = [];
  factory
    .define('tiny', {
      keys: ['count'],
      presets: ['debug'],
      make: (options, preset) => {
        made.push({ options, preset });
        return new BlockAllocator({ blockBytes: 16, blocks: options['count'] as number });
      },
    })
    .defineAdaptor('mine', (inner, options) => new GuardedAllocator(inner, options))
    .defineAdaptor('constructor', (inner) => inner)
    .defineProvider('plain', (options) => new PageProvider(options));
  using allocator = factory.create({ kind: 'tiny', count: 3, preset: 'debug', adaptors: ['mine', 'constructor'] });
  expect(made).toEqual([{ options: { count: 3 }, preset: 'debug' }]);
  expect(allocator).toBeInstanceOf(GuardedAllocator);
  expect(factory.allocatorKinds).toContain('tiny');
  expect(factory.adaptorKinds).toEqual(expect.arrayContaining(['mine', 'fallback', 'tracked']));
  using heap = factory.create({ kind: 'heap', bytes: '64KiB', provider: { kind: 'plain', carrier: 'shared' } });
  expect(heap.capacityBytes).toBe(65_536);
});

test.each([
  ['a kind', { kind: 'heep', bytes: 1 }, "Did you mean 'heap'?"],
  ['a key', { kind: 'heap', byts: '1MiB' }, "Did you mean 'bytes'?"],
  ['a key of another kind', { kind: 'heap', bytes: '1MiB', blockBytes: 5 }, 'unknown key "blockBytes"'],
  ['a preset', { kind: 'heap', bytes: '1MiB', preset: 'debg' }, "Did you mean 'debug'?"],
  ['an adaptor', { kind: 'heap', bytes: '1MiB', adaptors: ['traked'] }, "Did you mean 'tracked'?"],
  ['a provider', { kind: 'heap', bytes: '1MiB', provider: 'pge' }, "Did you mean 'page'?"],
  [
    'the kind of a provider',
    { kind: 'heap', bytes: '1MiB', provider: { kind: 'hugepage' } },
    "Did you mean 'hugePage'?",
  ],
  ['an option of an adaptor', { kind: 'heap', bytes: '1MiB', adaptors: [{ kind: 'tracked', levl: 'off' }] }, "'level'"],
  ['no bytes', { kind: 'heap' }, 'needs bytes'],
  ['both memories', { kind: 'heap', bytes: 4096, region: {} }, 'not both'],
  ['adaptors that are no list', { kind: 'heap', bytes: 4096, adaptors: 'tracked' }, 'must be an array'],
  ['cached that is no option', { kind: 'heap', bytes: 4096, provider: { kind: 'page', cached: 5 } }, 'cached must be'],
  ['an array', [], 'plain object'],
  ['null', null, 'plain object'],
  ['no description', 'heap', 'plain object'],
])('refuses %s', (_, description, message) => {
  const error = thrown(() => factory.create(description as never));
  expect(error.code).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  expect(error.message).toContain(message);
});

test('refuses a kind twice, and definitions that are none', () => {
  expect(codeOf(() => factory.define('heap', { keys: [], make: () => new BumpAllocator(64) }))).toBe(
    'ERR_MEMORY_INVALID_ARGUMENT',
  );
  expect(codeOf(() => factory.define('x', {} as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  expect(codeOf(() => factory.defineAdaptor('fallback', (inner) => inner))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  expect(codeOf(() => factory.useProvider('x', {} as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
});

describe('nothing is mapped for a description that is wrong', () => {
  const bump = { kind: 'bump', bytes: 4096 };

  test.each([
    ['a kind in a fallback', [{ kind: 'fallback', secondary: { kind: 'nope' } }], 'must be one of'],
    ['a key in a fallback', [{ kind: 'fallback', secondary: { ...bump, byts: 5 } }], "Did you mean 'bytes'?"],
    ['a preset in a fallback', [{ kind: 'fallback', secondary: { ...bump, preset: 'debg' } }], "'debug'"],
    ['a provider in a fallback', [{ kind: 'fallback', secondary: { ...bump, provider: 'pge' } }], "'page'"],
    ['no secondary', ['fallback'], 'plain object'],
    ['an option of a fallback', [{ kind: 'fallback', secondary: bump, secondryBase: 5 }], "'secondaryBase'"],
    ['an option', [{ kind: 'tracked', lvel: 1 }], "Did you mean 'level'?"],
    ['an option of the last one', ['guarded', { kind: 'failing', evry: 1 }], "Did you mean 'every'?"],
    [
      'an option far inside',
      [{ kind: 'fallback', secondary: { ...bump, adaptors: [{ kind: 'tracked', lvel: 1 }] } }],
      "Did you mean 'level'?",
    ],
  ])('%s', (_, adaptors, message) => {
    using page = new PageProvider();
    const acquire = jest.spyOn(page, 'acquire');
    const error = thrown(() => factory.create({ ...bump, provider: page, adaptors: adaptors as never }));
    expect(error.code).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(error.message).toContain(message);
    expect(acquire).not.toHaveBeenCalled();
  });

  test('fallbacks without end', () => {
    using page = new PageProvider();
    const acquire = jest.spyOn(page, 'acquire');
    const around: Record<string, unknown> = { ...bump, provider: page };
    around['adaptors'] = [{ kind: 'fallback', secondary: around }];
    const error = thrown(() => factory.create(around as never));
    expect(error.code).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(error.message).toContain('16');
    expect(acquire).not.toHaveBeenCalled();
    let deep: AllocatorDescription = { kind: 'bump', bytes: 4096 };
    for (let i = 0; i < 3; i += 1) deep = { ...bump, adaptors: [{ kind: 'fallback', secondary: deep }] };
    using allocator = factory.create(deep);
    expect(allocator).toBeInstanceOf(FallbackAllocator);
  });

  test('the keys that it knows of the adaptors are those that they take', () => {
    for (const kind of factory.adaptorKinds) {
      const known = thrown(() => factory.create({ ...bump, adaptors: [{ kind, [`no such`]: 1 }] }));
      using inner = new BumpAllocator(4096);
      using other = new BumpAllocator(4096);
      const own = thrown(() => {
        if (kind === 'fallback') return void new FallbackAllocator(inner, other, { 'no such': 1 } as never);
        (ADAPTOR_KINDS[kind] as AdaptorKind)(inner, { 'no such': 1 });
      });
      const keys = (error: { hint?: string | undefined }) =>
        error.hint
          ?.replace(/^.*: |\.$/g, '')
          .split(', ')
          .sort();
      expect([kind, ...(keys(known) ?? [])]).toEqual([
        kind,
        ...[...(keys(own) ?? []), ...(kind === 'fallback' ? ['secondary'] : [])].sort(),
      ]);
    }
  });
});

test('a layer that fails leaves nothing behind', () => {
  using provider = new PageProvider();
  const description = { kind: 'heap', bytes: '64KiB', provider };
  expect(codeOf(() => factory.create({ ...description, adaptors: [{ kind: 'budgeted' }] }))).toBe(
    'ERR_MEMORY_INVALID_ARGUMENT',
  );
  const secondary = { kind: 'heap', bytes: '64KiB', provider };
  const broken = { kind: 'fallback', secondary, secondaryBase: 5 };
  expect(codeOf(() => factory.create({ ...description, adaptors: [broken] }))).toBe('ERR_MEMORY_OUT_OF_RANGE');
  expect(provider.stats().liveRegions).toBe(0);
});

test('its providers end with it, not before their regions', () => {
  const allocator = factory.create({ kind: 'heap', bytes: '64KiB', provider: { kind: 'page' } });
  expect(codeOf(() => factory.dispose())).toBe('ERR_MEMORY_IN_USE');
  allocator[Symbol.dispose]();
  factory.dispose();
  factory.dispose();
});
