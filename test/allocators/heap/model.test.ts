import fc from 'fast-check';
import { HeapAllocator, type HeapOptions } from '../../../lib/allocators/heap';
import { CLASS_BYTES, classOf } from '../../../lib/allocators/heap/size-classes';
import { isMemoryError } from '../../../lib/core';
import { randomOf } from './helpers';

interface Block {
  readonly offset: number;
  readonly byteLength: number;
  readonly tag: number;
}

/** Fills a block's ends and middle with its tag: an overlap with any other block is seen when it is read. */
function stamp(heap: HeapAllocator, { offset, byteLength, tag }: Block): void {
  heap.view(offset, byteLength).fill(tag);
}

function intact(heap: HeapAllocator, { offset, byteLength, tag }: Block): boolean {
  return Buffer.from(heap.view(offset, byteLength)).equals(Buffer.alloc(byteLength, tag));
}

const size = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 1100 }) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 40_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 32_000, max: 200_000 }) },
);
const alignment = fc.oneof(
  { weight: 5, arbitrary: fc.constant(undefined) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 12 }).map((power) => 2 ** power) },
);
const step = fc.record({ what: fc.integer({ min: 0, max: 19 }), size, alignment, pick: fc.nat() });

function reallocated(heap: HeapAllocator, block: Block, byteLength: number): number {
  try {
    return heap.reallocate(block.offset, block.byteLength, byteLength);
  } catch (error) {
    if (!isMemoryError(error) || error.category !== 'exhausted') throw error;
    return -1;
  }
}

function play(
  heap: HeapAllocator,
  steps: readonly { what: number; size: number; alignment: number | undefined; pick: number }[],
): void {
  const live: Block[] = [];
  let tag = 0;
  for (const { what, size: byteLength, alignment: wanted, pick } of steps) {
    if (what < 10) {
      const offset = heap.tryAllocate(byteLength, wanted);
      if (offset < 0) continue;
      expect(offset % Math.max(wanted ?? 16, 16)).toBe(0);
      expect(offset + byteLength).toBeLessThanOrEqual(heap.capacityBytes);
      tag = (tag + 1) & 0xff;
      const block = { offset, byteLength, tag };
      stamp(heap, block);
      live.push(block);
    } else if (what < 17 && live.length > 0) {
      const [block] = live.splice(pick % live.length, 1) as [Block];
      expect(intact(heap, block)).toBe(true);
      heap.deallocate(block.offset, block.byteLength);
      expect(heap.owns(block.offset)).toBe(false);
    } else if (what === 17 && live.length > 0) {
      const [block] = live.splice(pick % live.length, 1) as [Block];
      const offset = reallocated(heap, block, byteLength);
      if (offset < 0) {
        live.push(block); // it stays as it was
        continue;
      }
      const kept = Math.min(block.byteLength, byteLength);
      expect(heap.view(offset, kept).every((byte) => byte === block.tag)).toBe(true);
      const moved = { ...block, offset, byteLength };
      stamp(heap, moved);
      live.push(moved);
    } else if (what === 18) {
      heap.trim(pick % 100_000);
    } else if (what === 19 && pick % 40 === 0) {
      heap.reset();
      live.length = 0;
    }
    if (live.length % 4 === 0) heap.validate();
    expect(heap.stats().liveAllocations).toBe(live.length);
    expect(heap.usedBytes).toBe(live.reduce((sum, { offset }) => sum + heap.usableBytes(offset), 0));
  }
  for (const block of live) {
    expect(intact(heap, block)).toBe(true);
    expect(heap.owns(block.offset) && heap.owns(block.offset + block.byteLength - 1)).toBe(true);
    heap.deallocate(block.offset, block.byteLength);
  }
  heap.validate();
  expect(heap.usedBytes).toBe(0);
}

const variants: [string, number, HeapOptions][] = [
  ['roomy', 8 * 2 ** 20, {}],
  ['tight', 256 * 1024, {}],
  ['one page', 4096, { exactSizes: true }],
  ['with exact sizes and patterns', 2 ** 20, { exactSizes: true, allocFill: 1, freeFill: 2 }],
];

it.each(variants)('holds against a model: %s', (_, bytes, options) => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 100, maxLength: 300 }), (steps) => {
      using heap = new HeapAllocator(bytes, options);
      play(heap, steps);
    }),
    { numRuns: 12, endOnFailure: true },
  );
});

it('keeps exact books over fifty thousand operations', () => {
  using heap = new HeapAllocator('64MiB');
  const random = randomOf(7);
  const live: { offset: number; byteLength: number }[] = [];
  let used = 0;
  for (let i = 0; i < 50_000; i += 1) {
    if (live.length < 4000 || random(2) === 0) {
      const byteLength = random(20) === 0 ? 1 + random(30_000) : 1 + random(1016);
      const offset = heap.allocate(byteLength);
      used += CLASS_BYTES[classOf(byteLength)] as number;
      live.push({ offset, byteLength });
    } else {
      const at = random(live.length);
      const { offset, byteLength } = live[at] as { offset: number; byteLength: number };
      live[at] = live[live.length - 1] as { offset: number; byteLength: number };
      live.pop();
      heap.deallocate(offset, byteLength);
      used -= CLASS_BYTES[classOf(byteLength)] as number;
    }
    if (heap.usedBytes !== used) throw new Error(`used ${heap.usedBytes}, expected ${used} at ${i}`);
  }
  heap.validate();
  const sorted = live.sort((a, b) => a.offset - b.offset);
  sorted.forEach(({ offset, byteLength }, i) => {
    const after = sorted[i + 1]?.offset ?? heap.capacityBytes;
    if (offset + byteLength > after) throw new Error(`blocks overlap at ${offset}`);
  });
  for (const { offset, byteLength } of live) heap.deallocate(offset, byteLength);
  expect(heap.usedBytes).toBe(0);
  heap.trim();
  expect(heap.fragmentation()).toMatchObject({ heldBytes: 0, freeRuns: 1, runLossRatio: 0, dirtyBytes: 0 });
});
