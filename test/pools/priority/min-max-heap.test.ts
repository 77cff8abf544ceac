import * as fc from 'fast-check';
import { MinMaxHeap } from '../../../lib/pools/priority/min-max-heap';

interface Item {
  readonly rank: number;
  readonly id: number;
  place: number;
}

const isLower = (a: Item, b: Item): boolean => a.rank < b.rank || (a.rank === b.rank && a.id < b.id);
const STEP = fc.tuple(fc.constantFrom('push', 'push', 'push', 'lowest', 'highest', 'any'), fc.nat(20), fc.nat(1000));

describe('a heap with two ends', () => {
  test('is as good as a sorted list', () => {
    fc.assert(
      fc.property(fc.array(STEP, { maxLength: 400, size: 'max' }), (steps) => {
        const heap = new MinMaxHeap<Item>(isLower);
        const sorted: Item[] = [];
        let id = 0;
        for (const [kind, rank, which] of steps) {
          if (kind === 'push') {
            const item = { rank, id: (id += 1), place: -1 };
            heap.push(item);
            sorted.push(item);
            sorted.sort((a, b) => (isLower(a, b) ? -1 : 1));
          } else if (sorted.length > 0) {
            const at = kind === 'lowest' ? 0 : kind === 'highest' ? sorted.length - 1 : which % sorted.length;
            const [item] = sorted.splice(at, 1);
            if (kind === 'lowest') expect(heap.lowest).toBe(item);
            if (kind === 'highest') expect(heap.highest).toBe(item);
            heap.remove(item!);
            expect(heap.has(item!)).toBe(false);
          }
          expect(heap.size).toBe(sorted.length);
          expect(heap.lowest).toBe(sorted[0]);
          expect(heap.highest).toBe(sorted.at(-1));
          if (!sorted.every((found) => heap.has(found))) throw new Error('one was lost');
        }
      }),
      { numRuns: 100 },
    );
  });

  test('compares a few times an operation, not once for each element', () => {
    let compared = 0;
    const heap = new MinMaxHeap<Item>((a, b) => {
      compared += 1;
      return isLower(a, b);
    });
    const items = Array.from({ length: 4096 }, (_, id) => ({ rank: (id * 7919) % 4096, id, place: -1 }));
    for (const item of items) heap.push(item);
    let most = 0;
    for (let i = 0; i < 2000; i += 1) {
      compared = 0;
      heap.remove((i % 2 === 0 ? heap.lowest : heap.highest)!);
      most = Math.max(most, compared);
    }
    expect(most).toBeLessThan(60);
  });
});
