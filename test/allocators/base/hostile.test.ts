import {
  type Allocator,
  BlockAllocator,
  BumpAllocator,
  BumpCheckpoint,
  HeapAllocator,
  Region,
  type RegionProvider,
  SharedBumpAllocator,
  SharedHeapAllocator,
  StackAllocator,
  SystemAllocator,
} from '../../../lib';
import { expectRefusal, snapshot } from '../../conformance/support';
import { untilIdle } from '../../support/idle';

/** Frees as plainly as can be, so that a region that is gone already is an error to it. */
function plainProvider(): RegionProvider<Region> & { last: Region } {
  const provider = {
    name: 'plain',
    pageBytes: 4096,
    last: undefined as unknown as Region,
    acquire(byteLength: number) {
      provider.last = Region.map(byteLength, { carrier: 'shared' });
      return provider.last;
    },
    release: (region: Region) => region.free(),
    trim: () => 0,
  };
  return provider;
}

const OVER_PROVIDER: Record<string, (provider: RegionProvider<Region>) => Allocator> = {
  bump: (provider) => new BumpAllocator({ provider, byteLength: '64KiB' }),
  stack: (provider) => new StackAllocator({ provider, byteLength: '64KiB' }),
  heap: (provider) => new HeapAllocator({ provider, byteLength: '64KiB' }),
  block: (provider) => new BlockAllocator({ provider, blockBytes: 64, blocks: 16 }),
  system: (provider) => new SystemAllocator({ provider }),
  'shared bump': (provider) => SharedBumpAllocator.create({ provider, byteLength: '64KiB' }),
  'shared heap': (provider) => SharedHeapAllocator.create({ provider, byteLength: '64KiB' }),
};

describe('a region that is freed from under its allocator', () => {
  test.each(Object.keys(OVER_PROVIDER))('%s ends all the same, though its provider refuses the region', (kind) => {
    const provider = plainProvider();
    const allocator = (OVER_PROVIDER[kind] as (provider: RegionProvider<Region>) => Allocator)(provider);
    const offset = allocator.allocate(64);
    provider.last.free();
    if (kind !== 'system') expectRefusal('ERR_MEMORY_FREED', () => allocator.view(offset, 64), kind);
    else allocator.deallocate(offset, 64);
    allocator[Symbol.dispose]();
    expectRefusal('ERR_MEMORY_CLOSED', () => allocator.allocate(1), kind);
    expect(allocator.usedBytes).toBe(0);
  });

  test('a provider that frees and throws is heard once, and does not keep its allocator open', () => {
    const provider = plainProvider();
    provider.release = (region) => {
      region.free();
      throw new Error('canary');
    };
    const bump = new BumpAllocator({ provider, byteLength: 4096 });
    expect(() => bump.dispose()).toThrow('canary');
    bump.dispose();
    expect(bump.disposed).toBe(true);
  });
});

describe('a region that is remapped or protected from under its allocator', () => {
  test.each(['local', 'shared'] as const)('views show the bytes that are there now (%s)', async (carrier) => {
    // On Node.js 20 the old buffer is emptied when no request is in flight: until then views show where the bytes were.
    await untilIdle();
    using region = Region.map('64KiB', { carrier });
    using bump = new BumpAllocator({ region });
    const offset = bump.allocate(3);
    bump.view(offset, 3).fill(7);
    region.remap('128KiB');
    expect([...bump.view(offset, 3)]).toEqual([7, 7, 7]);
    region.protect('read');
    expectRefusal('ERR_MEMORY_INVALID_STATE', () => bump.view(offset, 3), 'protected');
    region.protect('readwrite');
    expect([...bump.view(offset, 3)]).toEqual([7, 7, 7]);
    region.remap(4096);
    bump.allocate(8000);
    expectRefusal('ERR_MEMORY_OUT_OF_RANGE', () => bump.view(0, 8000), 'smaller');
  });
});

describe('bookkeeping that cannot be had', () => {
  const plain = { Int32Array, Float64Array };
  afterEach(() => Object.assign(globalThis, plain));

  /** Arrays of more than so many words fail, as where the machine has no more. */
  function refuseArraysAbove(words: number): void {
    for (const name of ['Int32Array', 'Float64Array'] as const) {
      globalThis[name] = new Proxy(plain[name], {
        construct(target, given, newTarget) {
          if (typeof given[0] === 'number' && given[0] > words) throw new RangeError('Array buffer allocation failed');
          return Reflect.construct(target, given, newTarget);
        },
      }) as never;
    }
  }

  test.each([
    ['stack', () => new StackAllocator('1MiB'), 128 * 3, 8],
    ['bump with exact frees', () => new BumpAllocator('1MiB', { exactFrees: true }), 256, 8],
    ['block', () => new BlockAllocator({ blockBytes: 8, blocks: 4096 }), 1024, 8],
    ['heap', () => new HeapAllocator('8MiB'), 640, 32_000],
  ] as const)('%s refuses with a MemoryError, and its books are exact', (_, make, words, bytes) => {
    using allocator = make();
    refuseArraysAbove(words);
    const taken: number[] = [];
    for (let offset = 0; offset !== -1 && taken.length < 5000; ) {
      offset = allocator.tryAllocate(bytes);
      if (offset !== -1) taken.push(offset);
    }
    const { failures, ...books } = snapshot(allocator);
    expect(failures).toBe(1);
    expect(books['liveAllocations']).toBe(taken.length);
    expect(() => allocator.allocate(bytes)).toThrow(expect.objectContaining({ category: 'exhausted' }));
    expect(snapshot(allocator)).toEqual({ ...books, failures: 2 });
    if (allocator instanceof HeapAllocator) allocator.validate();
    Object.assign(globalThis, plain);
    allocator.allocate(bytes);
    for (const offset of allocator instanceof StackAllocator ? [] : taken) allocator.deallocate(offset, bytes);
  });
});

describe('forged checkpoints', () => {
  test.each([Number.NaN, -1, 0.5, 1, 'length'])('of depth %s are stale, whatever their serial', (depth) => {
    using bump = new BumpAllocator('4KiB');
    bump.allocate(64);
    bump.checkpoint();
    for (const serial of [0, Number.NaN, undefined, -1]) {
      const forged = new BumpCheckpoint(bump, 0, 0, depth as number, serial as number);
      expectRefusal('ERR_MEMORY_STALE_HANDLE', () => bump.restore(forged), String(serial));
    }
    expect(bump.usedBytes).toBe(64);
  });
});
