import { Arena, ArenaScope } from '../../lib/arenas';
import { codeOf } from './support';

const small = { growthFactor: 1, maxChunkBytes: '4KiB' } as const;

test('rewinding goes over any number of chunks', () => {
  using arena = new Arena('4KiB', small);
  arena.allocate(100);
  const used = arena.usedBytes;
  const mark = arena.mark();
  const blocks = () => Array.from({ length: 20 }, () => arena.allocate(1500));
  const first = blocks();
  arena.rewind(mark);
  expect([arena.usedBytes, arena.stats().liveAllocations]).toEqual([used, 1]);
  expect(blocks()).toEqual(first);
  arena.rewind(mark);
  arena.rewind(mark);
  expect(arena.stats().chunksAcquired).toBe(10);
});

test('marks that are gone, of others, and none at all are refused', () => {
  using arena = new Arena('4KiB');
  using other = new Arena('4KiB');
  const outer = arena.mark();
  arena.allocate(8);
  const inner = arena.mark();
  arena.allocate(8);
  other.allocate(8);
  const foreign = other.mark();
  arena.rewind(outer);
  arena.allocate(64);
  arena.allocate(64);
  const before = arena.stats();
  for (const mark of [inner, foreign, 0, -1, 1.5, Number.NaN, '1', null, undefined]) {
    expect(codeOf(() => arena.rewind(mark as never))).toBe('ERR_MEMORY_STALE_HANDLE');
  }
  expect(arena.stats()).toEqual(before);
  arena.reset();
  expect(codeOf(() => arena.rewind(outer))).toBe('ERR_MEMORY_STALE_HANDLE');
});

test('a block freed from below a mark does not come back by rewinding', () => {
  using arena = new Arena('4KiB');
  const block = arena.allocate(64);
  const mark = arena.mark();
  arena.deallocate(block, 64);
  const next = arena.allocate(32);
  arena.rewind(mark);
  expect([arena.usedBytes, arena.owns(next)]).toEqual([0, false]);
});

test('frees before a rewind are counted once', () => {
  using arena = new Arena('4KiB');
  const keep = arena.allocate(8);
  const mark = arena.mark();
  const a = arena.allocate(8);
  arena.allocate(8);
  arena.deallocate(a, 8);
  arena.deallocate(keep, 8);
  arena.rewind(mark);
  expect(arena.stats()).toMatchObject({ liveAllocations: 0, usedBytes: 0 });
});

describe('scopes', () => {
  test('using, callbacks, promises and exceptions all give back', async () => {
    using arena = new Arena('4KiB', small);
    arena.allocate(8);
    const used = arena.usedBytes;
    {
      using scope = arena.scope();
      for (let i = 0; i < 10; i += 1) scope.alloc(2000).fill(1);
      {
        using inner = new ArenaScope(arena);
        inner.allocate(3000);
      }
      expect(arena.stats().liveAllocations).toBe(11);
    }
    expect(arena.usedBytes).toBe(used);
    expect(arena.scope((scope) => scope.allocate(8) + 1)).toBe(9);
    expect(() =>
      arena.scope(() => {
        arena.allocate(100);
        throw new RangeError('mine');
      }),
    ).toThrow(RangeError);
    const later = arena.scope(async (scope) => {
      scope.allocate(100);
      await Promise.resolve();
      return 'done';
    });
    expect(arena.usedBytes).toBeGreaterThan(used);
    expect(await later).toBe('done');
    expect(arena.usedBytes).toBe(used);
  });

  test('closing out of order and rewinding through one are refused; a reset ends all', () => {
    using arena = new Arena('4KiB');
    const mark = arena.mark();
    arena.allocate(8);
    const outer = arena.scope();
    arena.allocate(8);
    const inner = arena.scope();
    arena.allocate(8);
    const before = arena.stats();
    expect(codeOf(() => outer.close())).toBe('ERR_MEMORY_LIFO_VIOLATION');
    expect(codeOf(() => arena.rewind(mark))).toBe('ERR_MEMORY_LIFO_VIOLATION');
    expect(arena.stats()).toEqual(before);
    inner.close();
    inner.close();
    expect(codeOf(() => inner.allocate(8))).toBe('ERR_MEMORY_CLOSED');
    arena.reset();
    arena.allocate(8);
    outer.close();
    expect(arena.stats().liveAllocations).toBe(1);
  });
});

describe('references', () => {
  test('know a reset, a rewind, a free and the end', () => {
    const arena = new Arena('4KiB');
    const ref = arena.allocateRef(16);
    const mark = arena.mark();
    const above = arena.allocateString('grüße');
    expect([String(above), ref.valid]).toEqual(['grüße', true]);
    arena.rewind(mark);
    expect([ref.valid, above.valid]).toEqual([true, false]);
    arena.allocate(64);
    expect(codeOf(() => above.view())).toBe('ERR_MEMORY_STALE_HANDLE');
    expect(above.tryView()).toBeUndefined();
    const freed = arena.allocateBytes(new Uint8Array([1, 2, 3]));
    const last = arena.allocate(8);
    arena.deallocate(freed.offset, 3);
    arena.deallocate(last, 8);
    expect(freed.valid).toBe(false);
    const again = arena.allocateRef(3, 1);
    expect([again.offset, freed.valid, again.valid]).toEqual([freed.offset, false, true]);
    arena.reset();
    arena.allocate(16);
    expect([ref.valid, again.valid]).toEqual([false, false]);
    const final = arena.allocateRef(8);
    arena.dispose();
    expect(final.valid).toBe(false);
  });

  test('nothing takes no memory', () => {
    using arena = new Arena('4KiB');
    expect([String(arena.allocateString('')), arena.allocateBytes(new Uint8Array(0)).view().length]).toEqual(['', 0]);
    expect(arena.heldBytes).toBe(0);
    expect(codeOf(() => arena.allocateString(1 as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });
});
