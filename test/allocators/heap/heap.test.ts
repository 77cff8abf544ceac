import { HeapAllocator } from '../../../lib/allocators/heap';
import { Region } from '../../../lib/platform';
import { isEmptied } from '../../support/emptied';
import { refuses } from './helpers';

const MIB = 2 ** 20;

it('hands out aligned blocks that do not touch each other', () => {
  using heap = new HeapAllocator('1MiB');
  const first = heap.allocate(100);
  const second = heap.allocate(100);
  expect(Math.abs(second - first)).toBeGreaterThanOrEqual(100);
  heap.view(first, 100).fill(1);
  heap.view(second, 100).fill(2);
  expect(heap.view(first, 100).every((byte) => byte === 1)).toBe(true);
  expect(heap.usedBytes).toBe(224);
  expect(heap.stats()).toMatchObject({ name: 'HeapAllocator', allocations: 2, liveAllocations: 2, peakUsedBytes: 224 });
  heap.deallocate(first, 100);
  expect([heap.owns(first), heap.owns(second), heap.owns(second + 99), heap.owns(-1)]).toEqual([
    false,
    true,
    true,
    false,
  ]);
  heap.deallocate(second, 100);
  expect(heap.usedBytes).toBe(0);
});

it('aligns up to a page, and takes the size that was asked for back', () => {
  using heap = new HeapAllocator('4MiB');
  const blocks: [number, number][] = [];
  for (let alignment = 1; alignment <= 4096; alignment *= 2) {
    for (const size of [1, 24, 700, 5000, 33_000]) {
      const offset = heap.allocate(size, alignment);
      expect(offset % alignment).toBe(0);
      blocks.push([offset, size]);
    }
  }
  heap.validate();
  for (const [offset, size] of blocks) heap.deallocate(offset, size);
  heap.validate();
  expect(heap.usedBytes).toBe(0);
  // A slot that was given out with a larger alignment is an ordinary one again.
  const plain = heap.allocate(64);
  refuses('ERR_MEMORY_INVALID_ARGUMENT', () => heap.deallocate(plain, 24));
  heap.deallocate(plain, 64);
});

