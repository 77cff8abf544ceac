import * as fc from 'fast-check';
import type { BudgetLike } from '../../lib/core';
import { BudgetedAllocator, ByteLimit, FailureInjectingAllocator } from '../../lib/tracking';
import { ListAllocator } from './support/list-allocator';
import { refusal } from './support/refusals';

test('takes before, gives back after a free, a reset and disposal', () => {
  const budget = new ByteLimit(1000, 'images');
  const first = new BudgetedAllocator(new ListAllocator(), { budget });
  const second = new BudgetedAllocator(new ListAllocator(), { budget });
  const offset = first.allocate(400);
  second.allocate(500);
  expect([budget.usedBytes, first.chargedBytes, second.chargedBytes]).toEqual([900, 400, 500]);
  const error = refusal('ERR_MEMORY_BUDGET_EXCEEDED', () => first.allocate(101));
  expect(error).toMatchObject({ requestedBytes: 101, limitBytes: 1000, availableBytes: 100, source: 'images' });
  expect(first.tryAllocate(101)).toBe(-1);
  expect(first.stats()).toMatchObject({ failures: 2, allocations: 1 });
  first.deallocate(offset, 400);
  expect(budget.usedBytes).toBe(500);
  second.reset();
  expect(budget.usedBytes).toBe(0);
  second.allocate(1000);
  second.dispose();
  expect(budget.usedBytes).toBe(0);
});

test('what can never fit is told as such', () => {
  const limited = new BudgetedAllocator(new ListAllocator(), { limitBytes: '1KiB' });
  expect(refusal('ERR_MEMORY_TOO_LARGE', () => limited.allocate(1025)).retryable).toBe(false);
});

test('is exact when the inner allocator fails', () => {
  const budget = new ByteLimit('1MiB');
  const inner = new FailureInjectingAllocator(new ListAllocator(256), { every: 2 });
  const limited = new BudgetedAllocator(inner, { budget });
  limited.allocate(100);
  refusal('ERR_MEMORY_ARENA_EXHAUSTED', () => limited.allocate(50));
  expect(limited.tryAllocate(200)).toBe(-1);
  refusal('ERR_MEMORY_OUT_OF_RANGE', () => limited.allocate(0));
  refusal('ERR_MEMORY_FOREIGN_FREE', () => limited.deallocate(72, 100));
  refusal('ERR_MEMORY_INVALID_ARGUMENT', () => limited.deallocate(0, 99));
  expect([budget.usedBytes, limited.chargedBytes]).toEqual([100, 100]);
});

test('what a budget throws reaches the caller, and nothing was taken', () => {
  const broken = { name: 'broken', reserve: fail, tryReserve: fail, release: () => {} };
  function fail(): never {
    throw new RangeError('no budget today');
  }
  const limited = new BudgetedAllocator(new ListAllocator(), { budget: broken });
  expect(() => limited.allocate(8)).toThrow('no budget today');
  expect(() => limited.tryAllocate(8)).toThrow('no budget today');
  expect([limited.usedBytes, limited.chargedBytes]).toEqual([0, 0]);
});

test('a budget that cannot take back is offered the bytes again', () => {
  let down = true;
  let taken = 0;
  const budget: BudgetLike = {
    name: 'flaky',
    reserve: (bytes) => void (taken += bytes),
    tryReserve: () => true,
    release: (bytes) => {
      if (down) throw new Error('down');
      taken -= bytes;
    },
  };
  const limited = new BudgetedAllocator(new ListAllocator(), { budget });
  const [first, second] = [limited.allocate(10), limited.allocate(20)];
  limited.deallocate(first, 10);
  expect([limited.usedBytes, limited.unreleasedBytes, taken]).toEqual([24, 10, 30]);
  down = false;
  limited.deallocate(second, 20);
  expect([limited.unreleasedBytes, taken]).toEqual([0, 0]);
});

test('blocks of before are freed without touching the budget', () => {
  const inner = new ListAllocator();
  const before = inner.allocate(64);
  const limited = new BudgetedAllocator(inner, { limitBytes: 100 });
  limited.deallocate(before, 64);
  const [first] = [limited.allocate(40), limited.allocate(60)];
  expect(limited.tryAllocate(1)).toBe(-1);
  limited.deallocate(first, 40);
  expect(limited.chargedBytes).toBe(60);
});

test.each([
  [{}, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ limitBytes: 5, budget: new ByteLimit(5) }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ budget: {} }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ budget: null }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ limitBytes: -1 }, 'ERR_MEMORY_OUT_OF_RANGE'],
] as const)('refuses the options %#', (options, code) => {
  refusal(code, () => new BudgetedAllocator(new ListAllocator(), options as never));
});

test('neither and both are refused by the compiler as well', () => {
  // @ts-expect-error: neither a budget nor a limit
  refusal('ERR_MEMORY_INVALID_ARGUMENT', () => new BudgetedAllocator(new ListAllocator(), {}));
  const both = { limitBytes: 5, budget: new ByteLimit(5) };
  // @ts-expect-error: both
  refusal('ERR_MEMORY_INVALID_ARGUMENT', () => new BudgetedAllocator(new ListAllocator(), both));
});

test('never exceeds its limit and ends at 0, over random programs with failures', () => {
  const operation = fc.record({ kind: fc.nat({ max: 9 }), pick: fc.nat(), size: fc.integer({ min: 1, max: 300 }) });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200, size: 'max' }), fc.nat(), (operations, seed) => {
      const budget = new ByteLimit(2000);
      const inner = new FailureInjectingAllocator(new ListAllocator(4096), { probability: 0.1, seed });
      const limited = new BudgetedAllocator(inner, { budget });
      const live: [number, number][] = [];
      for (const { kind, pick, size } of operations) {
        if (kind < 5) {
          const offset = limited.tryAllocate(size);
          if (offset !== -1) live.push([offset, size]);
        } else if (kind < 9) {
          const [block] = live.splice(pick % Math.max(1, live.length), 1);
          if (block) limited.deallocate(...block);
        } else {
          limited.reset();
          live.length = 0;
        }
        const bytes = live.reduce((sum, [, byteLength]) => sum + byteLength, 0);
        expect([budget.usedBytes, limited.chargedBytes, bytes <= 2000]).toEqual([bytes, bytes, true]);
      }
      limited.dispose();
      expect(budget.usedBytes).toBe(0);
    }),
    { numRuns: 50 },
  );
});
