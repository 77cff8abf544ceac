import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { SharedHeapAllocator, SharedSystemAllocator } from '../../../lib/allocators/heap';
import { Region } from '../../../lib/platform';
import { refuses } from './helpers';

const run = promisify(execFile);
const MIB = 2 ** 20;

async function stress(kind: string, seed: number, lives: number): Promise<Record<string, never>> {
  const { stdout } = await run(process.execPath, [join(__dirname, 'stress.cjs'), kind, String(seed), String(lives)]);
  return JSON.parse(stdout);
}

it('several attachments share one heap: each frees what the other allocated', () => {
  using first = SharedHeapAllocator.create('4MiB');
  using second = SharedHeapAllocator.attach(first.handle);
  const ours = first.allocate(100);
  const theirs = second.allocate(100);
  const large = first.allocate(200_000);
  expect(new Set([ours, theirs, large]).size).toBe(3);
  first.view(ours, 100).fill(7);
  expect(second.view(ours, 100).every((byte) => byte === 7)).toBe(true);
  second.deallocate(ours, 100);
  refuses('ERR_MEMORY_DOUBLE_FREE', () => first.deallocate(ours, 100));
  second.deallocate(large, 200_000);
  refuses('ERR_MEMORY_DOUBLE_FREE', () => first.deallocate(large, 200_000));
  first.deallocate(theirs, 100);
  expect([first.usedBytes, second.usedBytes, first.audit().liveBlocks]).toEqual([0, 0, 0]);
  expect(second.stats()).toMatchObject({ allocations: 3, deallocations: 3, liveAllocations: 0 });
});

it('what an attachment held comes back with it, but for what it disowned', () => {
  using heap = SharedHeapAllocator.create('4MiB');
  const other = SharedHeapAllocator.attach(heap.handle);
  const small = other.allocate(100);
  const large = other.allocate(100_000);
  for (let i = 0; i < 50; i += 1) other.allocate(100 + i * 1000);
  other.disown(small);
  other.disown(large);
  refuses('ERR_MEMORY_FOREIGN_FREE', () => other.disown(small + 1));
  other.view(small, 100).fill(3);
  other.dispose();
  expect(heap.audit()).toMatchObject({ liveBlocks: 2, orphans: 1, unfinished: 0 });
  expect(heap.stats().liveAllocations).toBe(2);
  expect(heap.view(small, 100).every((byte) => byte === 3)).toBe(true);
  // The slab that was left behind serves the next who needs one of its class.
  const next = heap.allocate(100);
  expect(heap.audit().orphans).toBe(0);
  heap.deallocate(next, 100);
  heap.deallocate(small, 100);
  heap.deallocate(large, 100_000);
  heap.trim();
  expect([heap.usedBytes, heap.audit().heldSpans, heap.allocate(4 * MIB)]).toEqual([0, 0, 0]);
});

it('an empty slab of nobody goes back with its last block', () => {
  using heap = SharedHeapAllocator.create('1MiB');
  const other = SharedHeapAllocator.attach(heap.handle);
  const block = other.allocate(5000);
  other.disown(block);
  other.dispose();
  expect(heap.audit()).toMatchObject({ heldSpans: 1, orphans: 1 });
  heap.deallocate(block, 5000);
  expect(heap.audit()).toMatchObject({ heldSpans: 0, orphans: 0 });
});

it('bad input, the books unchanged', () => {
  using heap = SharedHeapAllocator.create('4MiB');
  const small = heap.allocate(100);
  const large = heap.allocate(100_000);
  const before = JSON.stringify([heap.audit(), heap.usedBytes]);
  refuses('ERR_MEMORY_FOREIGN_FREE', () => heap.deallocate(small + 16, 100));
  refuses('ERR_MEMORY_FOREIGN_FREE', () => heap.deallocate(large + 65_536, 100_000));
  refuses('ERR_MEMORY_FOREIGN_FREE', () => heap.deallocate(large + 64, 100_000));
  refuses('ERR_MEMORY_FOREIGN_FREE', () => heap.deallocate(4 * MIB, 64));
  refuses('ERR_MEMORY_FOREIGN_FREE', () => heap.deallocate(2 * MIB, 64));
  refuses('ERR_MEMORY_INVALID_ARGUMENT', () => heap.deallocate(small, 200));
  refuses('ERR_MEMORY_INVALID_ARGUMENT', () => heap.deallocate(small, 2 ** 32 + 100));
  refuses('ERR_MEMORY_INVALID_ARGUMENT', () => heap.deallocate(large, 100));
  refuses('ERR_MEMORY_OUT_OF_RANGE', () => heap.view(small, 129));
  expect(JSON.stringify([heap.audit(), heap.usedBytes])).toBe(before);
  refuses('ERR_MEMORY_OUT_OF_RANGE', () => SharedHeapAllocator.create(1000));
  refuses('ERR_MEMORY_INVALID_ARGUMENT', () => SharedHeapAllocator.create('1MiB', { x: 1 } as never));
  refuses('ERR_MEMORY_INVALID_ARGUMENT', () => SharedSystemAllocator.attach(heap.handle));
  using local = Region.map('1MiB');
  refuses('ERR_MEMORY_INVALID_STATE', () => SharedHeapAllocator.create({ region: local }));
});