describe('bad input', () => {
  const books = (heap: HeapAllocator): string =>
    JSON.stringify({ ...heap.stats(), failures: 0, at: heap.fragmentation() });
  const wrong: [string, Parameters<typeof refuses>[0], (heap: HeapAllocator, small: number, large: number) => void][] =
    [
      ['size 0', 'ERR_MEMORY_OUT_OF_RANGE', (heap) => heap.allocate(0)],
      ['a negative size', 'ERR_MEMORY_OUT_OF_RANGE', (heap) => heap.tryAllocate(-16)],
      ['past 2^53', 'ERR_MEMORY_OUT_OF_RANGE', (heap) => heap.allocate(2 ** 53)],
      ['half a byte', 'ERR_MEMORY_INVALID_ARGUMENT', (heap) => heap.allocate(1.5)],
      ['no number', 'ERR_MEMORY_INVALID_ARGUMENT', (heap) => heap.allocate(Number.NaN)],
      ['a string', 'ERR_MEMORY_INVALID_ARGUMENT', (heap) => heap.allocate('64' as unknown as number)],
      ['alignment 3', 'ERR_MEMORY_INVALID_ALIGNMENT', (heap) => heap.allocate(64, 3)],
      ['alignment 0', 'ERR_MEMORY_INVALID_ALIGNMENT', (heap) => heap.allocate(64, 0)],
      ['alignment 8192', 'ERR_MEMORY_INVALID_ALIGNMENT', (heap) => heap.tryAllocate(64, 8192)],
      ['no room for ever', 'ERR_MEMORY_TOO_LARGE', (heap) => heap.allocate(2 * MIB)],
      ['no room now', 'ERR_MEMORY_ARENA_EXHAUSTED', (heap) => heap.allocate(MIB)],
      ['free at -16', 'ERR_MEMORY_OUT_OF_RANGE', (heap) => heap.deallocate(-16, 16)],
      ['free at 1.5', 'ERR_MEMORY_INVALID_ARGUMENT', (heap) => heap.deallocate(1.5, 16)],
      ['free at a string', 'ERR_MEMORY_INVALID_ARGUMENT', (heap, s) => heap.deallocate(`${s}` as never, 100)],
      ['free of 0 bytes', 'ERR_MEMORY_OUT_OF_RANGE', (heap, s) => heap.deallocate(s, 0)],
      ['free of -100 bytes', 'ERR_MEMORY_OUT_OF_RANGE', (heap, s) => heap.deallocate(s, -100)],
      ['free of NaN bytes', 'ERR_MEMORY_INVALID_ARGUMENT', (heap, s) => heap.deallocate(s, Number.NaN)],
      ['free of a string of bytes', 'ERR_MEMORY_INVALID_ARGUMENT', (heap, s) => heap.deallocate(s, '100' as never)],
      ['free outside', 'ERR_MEMORY_FOREIGN_FREE', (heap) => heap.deallocate(2 * MIB, 16)],
      ['free far outside', 'ERR_MEMORY_FOREIGN_FREE', (heap) => heap.deallocate(2 ** 50, 16)],
      ['free inside a block', 'ERR_MEMORY_FOREIGN_FREE', (heap, s) => heap.deallocate(s + 16, 100)],
      ['free off by one', 'ERR_MEMORY_FOREIGN_FREE', (heap, s) => heap.deallocate(s + 1, 100)],
      ['free inside a large block', 'ERR_MEMORY_FOREIGN_FREE', (heap, _, l) => heap.deallocate(l + 8192, 50_000)],
      [
        'free off the start of a large block',
        'ERR_MEMORY_FOREIGN_FREE',
        (heap, _, l) => heap.deallocate(l + 16, 50_000),
      ],
      ['free of what was never used', 'ERR_MEMORY_FOREIGN_FREE', (heap) => heap.deallocate(MIB - 4096, 16)],
      ['free with another size', 'ERR_MEMORY_INVALID_ARGUMENT', (heap, s) => heap.deallocate(s, 200)],
      [
        'free of a large block with another size',
        'ERR_MEMORY_INVALID_ARGUMENT',
        (heap, _, l) => heap.deallocate(l, 64),
      ],
      ['free of the next slot', 'ERR_MEMORY_DOUBLE_FREE', (heap, s) => heap.deallocate(s + 112, 100)],
      ['a view past a block', 'ERR_MEMORY_OUT_OF_RANGE', (heap, s) => heap.view(s, 113)],
      ['a view of nothing', 'ERR_MEMORY_OUT_OF_RANGE', (heap) => heap.view(MIB - 4096, 1)],
      ['a view outside', 'ERR_MEMORY_OUT_OF_RANGE', (heap) => heap.view(MIB, 1)],
      ['a view at NaN', 'ERR_MEMORY_INVALID_ARGUMENT', (heap) => heap.view(Number.NaN, 1)],
      ['reallocate to 0', 'ERR_MEMORY_OUT_OF_RANGE', (heap, s) => heap.reallocate(s, 100, 0)],
      ['reallocate without room', 'ERR_MEMORY_ARENA_EXHAUSTED', (heap, s) => heap.reallocate(s, 100, MIB)],
      ['reallocate of nothing', 'ERR_MEMORY_DOUBLE_FREE', (heap, s) => heap.reallocate(s + 112, 100, 10)],
    ];
  it.each(wrong)('%s', (_, code, work) => {
    using heap = new HeapAllocator('1MiB');
    const small = heap.allocate(100);
    const large = heap.allocate(50_000);
    const before = books(heap);
    refuses(code, () => work(heap, small, large));
    expect(books(heap)).toBe(before);
    heap.validate();
    expect(heap.view(small, 100).length).toBe(100);
    heap.deallocate(small, 100);
    heap.deallocate(large, 50_000);
  });

  it.each([100, 5000, 50_000])('a double free of %d bytes is one, kept slab or not', (size) => {
    using heap = new HeapAllocator('2MiB');
    const offset = heap.allocate(size);
    heap.deallocate(offset, size);
    refuses('ERR_MEMORY_DOUBLE_FREE', () => heap.deallocate(offset, size));
    heap.trim();
    refuses('ERR_MEMORY_DOUBLE_FREE', () => heap.deallocate(offset, size));
    expect(heap.stats()).toMatchObject({ deallocations: 1, liveAllocations: 0, usedBytes: 0 });
    heap.validate();
  });

  it('a free after reset is a double one', () => {
    using heap = new HeapAllocator('1MiB');
    const offset = heap.allocate(100);
    heap.reset();
    refuses('ERR_MEMORY_DOUBLE_FREE', () => heap.deallocate(offset, 100));
    heap.validate();
    expect(heap.stats()).toMatchObject({ liveAllocations: 0, usedBytes: 0, resets: 1, peakUsedBytes: 112 });
  });

  it('every call after dispose says so', () => {
    const heap = new HeapAllocator('1MiB');
    const offset = heap.allocate(100);
    const view = heap.view(offset, 100).fill(1);
    heap.dispose();
    heap.dispose();
    expect(isEmptied(view)).toBe(true);
    for (const call of [
      () => heap.allocate(1),
      () => heap.tryAllocate(1),
      () => heap.deallocate(offset, 100),
      () => heap.view(offset, 100),
      () => heap.reset(),
      () => heap.trim(),
      () => heap.reallocate(offset, 100, 200),
    ]) {
      refuses('ERR_MEMORY_CLOSED', call);
    }
    expect([heap.owns(offset), heap.usedBytes, heap.disposed, heap.stats().liveAllocations]).toEqual([
      false,
      0,
      true,
      0,
    ]);
  });

  it('options and sources', () => {
    refuses('ERR_MEMORY_INVALID_ARGUMENT', () => new HeapAllocator('1MiB', { statz: true } as never));
    refuses('ERR_MEMORY_INVALID_ARGUMENT', () => new HeapAllocator('1MiB', { stats: 1 as never }));
    refuses('ERR_MEMORY_OUT_OF_RANGE', () => new HeapAllocator('1MiB', { allocFill: 256 }));
    refuses('ERR_MEMORY_OUT_OF_RANGE', () => new HeapAllocator(100));
    refuses('ERR_MEMORY_OUT_OF_RANGE', () => new HeapAllocator(0));
    refuses('ERR_MEMORY_INVALID_ARGUMENT', () => new HeapAllocator({} as never));
  });

  it('a region that its owner freed', () => {
    const region = Region.map('1MiB');
    using heap = new HeapAllocator({ region });
    const offset = heap.allocate(100);
    region.free();
    refuses('ERR_MEMORY_FREED', () => heap.view(offset, 100));
    heap.deallocate(offset, 100);
    expect(heap.usedBytes).toBe(0);
  });
});

