// A provider that hands pages on as they are: what an arena or allocator let out must be empty by then.
import { BumpAllocator, CachedProvider, StackAllocator, SystemAllocator } from '../../lib/allocators';
import { Arena, StreamingArena, TypedArena, withArena } from '../../lib/arenas';
import { memoryError, type RegionLike, type RegionProvider } from '../../lib/core';
import { Region } from '../../lib/platform';
import { isEmptied } from '../support/emptied';
import { codeOf } from './support';

const SECRET = 'secret of req 2!';

/** Keeps regions and empties nothing; made by the user, without the package's base class. */
class Careless implements RegionProvider {
  readonly name = 'careless';
  readonly pageBytes = 4096;
  readonly kept: RegionLike[] = [];
  carrier: 'local' | 'shared' = 'local';
  acquire(byteLength: number): RegionLike {
    return this.kept.pop() ?? Region.map(byteLength, { carrier: this.carrier });
  }
  release(region: RegionLike): void {
    this.kept.push(region);
  }
  trim(): number {
    return 0;
  }
}

type Make = () => { provider: RegionProvider; end(): void };

const makers: readonly (readonly [string, Make])[] = [
  ...(['performance', 'production', 'debug'] as const).map((preset): readonly [string, Make] => [
    preset,
    () => {
      const provider = CachedProvider[preset]();
      return { provider, end: () => provider.dispose() };
    },
  ]),
  [
    'fast',
    () => {
      const provider = new CachedProvider(undefined, { reuse: 'fast' });
      return { provider, end: () => provider.dispose() };
    },
  ],
  ...(['local', 'shared'] as const).map((carrier): readonly [string, Make] => [
    `a provider of the user's, ${carrier}`,
    () => {
      const provider = new Careless();
      provider.carrier = carrier;
      return {
        provider,
        end: () => {
          for (const region of provider.kept) region.free();
        },
      };
    },
  ]),
];

describe.each(makers)('over %s', (_name, make) => {
  let provider: RegionProvider;
  let end: () => void;
  beforeEach(() => {
    ({ provider, end } = make());
  });
  afterEach(() => end());

  test('the task of a closed arena sees nothing of the next one', async () => {
    let kept: Uint8Array = new Uint8Array(1);
    await withArena({ provider }, async (arena) => {
      kept = arena.alloc(16).fill(1);
    });
    await withArena({ provider }, async (arena) => {
      const view = arena.alloc(16);
      Buffer.from(view.buffer, view.byteOffset, 16).write(SECRET);
      expect(isEmptied(kept)).toBe(true);
    });
    expect(isEmptied(kept)).toBe(true);
    const points = new TypedArena({ rgb: { array: 'u8', length: 16 } }, { provider });
    const { rgb } = points.alloc() as { rgb: Uint8Array };
    points.dispose();
    using second = new Arena({ provider });
    second.alloc(4096).fill(7);
    expect(isEmptied(rgb)).toBe(true);
  });

  test('so do trimmed chunks and the buffers of a closed ring', async () => {
    using first = new Arena('64KiB', { provider });
    const kept = first.alloc(100).fill(1);
    first.reset();
    expect(first.trim()).toBeGreaterThan(0);
    using second = new Arena('64KiB', { provider });
    second.alloc(100).fill(2);
    expect(isEmptied(kept)).toBe(true);
    const ring = new StreamingArena('64KiB', { provider });
    const buffer = (await ring.acquire()).buffer.fill(3);
    ring.dispose();
    using third = new Arena('64KiB', { provider });
    third.alloc(65_536).fill(4);
    expect(isEmptied(buffer)).toBe(true);
  });

  test('so do allocators that were disposed', () => {
    for (const Kind of [BumpAllocator, StackAllocator]) {
      const first = new Kind({ provider, byteLength: 65_536 });
      const kept = first.view(first.allocate(16), 16).fill(1);
      first.dispose();
      using second = new Kind({ provider, byteLength: 65_536 });
      second.view(second.allocate(16), 16).fill(2);
      expect(isEmptied(kept)).toBe(true);
    }
    using system = new SystemAllocator({ provider: provider as RegionProvider<Region> });
    const offset = system.allocate(65_536);
    const kept = system.view(offset, 16).fill(1);
    system.deallocate(offset, 65_536);
    system.view(system.allocate(65_536), 16).fill(2);
    expect(isEmptied(kept)).toBe(true);
  });
});

