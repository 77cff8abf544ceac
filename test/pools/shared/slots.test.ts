import type { Region } from '../../../lib/platform';
import type { SlotLease } from '../../../lib/pools/shared';
import { isEmptied } from '../../support/emptied';
import { type AnyPool, code, KINDS, type Kind, take } from './support';

const STALE = code('ERR_MEMORY_STALE_HANDLE');

describe.each(Object.keys(KINDS))('%s', (name) => {
  const kind = KINDS[name] as Kind;
  let pool: AnyPool;
  let other: AnyPool;
  beforeEach(() => {
    pool = kind.create({ slots: 3, slotBytes: 64, owners: 4, name: 'p' });
    other = kind.attach(structuredClone(pool.handle));
  });
  afterEach(() => {
    pool.close();
    other.close();
  });

  test('lends each slot once, to the bound, whoever asks', () => {
    const leases = [take(pool), take(other), take(pool)];
    expect(leases.map(({ slot }) => slot).sort()).toEqual([0, 1, 2]);
    expect(pool.tryAcquire()).toBeUndefined();
    expect(other.tryAcquire()).toBeUndefined();
    expect([pool.borrowed, pool.idle, pool.size, pool.maxSize]).toEqual([3, 0, 3, 3]);
    leases[1]?.release();
    const again = take(pool);
    expect(again.slot).toBe(leases[1]?.slot);
    for (const lease of [leases[0], leases[2], again]) lease?.release();
    expect([other.borrowed, other.idle]).toEqual([0, 3]);
  });

  test('shows the same bytes everywhere, by a view that stays', () => {
    const lease = take(pool);
    const { bytes, slot } = lease;
    bytes.fill(7);
    expect([bytes.length, lease.bytes === bytes, lease.value === bytes]).toEqual([64, true, true]);
    lease.release();
    const again = take(pool);
    expect([again.slot, again.bytes === bytes]).toEqual([slot, true]);
    using adopted = other.adopt(structuredClone(again.lease));
    expect(adopted.bytes).not.toBe(bytes);
    expect([adopted.slot, adopted.bytes[63]]).toEqual([slot, 7]);
    adopted.bytes[0] = 9;
    expect(bytes[0]).toBe(9);
  });

  test('tells an old lease from the next holder’s, in this attachment too', () => {
    const lease = take(pool);
    lease.release();
    expect(lease.held).toBe(false);
    expect(() => lease.release()).toThrow(code('ERR_MEMORY_DOUBLE_FREE'));
    const next = take(pool);
    expect(next.slot).toBe(lease.slot);
    expect(() => lease.release()).toThrow(code('ERR_MEMORY_DOUBLE_FREE'));
    expect(() => pool.release(lease)).toThrow(code('ERR_MEMORY_DOUBLE_FREE'));
    for (const use of [() => lease.bytes, () => lease.value, () => lease.lease]) expect(use).toThrow(STALE);
    expect(next.held).toBe(true);
    expect(() => other.release(next)).toThrow(code('ERR_MEMORY_FOREIGN_FREE'));
    for (const nothing of [undefined, null, {}, 7, { keeper: pool, seat: null }]) {
      expect(() => pool.release(nothing as never)).toThrow(code('ERR_MEMORY_FOREIGN_FREE'));
    }
    next.release();
    expect(pool.borrowed).toBe(0);
  });

  test('gives back at the end of a block, once', () => {
    {
      using lease = take(pool);
      expect(lease.held).toBe(true);
      using early = take(pool);
      early.release();
      using moved = take(pool);
      other.adopt(moved.lease);
    }
    expect(pool.borrowed).toBe(1);
    other.close();
    expect(pool.borrowed).toBe(0);
  });

  test('hands a loan over: the one who adopts has it, the former holder is told', () => {
    const lease = take(pool);
    const data = lease.lease;
    const { slot } = lease;
    expect(data).toEqual({
      type: 'nebula-memory.shared-lease',
      offset: slot * 64,
      byteLength: 64,
      generation: 0,
      pool: pool.handle.id,
      slot,
    });
    expect(lease.held).toBe(true);
    const adopted = other.adopt(data);
    expect([lease.held, adopted.held, pool.borrowed]).toEqual([false, true, 1]);
    expect(() => lease.bytes).toThrow(STALE);
    expect(() => lease.lease).toThrow(STALE);
    expect(() => lease.release()).toThrow(STALE);
    expect(() => pool.adopt(data)).toThrow(STALE); // it has served
    expect(adopted.held).toBe(true);
    const back = pool.adopt(adopted.lease);
    expect([back.held, adopted.held, lease.held]).toEqual([true, false, false]);
    back.release();
    expect(() => adopted.release()).toThrow(STALE);
    expect(() => other.adopt(data)).toThrow(STALE);
    const next = take(pool);
    expect(() => other.adopt(data)).toThrow(STALE);
    expect(next.held).toBe(true);
    next.release();
  });

  test('adopts what a Channel delivers: the lease without the fields of the pool', () => {
    const { type, offset, byteLength, generation } = take(pool).lease;
    const adopted = other.adopt({ type, offset, byteLength, generation });
    expect(adopted.held).toBe(true);
    adopted.release();
  });

  test('an offered lease that is released before anybody adopts it is gone', () => {
    const lease = take(pool);
    const data = lease.lease;
    lease.release();
    expect(() => other.adopt(data)).toThrow(STALE);
    expect(pool.borrowed).toBe(0);
  });

  test('the former holder’s lease stays stale when the slot comes back to it by another loan', () => {
    const lease = take(pool);
    other.adopt(lease.lease).release();
    const all = [take(pool), take(pool), take(pool)];
    expect(lease.held).toBe(false);
    expect(() => lease.release()).toThrow(STALE);
    expect(all.every(({ held }) => held)).toBe(true);
    for (const each of all) each.release();
  });

  test('refuses leases of another pool and what is none', () => {
    const stranger = kind.create({ slots: 3, slotBytes: 64 });
    const theirs = take(stranger);
    const mine = take(pool);
    expect(() => pool.adopt(theirs.lease)).toThrow(code('ERR_MEMORY_FOREIGN_FREE'));
    const throwing = Object.defineProperty({}, 'type', {
      get() {
        throw new Error('no');
      },
    });
    for (const bad of [
      undefined,
      null,
      7,
      {},
      throwing,
      { ...mine.lease, type: 'x' },
      { ...mine.lease, offset: '1' },
    ]) {
      expect(() => pool.adopt(bad as never)).toThrow(code('ERR_MEMORY_INVALID_ARGUMENT'));
    }
    for (const bad of [{ byteLength: 32 }, { offset: 32 }]) {
      expect(() => pool.adopt({ ...mine.lease, ...bad })).toThrow(code('ERR_MEMORY_FOREIGN_FREE'));
    }
    for (const bad of [{ offset: 192 }, { offset: -64 }, { generation: -1 }, { pool: 0 }]) {
      expect(() => pool.adopt({ ...mine.lease, ...bad })).toThrow(code('ERR_MEMORY_OUT_OF_RANGE'));
    }
    expect(mine.held).toBe(true);
    mine.release();
    stranger.close();
  });

  test('makes one object for each slot and attachment', () => {
    const made: number[] = [];
    const wrap = (bytes: Uint8Array, slot: number) => {
      made.push(slot);
      return new Uint32Array(bytes.buffer, bytes.byteOffset, 16);
    };
    const typed = kind.attach(pool.handle, { wrap });
    const lease = take(typed);
    expect(made).toEqual([]);
    const { value } = lease;
    value[0] = 258;
    expect([lease.bytes[0], lease.bytes[1], lease.value === value]).toEqual([2, 1, true]);
    lease.release();
    const again = take(typed);
    expect([again.value === value, made]).toEqual([true, [lease.slot]]);
    expect(typed.clear()).toBe(0); // it is on loan
    typed.destroy(again);
    expect([take(typed).value === value, made.length]).toEqual([false, 2]);
    typed.close();
  });

  test('a wrap that throws, re-enters or releases leaves the books exact', () => {
    let how = 'throws';
    const typed: AnyPool<object> = kind.attach<object>(pool.handle, {
      wrap: () => {
        if (how === 'throws') throw new Error('wrap');
        if (how === 'enters') return lease.value;
        if (how === 'releases') lease.release();
        if (how === 'closes') typed.close();
        return {};
      },
    });
    let lease = take(typed);
    expect(() => lease.value).toThrow('wrap');
    how = 'enters';
    expect(() => lease.value).toThrow(code('ERR_MEMORY_INVALID_STATE'));
    how = 'releases';
    expect(() => lease.value).toThrow(STALE);
    expect(typed.borrowed).toBe(0);
    how = 'well';
    lease = take(typed);
    expect(typeof lease.value).toBe('object');
    typed.destroy(lease);
    how = 'closes';
    lease = take(typed);
    expect(() => lease.value).toThrow(code('ERR_MEMORY_CLOSED'));
    expect(pool.borrowed).toBe(0);
  });

  test('forgets views of slots that it does not hold', () => {
    const [one, two] = [take(pool), take(pool)];
    const { bytes } = one;
    expect(two.bytes).toHaveLength(64);
    one.release();
    expect(pool.clear()).toBe(1);
    expect(pool.clear()).toBe(0);
    two.release();
    expect(pool.clear()).toBe(1);
    const again = take(pool);
    expect(again.bytes === bytes).toBe(false);
    again.release();
  });

  test('zeroes slots at either end when asked', () => {
    for (const [options, left, found] of [
      [{}, 5, 5],
      [{ zeroOnRelease: true }, 0, 0],
      [{ zeroOnAcquire: true }, 5, 0],
    ] as const) {
      using one = kind.create({ slots: 1, slotBytes: 64, ...options });
      using two = kind.attach(one.handle);
      const lease = take(one);
      const { bytes } = lease;
      bytes.fill(5);
      lease.release();
      expect(bytes[63]).toBe(left);
      using next = take(two);
      expect(next.bytes[63]).toBe(found);
    }
  });

  test('with zeroOnRelease, who releases what was adopted meanwhile wipes nothing', () => {
    using one = kind.create({ slots: 1, slotBytes: 64, zeroOnRelease: true });
    using two = kind.attach(one.handle);
    const lease = take(one);
    lease.bytes.fill(5);
    const adopted = two.adopt(lease.lease);
    expect(() => lease.release()).toThrow(STALE);
    expect(adopted.bytes[0]).toBe(5);
    const data = adopted.lease;
    adopted.release();
    expect(() => one.adopt(data)).toThrow(STALE);
    expect(one.borrowed).toBe(0);
    // Adopted between the look and the wiping.
    const late = take(one);
    late.bytes.fill(6);
    const offered = late.lease;
    let won: SlotLease | undefined;
    const { blocks } = one as unknown as { blocks: { ownerOf(offset: number): number } };
    const ownerOf = blocks.ownerOf.bind(blocks);
    blocks.ownerOf = (offset) => {
      const owner = ownerOf(offset);
      blocks.ownerOf = ownerOf;
      won = two.adopt(offered);
      return owner;
    };
    expect(() => late.release()).toThrow(STALE);
    expect([won?.held, won?.bytes[0], late.held]).toEqual([true, 6, false]);
  });

  test('counts the refusals of all attachments, past ones included', () => {
    const leases = [take(pool), take(other), take(pool)];
    const third = kind.attach(pool.handle);
    for (let i = 0; i < 5; i += 1) expect([third.tryAcquire(), other.tryAcquire()]).toEqual([undefined, undefined]);
    expect(pool.tryAcquire()).toBeUndefined();
    expect([pool, other, third].map((each) => each.stats().refusals)).toEqual([11, 11, 11]);
    third.close();
    const fourth = kind.attach(pool.handle); // in the same place
    expect(fourth.tryAcquire()).toBeUndefined();
    expect([pool.stats().refusals, third.stats().refusals, fourth.stats().refusals]).toEqual([12, 11, 12]);
    fourth.close();
    for (const lease of leases) lease.release();
  });

  test('with zeroOnRelease, close() leaves nothing to the next holder either, and what was adopted alone', () => {
    using one = kind.create({ slots: 3, slotBytes: 64, zeroOnRelease: true });
    const two = kind.attach(one.handle);
    const [plain, offered, given] = [take(two), take(two), take(two)];
    for (const lease of [plain, offered, given]) lease.bytes.fill(5);
    const late = offered.lease;
    const adopted = one.adopt(given.lease);
    two.close();
    expect([two.size, one.borrowed, adopted.bytes[63]]).toEqual([0, 1, 5]);
    expect(() => one.adopt(late)).toThrow(STALE);
    expect([take(one), take(one)].map(({ bytes }) => bytes.some((value) => value !== 0))).toEqual([false, false]);
  });

  test('with zeroOnRelease, loans whose pool cannot be closed because its memory is pinned keep their bytes', () => {
    const one = kind.create({ slots: 2, slotBytes: 64, zeroOnRelease: true });
    const { region } = (one as unknown as { blocks: { memory: { data: { region: Region } } } }).blocks.memory.data;
    const [plain, offered] = [take(one), take(one)];
    plain.bytes.fill(5);
    offered.bytes.fill(6);
    const sent = offered.lease;
    const pin = region.pin();
    expect(() => one.close()).toThrow(code('ERR_MEMORY_IN_USE'));
    expect([plain.held, plain.bytes[63], offered.held, offered.bytes[0]]).toEqual([true, 5, true, 6]);
    expect(() => one.adopt(sent)).toThrow(STALE);
    pin.release();
    offered.release();
    expect(one.borrowed).toBe(1);
    one.close();
    expect(plain.held).toBe(false);
  });

  test('closed with loans out: they come back, the leases are of no use, others go on', () => {
    const lease = take(pool);
    const { bytes } = lease;
    const kept = take(other);
    pool.close();
    pool.close();
    expect([other.borrowed, other.idle]).toEqual([1, 2]);
    expect(isEmptied(bytes)).toBe(true);
    expect([lease.held, pool.size]).toEqual([false, 0]);
    for (const use of [
      () => lease.bytes,
      () => lease.value,
      () => lease.lease,
      () => lease.release(),
      () => pool.release(lease),
      () => pool.tryAcquire(),
      () => pool.handle,
      () => pool.recover(),
      () => pool.clear(),
      () => pool.adopt(kept.lease),
    ]) {
      expect(use).toThrow(code('ERR_MEMORY_CLOSED'));
    }
    lease[Symbol.dispose]();
    const stats = pool.stats();
    expect([stats.borrowed, stats.acquires, stats.owners]).toEqual([2, 2, 2]);
    expect(kept.held).toBe(true);
    expect([take(other).held, take(other).held, other.tryAcquire()]).toEqual([true, true, undefined]);
  });

  test('counts what all attachments do', () => {
    const one = take(pool);
    const two = take(other);
    one.release();
    expect(pool.stats()).toMatchObject({
      name: 'p',
      idle: 2,
      borrowed: 1,
      size: 3,
      maxSize: 3,
      waiting: 0,
      acquires: 2,
      releases: 1,
      hits: 2,
      misses: 0,
      refusals: 0,
      creates: 3,
      peakBorrowed: 2,
      slotBytes: 64,
      owners: 2,
      stolen: 0,
      steals: 0,
    });
    expect(Object.isFrozen(pool.stats())).toBe(true);
    two.release();
    expect(other.stats()).toMatchObject({ idle: 3, borrowed: 0, releases: 2 });
  });

  test('is the same with a thousand slots of a page of seats and more', () => {
    using many = kind.create({ slots: 2500, slotBytes: 8 });
    const leases = Array.from({ length: 2500 }, () => take(many));
    expect(new Set(leases.map(({ slot }) => slot)).size).toBe(2500);
    for (const { bytes, slot } of leases) bytes[0] = slot & 0xff;
    expect(leases.every(({ bytes, slot }) => bytes[0] === (slot & 0xff))).toBe(true);
    expect(many.tryAcquire()).toBeUndefined();
    for (const lease of leases) lease.release();
    expect(many.borrowed).toBe(0);
  });

  test.each([
    [{ slots: 0, slotBytes: 64 }, 'OUT_OF_RANGE'],
    [{ slots: 2 ** 26 + 1, slotBytes: 64 }, 'OUT_OF_RANGE'],
    [{ slots: 1.5, slotBytes: 64 }, 'INVALID_ARGUMENT'],
    [{ slotBytes: 64 }, 'INVALID_ARGUMENT'],
    [{ slots: '4', slotBytes: 64 }, 'INVALID_ARGUMENT'],
    [{ slots: 4 }, 'INVALID_ARGUMENT'],
    [{ slots: 4, slotBytes: 0 }, 'OUT_OF_RANGE'],
    [{ slots: 4, slotBytes: '2GiB' }, 'OUT_OF_RANGE'],
    [{ slots: 4, slotBytes: 64, owners: 0 }, 'OUT_OF_RANGE'],
    [{ slots: 4, slotBytes: 64, owners: 1024 }, 'OUT_OF_RANGE'],
    [{ slots: 4, slotBytes: 64, name: '' }, 'INVALID_ARGUMENT'],
    [{ slots: 4, slotBytes: 64, name: 7 }, 'INVALID_ARGUMENT'],
    [{ slots: 4, slotBytes: 64, wrap: 7 }, 'INVALID_ARGUMENT'],
    [{ slots: 4, slotBytes: 64, zeroOnAcquire: 1 }, 'INVALID_ARGUMENT'],
    [{ slots: 4, slotBytes: 64, zeroOnRelease: 'yes' }, 'INVALID_ARGUMENT'],
    [{ slots: 4, slotBytes: 64, pages: 'many' }, 'INVALID_ARGUMENT'],
    [{ slots: 4, slotBytes: 64, slot: 1 }, 'INVALID_ARGUMENT'],
    [undefined, 'INVALID_ARGUMENT'],
    [null, 'INVALID_ARGUMENT'],
    [[], 'INVALID_ARGUMENT'],
  ])('refuses %j', (options, expected) => {
    expect(() => kind.create(options as never)).toThrow(code(`ERR_MEMORY_${expected}`));
  });

  test('is made by create() and attach() only', () => {
    const Made = pool.constructor as unknown as new (...values: unknown[]) => unknown;
    for (const values of [[], ['lock-free', {}], ['x', undefined], ['x', { blocks: {} }, {}, {}]]) {
      expect(() => new Made(...values)).toThrow(code('ERR_MEMORY_INVALID_STATE'));
    }
  });
});
