import { SharedHeapAllocator } from '../../../lib/allocators/heap';
import type { SharedSlabs } from '../../../lib/allocators/heap/shared-slabs';
import { SpanTable, spanTableWords } from '../../../lib/allocators/heap/span-table';

const OPERATIONS = ['and', 'or', 'add', 'sub', 'store', 'compareExchange'] as const;

afterEach(() => jest.restoreAllMocks());

/** Runs `before(n)` ahead of the n-th atomic operation, from 1 on. */
function interrupt(before: (n: number) => void): void {
  let count = 0;
  for (const name of OPERATIONS) {
    const real = Atomics[name] as (...given: unknown[]) => unknown;
    jest.spyOn(Atomics, name).mockImplementation(((...given: unknown[]) => {
      count += 1;
      before(count);
      return real.apply(Atomics, given);
    }) as never);
  }
}

type Work = (heap: SharedHeapAllocator, held: { small: number; large: number }) => unknown;
const works: [string, Work][] = [
  ['a block of a new slab', (heap) => heap.allocate(3000)],
  ['a block of an old slab', (heap) => heap.allocate(100)],
  ['a block of several spans', (heap) => heap.allocate(300_000)],
  ['a free', (heap, { small }) => heap.deallocate(small, 100)],
  ['a free of several spans', (heap, { large }) => heap.deallocate(large, 200_000)],
  ['disowning', (heap, { small }) => heap.disown(small)],
  ['trimming', (heap, { small }) => [heap.deallocate(small, 100), heap.trim()]],
  ["a free of another one's block", (heap) => heap.deallocate(0, 1000)],
];

it.each(works)('whoever ends before any atomic operation of %s loses nothing for the others', (_, work) => {
  let finished = false;
  for (let last = 1; !finished; last += 1) {
    using heap = SharedHeapAllocator.create('1MiB');
    const kept = heap.allocate(1000);
    expect(kept).toBe(0);
    const stays = heap.allocate(5000);
    const other = SharedHeapAllocator.attach(heap.handle);
    const held = { small: other.allocate(100), large: other.allocate(200_000) };
    interrupt((n) => {
      if (n === last) throw new Error('killed');
    });
    try {
      work(other, held);
      finished = true;
    } catch (error) {
      expect((error as Error).message).toBe('killed');
    }
    jest.restoreAllMocks();
    // Its cleaner ends in the middle as well, and another one begins anew.
    const { slabs } = heap as unknown as { slabs: SharedSlabs };
    interrupt((n) => {
      if (n === (last % 5) + 1) throw new Error('killed');
    });
    try {
      slabs.reclaim(other.owner, () => {});
    } catch {}
    jest.restoreAllMocks();
    slabs.reclaim(other.owner, () => {});
    expect(heap.audit().unfinished).toBe(0);
    for (const [offset, size] of [
      [kept, 1000],
      [stays, 5000],
      [held.small, 100],
    ] as const) {
      if (heap.owns(offset)) heap.deallocate(offset, size);
    }
    heap.trim();
    expect(heap.audit()).toMatchObject({ liveBlocks: 0, heldSpans: 0, orphans: 0 });
    expect(heap.allocate(2 ** 20)).toBe(0);
    other.dispose();
    expect(last).toBeLessThan(500);
  }
});

it('of two that claim the same spans, in whatever order, each gets its own', () => {
  for (let when = 1; when <= 12; when += 1) {
    const words = new Int32Array(new SharedArrayBuffer(4 * spanTableWords(20)));
    const first = new SpanTable(words, 0, 20);
    const second = new SpanTable(words, 0, 20);
    let theirs = -1;
    let inside = false;
    interrupt((n) => {
      if (inside || n < when || theirs >= 0) return;
      inside = true;
      theirs = second.claim(4, 2);
      inside = false;
    });
    const ours = first.claim(5, 1);
    jest.restoreAllMocks();
    expect(ours).toBeGreaterThanOrEqual(0);
    if (theirs < 0) continue;
    expect(ours + 5 <= theirs || theirs + 4 <= ours).toBe(true);
  }
});
