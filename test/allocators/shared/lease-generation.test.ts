import { SharedBlockAllocator } from '../../../lib/allocators/shared';

const code = (expected: string) => expect.objectContaining({ code: expected });
const STALE = code('ERR_MEMORY_STALE_HANDLE');

/** The word of the only block: bits 0-9 the owner, 10-31 the lower part of the generation. */
function wordOf(allocator: SharedBlockAllocator): { at: number; words: Int32Array } {
  const { states, words } = allocator as unknown as { states: number; words: Int32Array };
  return { at: states, words };
}

describe('the generation of a shared lease', () => {
  let pool: SharedBlockAllocator;
  beforeEach(() => {
    pool = SharedBlockAllocator.create({ blockBytes: 64, blocks: 1, owners: 2 });
  });
  afterEach(() => {
    jest.restoreAllMocks();
    pool.dispose();
  });

  test('does not come round after 2^22 uses of a block', () => {
    let offset = pool.allocate(64);
    const stale = pool.lease(offset);
    const { at, words } = wordOf(pool);
    for (const boundary of [2 ** 21, 2 ** 22]) {
      words[at] = ((boundary - 3) << 10) | pool.owner; // millions of uses later
      for (let use = 0; use < (boundary === 2 ** 22 ? 3 : 6); use += 1) {
        pool.deallocate(offset, 64);
        offset = pool.allocate(64);
      }
    }
    expect(pool.isCurrent(stale)).toBe(false);
    expect(() => pool.adopt(stale)).toThrow(STALE);
    const lease = pool.lease(offset);
    expect(lease.generation).toBe(2 ** 22);
    expect(pool.isCurrent(lease)).toBe(true);
    pool.adopt(lease).release();
  });

  test('stays right when whoever changed its upper half ended before the epoch followed', () => {
    const { at, words } = wordOf(pool);
    const before = words[at] ?? 0;
    words[at] = ((2 ** 21 - 1) << 10) | before;
    const offset = pool.allocate(64);
    const last = pool.lease(offset);
    expect(last.generation).toBe(2 ** 21 - 1);
    const exchange = Atomics.compareExchange.bind(Atomics);
    let calls = 0;
    jest.spyOn(Atomics, 'compareExchange').mockImplementation(((
      array: Int32Array,
      index: number,
      a: number,
      b: number,
    ) => {
      calls += 1;
      return calls === 2 ? -1 : exchange(array, index, a, b); // the second one, of the epoch, never happens
    }) as typeof Atomics.compareExchange);
    pool.deallocate(offset, 64);
    jest.restoreAllMocks();
    expect(calls).toBe(2);

    pool.allocate(64);
    expect(pool.lease(offset).generation).toBe(2 ** 21);
    expect(pool.isCurrent(last)).toBe(false);
    // The next change of the upper half finds the epoch put right, also when nobody asked in between.
    words[at] = (words[at] ?? 0) | ~((1 << 10) - 1);
    pool.deallocate(offset, 64);
    pool.allocate(64);
    expect(pool.lease(offset).generation).toBe(2 ** 22);
  });

  test('a missing step of the epoch is made up for before the next one', () => {
    const { at, words } = wordOf(pool);
    const offset = pool.allocate(64);
    const owner = words[at] ?? 0;
    words[at] = ((2 ** 22 - 1) << 10) | owner; // the epoch says 0 and should say 1
    pool.deallocate(offset, 64);
    pool.allocate(64);
    expect(pool.lease(offset).generation).toBe(2 ** 22);
  });

  test('reset and recovery advance it as a free does', () => {
    const { at, words } = wordOf(pool);
    const offset = pool.allocate(64);
    words[at] = ((2 ** 21 - 1) << 10) | (words[at] ?? 0);
    const lease = pool.lease(offset);
    pool.reset();
    pool.allocate(64);
    expect(pool.lease(offset).generation).toBe(2 ** 21);
    expect(() => pool.adopt(lease)).toThrow(STALE);
    const other = SharedBlockAllocator.attach(pool.handle);
    pool.deallocate(offset, 64);
    words[at] = ((2 ** 22 - 1) << 10) | 0;
    other.allocate(64);
    other.dispose();
    pool.allocate(64);
    expect(pool.lease(offset).generation).toBe(2 ** 22);
  });

  test('a lease may hold any generation up to 2^53 - 1', () => {
    const lease = pool.lease(pool.allocate(64));
    expect(() => pool.adopt({ ...lease, generation: 2 ** 53 - 1 })).toThrow(STALE);
    expect(() => pool.adopt({ ...lease, generation: 2 ** 53 })).toThrow(code('ERR_MEMORY_OUT_OF_RANGE'));
    expect(() => pool.adopt({ ...lease, generation: -1 })).toThrow(code('ERR_MEMORY_OUT_OF_RANGE'));
  });

  describe('at a transfer', () => {
    let other: SharedBlockAllocator;
    beforeEach(() => {
      other = SharedBlockAllocator.attach(pool.handle);
    });
    afterEach(() => other.dispose());

    test.each([
      ['', 0],
      [' where the upper half changes', 2 ** 21 - 1],
    ])('the leases of before have served%s', (_, generation) => {
      const { at, words } = wordOf(pool);
      words[at] = generation << 10;
      const box = pool.acquire();
      box.transfer(other.owner);
      expect(pool.ownerOf(0)).toBe(other.owner);
      expect([pool.isCurrent(box.lease), box.held]).toEqual([false, false]);
      expect(() => pool.adopt(box.lease)).toThrow(STALE);
      expect(other.lease(0).generation).toBe(generation + 1);
      other.deallocate(0, 64);
    });

    test('one that is refused leaves the box as it was', () => {
      const box = pool.acquire();
      for (const nobody of [0, 3]) expect(() => box.transfer(nobody)).toThrow();
      const gone = other.owner;
      other.dispose();
      expect(() => box.transfer(gone)).toThrow(STALE);
      expect([box.held, box.bytes.length]).toEqual([true, 64]);
      expect(pool.isCurrent(box.lease)).toBe(true);
      box.release();
    });

    test('one that is refused at the last moment leaves the block to the box; a lease of before has served', () => {
      const box = pool.acquire();
      const before = box.lease;
      const { table } = pool as unknown as { table: { phaseOf(owner: number): number } };
      const phases = jest.spyOn(table, 'phaseOf').mockReturnValueOnce(2).mockReturnValueOnce(0);
      expect(() => box.transfer(other.owner)).toThrow(STALE);
      expect(phases).toHaveBeenCalledTimes(2);
      expect([pool.ownerOf(0), box.held, pool.isCurrent(before)]).toEqual([pool.owner, true, false]);
      box.bytes.fill(1);
      box.release();
      expect(pool.stats().liveAllocations).toBe(0);
    });

    test('to who has it nothing happens, and nothing is counted away', () => {
      const two = SharedBlockAllocator.create({ blockBytes: 64, blocks: 2 });
      const box = two.acquire();
      box.transfer(two.owner);
      expect([box.held, two.isCurrent(box.lease)]).toEqual([true, true]);
      two.allocate(64);
      box.release();
      expect(two.stats().peakUsedBytes).toBe(128);
      two.dispose();
    });
  });

  test('adopting asks for the size that was handed out', () => {
    const other = SharedBlockAllocator.attach(pool.handle);
    const lease = pool.lease(pool.allocate(32));
    for (const byteLength of [1, 31, 33, 64]) {
      expect(() => other.adopt({ ...lease, byteLength })).toThrow(code('ERR_MEMORY_INVALID_ARGUMENT'));
      expect([pool.ownerOf(0), pool.isCurrent(lease)]).toEqual([pool.owner, true]);
    }
    const box = other.adopt(lease);
    expect(box.bytes.length).toBe(32);
    box.release();
    other.dispose();
  });
});
