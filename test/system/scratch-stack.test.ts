import * as fc from 'fast-check';
import { Region } from '../../lib/platform';
import { ScratchStack } from '../../lib/system';
import { allocatorConformance } from '../conformance/allocator-suite';
import { codeOf } from './support';

const traits = { frees: 'lifo', wrongSize: 'exact', noRoomCode: 'ERR_MEMORY_ARENA_EXHAUSTED' } as const;
allocatorConformance('ScratchStack', () => ({ allocator: new ScratchStack('1MiB') }), traits);
allocatorConformance(
  'ScratchStack over a region',
  () => {
    const region = Region.map('64KiB');
    return { allocator: new ScratchStack({ region }), cleanUp: () => region.free() };
  },
  { ...traits, afterDispose: 'kept' },
);

test('room comes back when everything newer is free, in any order', () => {
  using stack = new ScratchStack('64KiB');
  const [a, b, c] = [stack.allocate(100), stack.allocate(200), stack.allocate(300)];
  stack.deallocate(a as number, 100);
  stack.deallocate(b as number, 200);
  expect(stack.usedBytes).toBe(112 + 208 + 304);
  stack.deallocate(c as number, 300);
  expect(stack.usedBytes).toBe(0);
  expect(stack.stats()).toMatchObject({ allocations: 3, deallocations: 3, liveAllocations: 0, peakUsedBytes: 624 });
});

test('a block in the middle of what was freed is seen whole', () => {
  using stack = new ScratchStack('64KiB');
  const small = Array.from({ length: 10 }, () => stack.allocate(16));
  for (const offset of small.reverse()) stack.deallocate(offset, 16);
  const large = stack.allocate(150); // over the places of the small ones
  expect(stack.view(large + 100, 50).length).toBe(50);
  expect(stack.owns(large + 149)).toBe(true);
  expect(stack.owns(large + 150)).toBe(false);
});

test('trim() gives back what was touched above the cursor', () => {
  using stack = new ScratchStack('1MiB');
  const offset = stack.allocate(500_000);
  stack.view(offset, 500_000).fill(1);
  stack.deallocate(offset, 500_000);
  expect(stack.trim()).toBe(503_808);
  expect(stack.trim()).toBe(0);
  expect(stack.view(stack.allocate(10), 10)[0]).toBe(0);
});

test.each([
  ['nothing', undefined],
  ['8 bytes', 8],
  ['more than 1 GiB', '2GiB'],
])('refuses %s', (_, source) => {
  expect(codeOf(() => new ScratchStack(source as never))).toMatch(/^ERR_MEMORY_(INVALID_ARGUMENT|OUT_OF_RANGE)$/);
});

test('random requests and frees: no overlap, exact books, everything comes back', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ free: fc.boolean(), which: fc.nat(), bytes: fc.integer({ min: 1, max: 900 }) }), {
        minLength: 50,
        maxLength: 300,
      }),
      (steps) => {
        using stack = new ScratchStack('64KiB');
        const live: { offset: number; bytes: number }[] = [];
        for (const { free, which, bytes } of steps) {
          if (free && live.length > 0) {
            const [block] = live.splice(which % live.length, 1);
            if (block === undefined) continue;
            stack.deallocate(block.offset, block.bytes);
            expect(codeOf(() => stack.deallocate(block.offset, block.bytes))).toBe('ERR_MEMORY_DOUBLE_FREE');
            continue;
          }
          const offset = stack.tryAllocate(bytes);
          if (offset === -1) continue;
          for (const other of live) {
            expect(offset + bytes <= other.offset || other.offset + other.bytes <= offset).toBe(true);
          }
          live.push({ offset, bytes });
          expect(stack.owns(offset) && stack.owns(offset + bytes - 1)).toBe(true);
        }
        expect(stack.stats().liveAllocations).toBe(live.length);
        for (const { offset, bytes } of live) stack.deallocate(offset, bytes);
        expect(stack.usedBytes).toBe(0);
      },
    ),
    { numRuns: 40 },
  );
});
