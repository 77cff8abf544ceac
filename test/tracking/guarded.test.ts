import * as fc from 'fast-check';
import { GuardedAllocator, TrackedAllocator } from '../../lib/tracking';
import { ListAllocator } from './support/list-allocator';
import { refusal } from './support/refusals';

function guarded(options: object = {}, capacity = 65_536): GuardedAllocator<ListAllocator> {
  return new GuardedAllocator(new ListAllocator(capacity), options);
}

test('fills new blocks, and freed ones while they are held back', () => {
  const allocator = guarded();
  const offset = allocator.allocate(100);
  const view = allocator.view(offset, 100);
  expect(view.every((byte) => byte === 0xcd)).toBe(true);
  view.fill(1);
  allocator.deallocate(offset, 100);
  expect(view.every((byte) => byte === 0xdd)).toBe(true);
  expect(allocator.quarantinedBytes).toBe(132);
  expect(allocator.inner.usedBytes).toBeGreaterThan(0);
  expect(allocator.usedBytes).toBe(0);
  expect(allocator.allocate(100)).not.toBe(offset);
});

describe.each([
  ['the byte before', -1, 'before', -1],
  ['the first guard byte', -16, 'before', -16],
  ['the byte behind', 100, 'after', 100],
  ['the last guard byte', 115, 'after', 115],
] as const)('a stray write to %s', (_, position, kind, told) => {
  const make = () => {
    const allocator = guarded();
    allocator.allocate(8);
    const offset = allocator.allocate(100);
    allocator.inner.raw[offset + position] = 0xee;
    return { allocator, offset };
  };

  test('is found by inspect() and check(), again and again', () => {
    const { allocator, offset } = make();
    const [damage] = allocator.inspect();
    expect(damage).toMatchObject({ kind, offset, byteLength: 100, position: told, found: 0xee });
    for (let turn = 0; turn < 2; turn++) {
      const { message } = refusal('ERR_MEMORY_CORRUPTION', () => allocator.check());
      expect(message).toContain(`block at ${offset} of 100 bytes`);
      expect(message).toContain(`position ${told}`);
    }
  });

  test('is told once at the free, which goes through then', () => {
    const { allocator, offset } = make();
    const before = allocator.stats();
    refusal('ERR_MEMORY_CORRUPTION', () => allocator.deallocate(offset, 100));
    expect(allocator.stats()).toEqual(before);
    allocator.deallocate(offset, 100);
    expect(allocator.stats().liveAllocations).toBe(1);
    allocator.drain();
    allocator.reset();
  });

  test('is told once at reset', () => {
    const { allocator } = make();
    refusal('ERR_MEMORY_CORRUPTION', () => allocator.reset());
    expect(allocator.stats()).toMatchObject({ liveAllocations: 2, resets: 0 });
    allocator.reset();
    expect(allocator.stats()).toMatchObject({ liveAllocations: 0, resets: 1 });
  });

  test('is told by dispose, which has let go by then', () => {
    const { allocator } = make();
    refusal('ERR_MEMORY_CORRUPTION', () => allocator.dispose());
    expect(allocator.disposed).toBe(true);
    allocator.dispose();
    refusal('ERR_MEMORY_CLOSED', () => allocator.allocate(8));
  });
});

describe('a write after a free', () => {
  test('is found when the block leaves quarantine, by the call that makes it leave', () => {
    const allocator = guarded({ quarantineBytes: 300 });
    const [stale, next, last] = [allocator.allocate(100), allocator.allocate(100), allocator.allocate(100)];
    const view = allocator.view(stale, 100);
    allocator.deallocate(stale, 100);
    view[7] = 1;
    allocator.deallocate(next, 100);
    const { message } = refusal('ERR_MEMORY_CORRUPTION', () => allocator.deallocate(last, 100));
    expect(message).toMatch(new RegExp(`byte 7 of the block at ${stale} .*after it was freed: found 0x01`));
    expect(allocator.stats()).toMatchObject({ deallocations: 2, liveAllocations: 1 });
    allocator.deallocate(last, 100);
  });

  test('is found by check(), drain() and reset()', () => {
    const stale = () => {
      const allocator = guarded();
      const offset = allocator.allocate(10);
      const view = allocator.view(offset, 10);
      allocator.deallocate(offset, 10);
      view[0] = 1;
      return allocator;
    };
    for (const call of ['check', 'drain', 'reset', 'dispose'] as const) {
      refusal('ERR_MEMORY_CORRUPTION', () => stale()[call]());
    }
    const told = stale();
    refusal('ERR_MEMORY_CORRUPTION', () => told.reset());
    told.drain();
    expect(told.inner.usedBytes).toBe(0);
  });
});

