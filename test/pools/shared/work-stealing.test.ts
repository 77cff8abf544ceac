import { SharedBlockAllocator } from '../../../lib/allocators';
import { LockFreePool, type SlotLease, WorkStealingPool } from '../../../lib/pools/shared';
import { code, take } from './support';

function takeMany(pool: WorkStealingPool, count: number): SlotLease[] {
  return Array.from({ length: count }, () => take(pool));
}

function giveAll(leases: readonly SlotLease[]): number[] {
  for (const lease of leases) lease.release();
  return leases.map(({ slot }) => slot);
}

describe('WorkStealingPool', () => {
  test('takes what it gave back last, from its own share, whatever others do', () => {
    using one = WorkStealingPool.create({ slots: 64, slotBytes: 8, shareSlots: 16 });
    using two = WorkStealingPool.attach(one.handle);
    const mine = giveAll(takeMany(one, 4));
    const theirs = giveAll(takeMany(two, 4));
    expect(takeMany(one, 4).map(({ slot }) => slot)).toEqual(mine.reverse());
    expect(takeMany(two, 4).map(({ slot }) => slot)).toEqual(theirs.reverse());
    expect(one.stats()).toMatchObject({ acquires: 16, localHits: 8, stolen: 0, steals: 0, owners: 2 });
  });

  test('takes half of the fullest share when its own and the common store are empty', () => {
    using one = WorkStealingPool.create({ slots: 30, slotBytes: 8, shareSlots: 32 });
    using two = WorkStealingPool.attach(one.handle);
    using three = WorkStealingPool.attach(one.handle);
    const [first, second] = [takeMany(one, 20), takeMany(two, 10)];
    const inOne = giveAll(first);
    giveAll(second);
    const stolen = take(three);
    // The half that lay there longest.
    expect(inOne.slice(0, 10)).toContain(stolen.slot);
    expect(three.stats()).toMatchObject({ stolen: 10, steals: 1, localHits: 1 });
    expect(one.stats().steals).toBe(0);
    // The rest of its loot needs no other step; what it stole is not lent a second time by who had it.
    const more = takeMany(three, 9);
    expect(three.stats().steals).toBe(1);
    const rest = takeMany(one, 20 - 10);
    const slots = [stolen, ...more, ...rest].map(({ slot }) => slot);
    expect(new Set(slots).size).toBe(20);
  });

  test.each([1, 2, 3, 7, 32])('refuses nobody while a slot is free anywhere (share of %s)', (shareSlots) => {
    using one = WorkStealingPool.create({ slots: 7, slotBytes: 8, shareSlots });
    using two = WorkStealingPool.attach(one.handle);
    using three = WorkStealingPool.attach(one.handle);
    for (let round = 0; round < 20; round += 1) {
      for (const pool of [one, two, three]) {
        const leases = takeMany(pool, 7);
        expect(new Set(leases.map(({ slot }) => slot)).size).toBe(7);
        for (const other of [one, two, three]) expect(other.tryAcquire()).toBeUndefined();
        giveAll(leases);
      }
    }
    expect(one.borrowed).toBe(0);
  });

  test('what is given back beyond the share is there for everybody', () => {
    using one = WorkStealingPool.create({ slots: 16, slotBytes: 8, shareSlots: 4 });
    using two = WorkStealingPool.attach(one.handle);
    giveAll(takeMany(one, 16));
    takeMany(two, 12);
    expect(two.stats().steals).toBe(0);
    takeMany(two, 4);
    expect(two.stats().steals).toBeGreaterThan(0);
  });

  test('takes over the share of one that closed', () => {
    using one = WorkStealingPool.create({ slots: 8, slotBytes: 8, shareSlots: 8 });
    const two = WorkStealingPool.attach(one.handle);
    giveAll(takeMany(two, 8));
    two.close();
    expect(new Set(takeMany(one, 8).map(({ slot }) => slot)).size).toBe(8);
  });

  test('checks the size of its share', () => {
    for (const [shareSlots, expected] of [
      [0, 'OUT_OF_RANGE'],
      [4097, 'OUT_OF_RANGE'],
      ['8', 'INVALID_ARGUMENT'],
      [1.5, 'INVALID_ARGUMENT'],
    ] as const) {
      const options = { slots: 8, slotBytes: 8, shareSlots: shareSlots as number };
      expect(() => WorkStealingPool.create(options)).toThrow(code(`ERR_MEMORY_${expected}`));
    }
    const plain = { slots: 8, slotBytes: 8, shareSlots: 8 };
    expect(() => LockFreePool.create(plain)).toThrow(code('ERR_MEMORY_INVALID_ARGUMENT'));
  });
});

describe('the stock of a SharedBlockAllocator', () => {
  test.each([0, 1, 5, 4096])('may hold %s blocks', (stockBlocks) => {
    using one = SharedBlockAllocator.create({ blocks: 9, blockBytes: 8, owners: 2, stockBlocks });
    using two = SharedBlockAllocator.attach(structuredClone(one.handle));
    for (let round = 0; round < 10; round += 1) {
      const by = round % 2 === 0 ? one : two;
      const offsets = Array.from({ length: 9 }, () => by.tryAllocate(8));
      expect(new Set(offsets).size).toBe(9);
      expect([one.tryAllocate(8), two.tryAllocate(8)]).toEqual([-1, -1]);
      for (const offset of offsets) by.deallocate(offset, 8);
    }
    const { attachments, common, stolen } = one.sharing;
    expect(attachments).toBe(2);
    expect(stockBlocks === 0 ? common : stolen).toBeGreaterThan(0);
    expect(one.usedBytes).toBe(0);
  });

  test.each([-1, 4097])('may not hold %s blocks', (stockBlocks) => {
    const options = { blocks: 9, blockBytes: 8, stockBlocks };
    expect(() => SharedBlockAllocator.create(options)).toThrow(code('ERR_MEMORY_OUT_OF_RANGE'));
  });

  test('only who holds a block makes its leases stale', () => {
    using one = SharedBlockAllocator.create({ blocks: 2, blockBytes: 8, owners: 2 });
    using two = SharedBlockAllocator.attach(one.handle);
    const offset = one.allocate(8);
    const lease = one.lease(offset);
    expect(() => two.renew(offset)).toThrow(code('ERR_MEMORY_FOREIGN_FREE'));
    one.renew(offset);
    expect([one.isCurrent(lease), one.ownerOf(offset)]).toEqual([false, one.owner]);
    expect(() => two.adopt(lease)).toThrow(code('ERR_MEMORY_STALE_HANDLE'));
    two.adopt(one.lease(offset)).release();
    expect(one.usedBytes).toBe(0);
  });
});
