import {
  BlockAllocator,
  BumpAllocator,
  HeapAllocator,
  PageProvider,
  StackAllocator,
  SystemAllocator,
} from '../../lib/allocators';
import { Arena } from '../../lib/arenas';
import { type AllocatorDescription, AllocatorFactory } from '../../lib/manager';
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
    .defineProvider('plain', (options) => new PageProvider(options));
  using allocator = factory.create({ kind: 'tiny', count: 3, preset: 'debug', adaptors: ['mine'] });
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