it('follows a model with two attachments', () => {
  const step = fc.record({
    what: fc.integer({ min: 0, max: 9 }),
    size: fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 150_000 })),
    power: fc.integer({ min: 0, max: 12 }),
    pick: fc.nat(),
    by: fc.integer({ min: 0, max: 1 }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 100, maxLength: 400 }), (steps) => {
      using first = SharedHeapAllocator.create('2MiB');
      using second = SharedHeapAllocator.attach(first.handle);
      const heaps = [first, second];
      const live: { offset: number; size: number }[] = [];
      for (const { what, size, power, pick, by } of steps) {
        const heap = heaps[by] as SharedHeapAllocator;
        if (what < 5) {
          const offset = heap.tryAllocate(size, 2 ** power);
          if (offset < 0) continue;
          expect(offset % 2 ** power).toBe(0);
          for (const block of live) {
            expect(offset >= block.offset + block.size || block.offset >= offset + size).toBe(true);
          }
          live.push({ offset, size });
        } else if (what < 9 && live.length > 0) {
          const [block] = live.splice(pick % live.length, 1) as [{ offset: number; size: number }];
          heap.deallocate(block.offset, block.size);
        } else if (what === 9) {
          heap.trim();
        }
        const { liveBlocks, usedBytes, unfinished } = first.audit();
        expect([liveBlocks, usedBytes, unfinished]).toEqual([live.length, second.usedBytes, 0]);
      }
      for (const { offset, size } of live) second.deallocate(offset, size);
      expect([first.audit().liveBlocks, first.usedBytes]).toEqual([0, 0]);
      for (const heap of heaps) heap.trim();
      expect(first.tryAllocate(2 * MIB)).toBe(0);
    }),
    { numRuns: 10, endOnFailure: true },
  );
});

it('the system allocator gives pages back at the free, and hands out zeros', () => {
  using system = SharedSystemAllocator.create('1MiB');
  using other = SharedSystemAllocator.attach(system.handle);
  const block = system.allocate(MIB);
  system.view(block, MIB).fill(5);
  other.deallocate(block, MIB);
  refuses('ERR_MEMORY_DOUBLE_FREE', () => system.deallocate(block, MIB));
  expect(system.allocate(MIB)).toBe(block);
  expect(system.view(block, MIB).every((byte) => byte === 0)).toBe(true);
  system.deallocate(block, MIB);
  // Also after an attachment whose memory was let go of before its blocks were.
  const third = SharedSystemAllocator.attach(system.handle);
  third.view(third.allocate(MIB), MIB).fill(9);
  third.dispose();
  expect(system.allocate(MIB)).toBe(block);
  expect(system.view(block, MIB).every((byte) => byte === 0)).toBe(true);
  refuses('ERR_MEMORY_INVALID_ALIGNMENT', () => SharedSystemAllocator.create('1MiB', { pageBytes: 5000 }));
});

it('works in one sparse region of terabytes', () => {
  using system = SharedSystemAllocator.create('64GiB');
  expect(system.pageBytes).toBe(65_536);
  const blocks = [system.allocate(40 * 2 ** 30), system.allocate(100), system.allocate(20 * 2 ** 30)];
  expect(blocks[2]).toBeGreaterThan(2 ** 35);
  system.view(blocks[2] as number, 100).fill(1);
  expect(system.owns((blocks[2] as number) + 2 ** 30)).toBe(true);
  system.deallocate(blocks[2] as number, 20 * 2 ** 30);
  expect(system.owns((blocks[2] as number) + 2 ** 30)).toBe(false);
});

it.each([
  ['heap', 11],
  ['heap', 12],
  ['system', 13],
])('loses no block and hands none out twice when workers are ended at random: %s, seed %d', async (kind, seed) => {
  const found = (await stress(kind, seed, 24)) as unknown as {
    ended: number;
    whole: number;
    audit: { unfinished: number; liveBlocks: number } | null;
    after: { liveBlocks: number } | null;
  };
  expect(found.ended).toBeGreaterThan(5);
  expect(found.whole).toBe(0);
  if (found.audit !== null) expect(found.audit).toMatchObject({ unfinished: 0, liveBlocks: 0 });
  // A worker that ended between its free and its look leaves an empty slab of nobody's to the trim() that came between.
  if (found.after !== null) expect(found.after).toMatchObject({ liveBlocks: 1, orphans: 0 });
});