test('tells a double, a foreign and a wrongly sized free apart', () => {
  for (const quarantineBytes of [0, '1MiB']) {
    const allocator = guarded({ quarantineBytes });
    const past = allocator.inner.allocate(8);
    const offset = allocator.allocate(100);
    refusal('ERR_MEMORY_INVALID_ARGUMENT', () => allocator.deallocate(offset, 99));
    refusal('ERR_MEMORY_FOREIGN_FREE', () => allocator.deallocate(past, 8));
    allocator.deallocate(offset, 100);
    refusal('ERR_MEMORY_DOUBLE_FREE', () => allocator.deallocate(offset, 100));
  }
});

test("owns users' bytes only", () => {
  const allocator = guarded();
  const offset = allocator.allocate(100);
  const owned = [-1, 0, 50, 99, 100].map((at) => allocator.owns(offset + at));
  expect(owned).toEqual([false, true, true, true, false]);
  allocator.deallocate(offset, 100);
  expect(allocator.owns(offset)).toBe(false);
});

test('held-back blocks do not make it look full', () => {
  const allocator = guarded({}, 1024);
  for (let turn = 0; turn < 50; turn++) allocator.deallocate(allocator.allocate(400), 400);
  expect(allocator.tryAllocate(2000)).toBe(-1);
  expect(allocator.quarantinedBytes).toBeGreaterThan(0);
  expect(allocator.stats()).toMatchObject({ allocations: 50, failures: 1 });
});

test('a refused free leaves the bytes as they were', () => {
  const inner = new ListAllocator();
  const allocator = new GuardedAllocator(inner, { quarantineBytes: 0 });
  const offset = allocator.allocate(10);
  allocator.view(offset, 10).fill(7);
  const free = inner.deallocate.bind(inner);
  inner.deallocate = () => {
    throw new Error('not now');
  };
  expect(() => allocator.deallocate(offset, 10)).toThrow('not now');
  expect(allocator.view(offset, 10).every((byte) => byte === 7)).toBe(true);
  expect(allocator.stats()).toMatchObject({ deallocations: 0, liveAllocations: 1 });
  inner.deallocate = free;
  allocator.deallocate(offset, 10);
});

test('guards, fills and quarantine can be left out', () => {
  const allocator = guarded({ canaryBytes: 0, allocatedFill: null, freedFill: null, quarantineBytes: 0 });
  const offset = allocator.allocate(64);
  expect(allocator.inner.usedBytes).toBe(64);
  expect(allocator.view(offset, 64)[0]).toBe(0);
  allocator.deallocate(offset, 64);
  expect(allocator.inner.usedBytes).toBe(0);
});

test.each([
  [{ canaryBytes: -1 }, 'ERR_MEMORY_OUT_OF_RANGE'],
  [{ allocatedFill: 256 }, 'ERR_MEMORY_OUT_OF_RANGE'],
  [{ quarantineBytes: 'lots' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  [{ canary: 8 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
] as const)('refuses the options %j', (options, code) => {
  refusal(code, () => guarded(options));
});

test('finds every stray write and nothing else, over random programs', () => {
  const operation = fc.record({
    kind: fc.nat({ max: 9 }),
    pick: fc.nat(),
    size: fc.integer({ min: 1, max: 200 }),
    alignment: fc.nat({ max: 7 }).map((power) => 2 ** power),
    quarantined: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(operation, { minLength: 20, maxLength: 150, size: 'max' }), (operations) => {
      const allocator = new GuardedAllocator(new TrackedAllocator(new ListAllocator(32_768), { level: 'paranoid' }), {
        quarantineBytes: 2048,
      });
      const live: { offset: number; byteLength: number }[] = [];
      for (const { kind, pick, size, alignment } of operations) {
        if (kind < 5) {
          const offset = allocator.tryAllocate(size, alignment);
          if (offset === -1) continue;
          expect(offset % alignment).toBe(0);
          allocator.view(offset, size).fill(pick & 0xff);
          live.push({ offset, byteLength: size });
        } else if (kind < 9) {
          const [block] = live.splice(pick % Math.max(1, live.length), 1);
          if (block) allocator.deallocate(block.offset, block.byteLength);
        } else if (live.length > 0) {
          const block = live[pick % live.length] ?? { offset: 0, byteLength: 0 };
          const at = pick % 2 === 0 ? block.offset - 1 - (pick % 16) : block.offset + block.byteLength + (pick % 16);
          const { raw } = allocator.inner.inner;
          const kept = raw[at] ?? 0;
          raw[at] = kept ^ 0x40;
          expect(allocator.inspect()).toMatchObject([{ ...block, found: kept ^ 0x40, expected: kept }]);
          raw[at] = kept;
        }
        expect(allocator.inspect()).toEqual([]);
        expect(allocator.stats().liveAllocations).toBe(live.length);
      }
      for (const { offset, byteLength } of live) allocator.deallocate(offset, byteLength);
      allocator.drain();
      expect([allocator.usedBytes, allocator.inner.usedBytes]).toEqual([0, 0]);
    }),
    { numRuns: 30 },
  );
});
