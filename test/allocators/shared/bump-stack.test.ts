import { SharedBumpAllocator, SharedStackAllocator } from '../../../lib/allocators/shared';
import { RestoreLog } from '../../../lib/allocators/shared/restore-log';

const code = (expected: string) => expect.objectContaining({ code: expected });

describe('SharedBumpAllocator', () => {
  let first: SharedBumpAllocator;
  let second: SharedBumpAllocator;
  beforeEach(() => {
    first = SharedBumpAllocator.create('64KiB');
    second = SharedBumpAllocator.attach(structuredClone(first.handle));
  });
  afterEach(() => {
    second.dispose();
    first.dispose();
  });

  test('both move one cursor', () => {
    expect([first.allocate(10), second.allocate(1), first.allocate(8, 64), second.allocate(8)]).toEqual([
      0, 16, 64, 72,
    ]);
    expect([first.usedBytes, second.usedBytes, second.stats().peakUsedBytes]).toEqual([80, 80, 80]);
    second.reset();
    expect(first.allocate(1)).toBe(0);
    expect(first.stats()).toMatchObject({ allocations: 5, liveAllocations: 1, resets: 1, peakUsedBytes: 80 });
  });

  test('nested checkpoints, inner first', () => {
    first.allocate(8);
    const outer = first.checkpoint();
    first.allocate(8);
    const inner = first.checkpoint();
    first.allocate(8);
    first.restore(inner);
    first.restore(inner);
    expect(first.usedBytes).toBe(16);
    first.restore(outer);
    expect(first.usedBytes).toBe(8);
    expect(() => first.restore(inner)).toThrow(code('ERR_MEMORY_STALE_HANDLE'));
    first.allocate(100);
    expect(() => first.restore(inner)).toThrow(code('ERR_MEMORY_STALE_HANDLE'));
    expect(first.scope(() => first.allocate(8))).toBe(112);
    expect(first.usedBytes).toBe(112);
  });

  test('checkpoints of others, of before a reset, and beside a restore by somebody else are stale', () => {
    const mine = first.checkpoint();
    expect(() => second.restore(mine)).toThrow(code('ERR_MEMORY_STALE_HANDLE'));
    const theirs = second.checkpoint();
    second.restore(theirs);
    expect(() => first.restore(mine)).toThrow(code('ERR_MEMORY_STALE_HANDLE'));
    first.reset();
    expect(() => second.restore(theirs)).toThrow(code('ERR_MEMORY_STALE_HANDLE'));
    for (const value of [null, {}, 7, { ...mine, usedBytes: 1.5 }]) {
      expect(() => first.restore(value as never)).toThrow(code('ERR_MEMORY_INVALID_ARGUMENT'));
    }
  });

  test.each([-8, -16, 3, 2 ** 40 + 1])(
    'a checkpoint with %p bytes is refused, and the true one holds still',
    (usedBytes) => {
      first.allocate(16);
      const mine = first.checkpoint();
      first.allocate(16);
      expect(() => first.restore({ ...mine, usedBytes })).toThrow(code('ERR_MEMORY_INVALID_ARGUMENT'));
      expect(first.usedBytes).toBe(32);
      first.restore(mine);
      expect(first.usedBytes).toBe(16);
    },
  );

  test('the restore log allows what nothing went below since', () => {
    const log = new RestoreLog();
    log.note(1, 50);
    log.note(2, 80);
    expect([log.allows(2, 2, 99), log.allows(1, 2, 80), log.allows(1, 2, 81)]).toEqual([true, true, false]);
    expect([log.allows(0, 2, 50), log.allows(0, 2, 51), log.allows(0, 3, 1)]).toEqual([true, false, false]);
    log.note(4, 10); // somebody else made era 3
    expect([log.allows(2, 4, 1), log.allows(3, 4, 10), log.allows(3, 4, 11)]).toEqual([false, true, false]);
  });
});

describe('SharedStackAllocator', () => {
  let first: SharedStackAllocator;
  let second: SharedStackAllocator;
  beforeEach(() => {
    first = SharedStackAllocator.create('64KiB', { maxBlocks: 100 });
    second = SharedStackAllocator.attach(structuredClone(first.handle));
  });
  afterEach(() => {
    second.dispose();
    first.dispose();
  });

  test('each frees its own newest; what lies below others comes back with them', () => {
    const a = first.allocate(16);
    const b = second.allocate(16);
    const c = first.allocate(16);
    expect([a, b, c]).toEqual([0, 16, 32]);
    expect(() => first.deallocate(a, 16)).toThrow(code('ERR_MEMORY_LIFO_VIOLATION'));
    expect(() => first.deallocate(b, 16)).toThrow(code('ERR_MEMORY_FOREIGN_FREE'));
    second.deallocate(b, 16);
    expect([second.usedBytes, second.owns(b), second.owns(c), second.owns(a)]).toEqual([48, false, true, true]);
    first.deallocate(c, 16);
    expect(first.usedBytes).toBe(16);
    first.deallocate(a, 16);
    expect(first.stats()).toMatchObject({ usedBytes: 0, liveAllocations: 0, deallocations: 3, peakUsedBytes: 48 });
  });

  test('padding is given back', () => {
    first.allocate(1);
    const aligned = first.allocate(1, 4096);
    expect(aligned).toBe(4096);
    first.deallocate(aligned, 1);
    expect(first.usedBytes).toBe(16);
  });

  test('markers and frames nest within an attachment', () => {
    const outer = first.mark();
    first.allocate(10);
    const inner = first.mark();
    first.allocate(10);
    second.allocate(10);
    first.release(inner);
    expect(first.stats().liveAllocations).toBe(2);
    first.release(inner);
    first.release(outer);
    expect(() => first.release(inner)).toThrow(code('ERR_MEMORY_LIFO_VIOLATION'));
    first.allocate(10);
    expect(() => first.release(inner)).toThrow(code('ERR_MEMORY_LIFO_VIOLATION'));
    expect(() => second.release(outer)).toThrow(code('ERR_MEMORY_STALE_HANDLE'));
    for (const value of [null, {}, { ...outer, depth: 'x' }]) {
      expect(() => first.release(value as never)).toThrow(code('ERR_MEMORY_INVALID_ARGUMENT'));
    }
    expect(first.frame(() => first.allocate(99))).toBe(64);
    expect(first.stats().liveAllocations).toBe(2);
    second.reset();
    expect(() => first.release(outer)).toThrow(code('ERR_MEMORY_STALE_HANDLE'));
    expect(first.usedBytes).toBe(0);
  });

  test('many blocks, and no more than there are entries for', () => {
    for (let i = 0; i < 100; i += 1) first.allocate(1);
    expect(first.tryAllocate(1)).toBe(-1);
    expect(() => second.allocate(1)).toThrow(code('ERR_MEMORY_ARENA_EXHAUSTED'));
    first.dispose();
    expect(second.usedBytes).toBe(0);
  });
});