it('leaves a region of somebody else alone', () => {
  using region = Region.map('1MiB');
  const heap = new HeapAllocator({ region });
  heap.allocate(64);
  heap.dispose();
  expect(region.state).toBe('live');
});

it('fills itself to the last page, refuses, and is whole again', () => {
  using heap = new HeapAllocator('1MiB');
  const offsets: number[] = [];
  for (let offset = heap.tryAllocate(4096); offset >= 0; offset = heap.tryAllocate(4096)) offsets.push(offset);
  expect(offsets.length).toBe(256);
  expect(new Set(offsets).size).toBe(256);
  expect(heap.tryAllocate(1)).toBe(-1);
  expect(heap.stats().failures).toBe(2);
  for (const offset of offsets) heap.deallocate(offset, 4096);
  // Empty slabs do not stand in the way of a block of everything.
  expect(heap.allocate(MIB)).toBe(0);
  heap.validate();
});

it('trims what is free, keeps what is asked, and what is trimmed reads zeros', () => {
  using heap = new HeapAllocator('8MiB');
  const kept = heap.allocate(100);
  heap.view(kept, 100).fill(7);
  const large = heap.allocate(4 * MIB);
  heap.view(large, 4 * MIB).fill(9);
  heap.deallocate(large, 4 * MIB);
  expect(heap.fragmentation().dirtyBytes).toBe(4 * MIB);
  expect(heap.trim(8 * MIB)).toBe(0);
  expect(heap.trim()).toBe(4 * MIB);
  expect(heap.trim()).toBe(0);
  expect(heap.view(kept, 100).every((byte) => byte === 7)).toBe(true);
  const again = heap.allocate(4 * MIB);
  expect(heap.view(again, 4 * MIB).every((byte) => byte === 0)).toBe(true);
});

it('reallocates in place within a class, and by copying otherwise', () => {
  using heap = new HeapAllocator('1MiB');
  const offset = heap.allocate(100);
  heap.view(offset, 100).fill(3);
  expect(heap.reallocate(offset, 100, 112)).toBe(offset);
  const moved = heap.reallocate(offset, 112, 60_000);
  expect(heap.view(moved, 100).every((byte) => byte === 3)).toBe(true);
  expect(heap.owns(offset)).toBe(false);
  heap.deallocate(heap.reallocate(moved, 60_000, 10), 10);
  expect(heap.usedBytes).toBe(0);
});

it('presets', () => {
  using production = HeapAllocator.production('1MiB');
  production.deallocate(production.allocate(10), 10);
  expect(production.stats()).toMatchObject({ allocations: 0, deallocations: 0, liveAllocations: 0 });
  using performance = HeapAllocator.performance('1MiB', { name: 'fast' });
  expect(performance.name).toBe('fast');
  using debug = HeapAllocator.debug('1MiB');
  const offset = debug.allocate(100);
  const view = debug.view(offset, 100);
  expect(view.every((byte) => byte === 0xaa)).toBe(true);
  refuses('ERR_MEMORY_INVALID_ARGUMENT', () => debug.deallocate(offset, 101));
  debug.deallocate(offset, 100);
  expect(view.every((byte) => byte === 0xdd)).toBe(true);
});

it('works beyond 4 GiB', () => {
  using heap = new HeapAllocator('6GiB');
  const low = heap.allocate(100);
  const large = heap.allocate(5 * 2 ** 30);
  const beyond = heap.allocate(200);
  const odd = heap.allocate(300, 1024);
  expect(beyond).toBeGreaterThan(5 * 2 ** 30);
  heap.view(beyond, 200).fill(5);
  heap.view(low, 100).fill(6);
  expect(heap.view(beyond, 200).every((byte) => byte === 5)).toBe(true);
  expect(heap.owns(large + 2 ** 32)).toBe(true);
  refuses('ERR_MEMORY_FOREIGN_FREE', () => heap.deallocate(beyond + 16, 200));
  heap.deallocate(beyond, 200);
  refuses('ERR_MEMORY_DOUBLE_FREE', () => heap.deallocate(beyond, 200));
  heap.deallocate(odd, 300);
  heap.deallocate(large, 5 * 2 ** 30);
  heap.deallocate(low, 100);
  expect(heap.usedBytes).toBe(0);
  heap.validate();
});
