import { SharedBlockAllocator } from '../../../lib/allocators';
import { memoryError } from '../../../lib/core';
import type { Region } from '../../../lib/platform';
import {
  LockFreePool,
  type SharedSlotLease,
  SlotLease,
  ThreadSafePool,
  WorkStealingPool,
} from '../../../lib/pools/shared';
import { FakeTime } from '../../support/fake-time';
import { Agent } from './agents';
import { code, KINDS, type Kind, take } from './support';

// What others do at the worst moment, and arguments that are worse.

afterEach(() => jest.restoreAllMocks());

test('who waits behind one that was killed gets its turn within a tenth of a second', async () => {
  const time = new FakeTime();
  using pool = ThreadSafePool.create({ slots: 1, slotBytes: 64, timers: time, clock: time });
  const held = take(pool);
  const agent = await Agent.start('threads', 'ThreadSafePool', pool.handle);
  agent.tell('wait', {});
  while (pool.stats().waiting < 1) await new Promise((resolve) => setTimeout(resolve, 1));
  let served = false;
  const mine = pool.acquire().then(
    (lease) => {
      served = true;
      lease.release();
    },
    () => {},
  );
  for (let i = 0; i < 20; i += 1) time.advance(16); // it has looked lately
  await agent.kill();
  held.release();
  for (let i = 0; i < 8; i += 1) time.advance(16);
  await new Promise((resolve) => setImmediate(resolve));
  expect([served, pool.stats().waiting]).toEqual([true, 0]);
  await mine;
});

describe.each(Object.keys(KINDS))('the lease of a %s', (name) => {
  const kind = KINDS[name] as Kind;

  test.each([false, true])('that is adopted at the end of `using` is no error (zeroOnRelease %s)', (zeroOnRelease) => {
    using one = kind.create({ slots: 1, slotBytes: 64, zeroOnRelease });
    using two = kind.attach(one.handle);
    const { blocks } = one as unknown as { blocks: SharedBlockAllocator };
    let theirs: SlotLease | undefined;
    {
      using lease = take(one);
      const data: SharedSlotLease = lease.lease;
      const ownerOf = blocks.ownerOf.bind(blocks);
      let looks = 0;
      jest.spyOn(blocks, 'ownerOf').mockImplementation((offset) => {
        const owner = ownerOf(offset);
        looks += 1;
        if (looks === 2) theirs = two.adopt(data); // after the last look
        return owner;
      });
    }
    expect([theirs?.held, one.borrowed]).toEqual([true, 1]);
    theirs?.release();
  });
});

test('a box that is adopted at the end of `using` is no error', () => {
  using one = SharedBlockAllocator.create({ blocks: 1, blockBytes: 64 });
  using two = SharedBlockAllocator.attach(one.handle);
  {
    using box = one.acquire();
    const ownerOf = one.ownerOf.bind(one);
    let looks = 0;
    jest.spyOn(one, 'ownerOf').mockImplementation((offset) => {
      const owner = ownerOf(offset);
      looks += 1;
      if (looks === 2) two.adopt(box.lease);
      return owner;
    });
  }
  expect([one.usedBytes, two.ownerOf(0)]).toEqual([64, two.owner]);
});

test('what cannot be is refused, by the name of what is wrong', () => {
  const own = { slots: 1, slotBytes: 64 };
  using pool = ThreadSafePool.create(own);
  for (const timers of [5, null, {}, { start() {} }]) {
    expect(() => ThreadSafePool.create({ ...own, timers: timers as never })).toThrow(
      code('ERR_MEMORY_INVALID_ARGUMENT'),
    );
    expect(() => ThreadSafePool.attach(pool.handle, { timers: timers as never })).toThrow(
      code('ERR_MEMORY_INVALID_ARGUMENT'),
    );
  }
  expect(() => ThreadSafePool.create({ ...own, clock: {} as never })).toThrow(code('ERR_MEMORY_INVALID_ARGUMENT'));
  expect(() => ThreadSafePool.attach(pool.handle, { clock: 1 as never })).toThrow(code('ERR_MEMORY_INVALID_ARGUMENT'));
  expect(pool.stats().owners).toBe(1);
  for (const slots of [2 ** 32, Number.POSITIVE_INFINITY, 2 ** 33 + 1024]) {
    expect(() => WorkStealingPool.create({ slots, slotBytes: 64 })).toThrow(/slots must be from 1/);
  }
  for (const args of [[], [{}, {}], [null, null]]) {
    expect(() => new SlotLease(...(args as unknown as [never, never]))).toThrow(code('ERR_MEMORY_INVALID_STATE'));
  }
});

test('where the system cannot wake who blocks, acquireSync looks again and again', () => {
  using one = ThreadSafePool.create({ slots: 1, slotBytes: 64 });
  using two = ThreadSafePool.attach(one.handle);
  const regionOf = (pool: ThreadSafePool): Region => (pool as unknown as { book: { region: Region } }).book.region;
  const missing = (): never => {
    throw memoryError('ERR_MEMORY_UNSUPPORTED', 'no such call');
  };
  const held = take(one);
  jest.spyOn(regionOf(two), 'wait').mockImplementation(missing);
  jest.spyOn(regionOf(one), 'notify').mockImplementation(missing);
  expect(() => two.acquireSync(3)).toThrow(code('ERR_MEMORY_TIMEOUT'));
  let naps = 0;
  jest.spyOn(Atomics, 'wait').mockImplementation(() => {
    naps += 1;
    if (naps === 3) held.release();
    return 'timed-out';
  });
  using lease = two.acquireSync(170_000);
  expect([lease.held, held.held, naps]).toEqual([true, false, 3]);
});

test('handing slots over drives no peak up, and holding them does', () => {
  using one = LockFreePool.create({ slots: 100, slotBytes: 64 });
  using two = LockFreePool.attach(one.handle);
  for (let i = 0; i < 300; i += 1) two.adopt(one.acquire().lease).release();
  // Each of them had one at a time.
  expect([one.stats().borrowed, one.stats().peakBorrowed]).toEqual([0, 2]);
  const held = Array.from({ length: 40 }, () => two.adopt(one.acquire().lease));
  for (const lease of held) lease.release();
  expect([one.stats().borrowed, one.stats().peakBorrowed]).toEqual([0, 41]);
});