test('pages are kept for the next arena all the same', async () => {
  const provider = CachedProvider.performance();
  for (let i = 0; i < 5; i += 1) await withArena({ provider }, (arena) => void arena.alloc(10).fill(1));
  expect(provider.stats()).toMatchObject({ hits: 4, misses: 1, unkept: 0, liveRegions: 0 });
  provider.dispose();
});

test('memory that cannot be moved is freed instead, and the books are settled', () => {
  const provider = CachedProvider.performance();
  const regions: Region[] = [];
  const watching: RegionProvider<Region> = {
    name: 'watching',
    pageBytes: 4096,
    acquire: (bytes) => {
      const region = provider.acquire(bytes);
      regions.push(region);
      return region;
    },
    release: (region) => provider.release(region),
    trim: () => 0,
  };
  const arena = new Arena({ provider: watching });
  const kept = arena.alloc(16).fill(1);
  (regions[0] as Region).lock();
  arena.dispose();
  expect([isEmptied(kept), regions[0]?.state, provider.stats().liveRegions]).toEqual([true, 'freed', 0]);
  provider.dispose();
});

test('huge pages are freed, not copied; a provider without renew gets them moved', () => {
  const cache = CachedProvider.performance();
  const plain = new Careless();
  for (const provider of [cache, plain] as RegionProvider[]) {
    const regions: Region[] = [];
    const acquire = provider.acquire.bind(provider);
    provider.acquire = (bytes) => {
      const region = acquire(bytes) as Region;
      const { placement } = region;
      const got = { ...placement.got, pageBytes: 2 ** 21 };
      Object.defineProperty(region, 'placement', { value: { ...placement, got } });
      regions.push(region);
      return region;
    };
    const arena = new Arena('2MiB', { provider });
    const kept = arena.alloc(16).fill(1);
    arena.dispose();
    expect([isEmptied(kept), regions[0]?.state]).toEqual([true, provider === cache ? 'freed' : 'live']);
  }
  expect(cache.stats()).toMatchObject({ liveRegions: 0, cachedRegions: 0, unkept: 1 });
  for (const region of plain.kept) region.free();
  cache.dispose();
});

test('pinned memory is held until a second dispose, and still shows its bytes', () => {
  const provider = CachedProvider.performance();
  let region: Region | undefined;
  const acquire = provider.acquire.bind(provider);
  provider.acquire = (bytes) => {
    region = acquire(bytes);
    return region;
  };
  const arena = new Arena({ provider });
  const kept = arena.alloc(16).fill(9);
  const pin = (region as unknown as Region).pin();
  expect(codeOf(() => arena.dispose())).toBe('ERR_MEMORY_IN_USE');
  expect([kept[0], arena.disposed]).toEqual([9, true]);
  pin.release();
  arena.dispose();
  expect([isEmptied(kept), provider.stats().liveRegions]).toEqual([true, 0]);
  provider.dispose();
});

test('a trim whose provider refuses leaves an arena that works', () => {
  for (const carrier of ['local', 'shared'] as const) {
    const provider = new Careless();
    provider.carrier = carrier;
    let refuse = true;
    const release = provider.release.bind(provider);
    provider.release = (region) => {
      if (refuse) throw memoryError('ERR_MEMORY_IN_USE', 'not now');
      release(region);
    };
    const arena = new Arena({ provider });
    const kept = arena.alloc(16).fill(1);
    arena.reset();
    expect(codeOf(() => arena.trim())).toBe('ERR_MEMORY_IN_USE');
    const offset = arena.allocate(16);
    arena.view(offset, 16).fill(2);
    expect([arena.view(offset, 16)[0], provider.kept.length]).toEqual([2, 0]);
    expect(isEmptied(kept)).toBe(true);
    refuse = false;
    arena.dispose();
    for (const region of provider.kept) region.free();
  }
});

test('what a provider returns is looked at', () => {
  const wrong = new Careless();
  wrong.acquire = () => ({ byteLength: 65_536, bytes: new Uint8Array(65_536) }) as RegionLike;
  using arena = new Arena({ provider: wrong });
  expect(codeOf(() => arena.allocate(8))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
});
