import { SharedBlockAllocator } from '../../../lib/allocators';
import { Bench, bytesOf, codeOf, insides } from './support';

const bench = new Bench();
const pools: SharedBlockAllocator[] = [];
afterEach(() => {
  bench.close();
  for (const pool of pools.splice(0)) pool.dispose();
});

/** A channel with an attachment for each of two sides, and a pool of blocks with one for each. */
function pair() {
  const mine = SharedBlockAllocator.create({ blockBytes: 64, blocks: 4 });
  const theirs = SharedBlockAllocator.attach(mine.handle);
  pools.push(mine, theirs);
  const here = bench.create({ capacity: 4, messageBytes: 8, blocks: mine });
  const there = bench.attach(here, { blocks: theirs });
  return { mine, theirs, sender: here.sender(), receiver: there.receiver(), here, there };
}

test('a block changes its owner when it is adopted, and not before', () => {
  const { mine, theirs, sender, receiver } = pair();
  const box = mine.acquire(40);
  box.bytes.fill(3);
  expect(sender.trySend(box)).toBe(true);
  expect(box.held).toBe(true);
  const message = receiver.tryReceive();
  expect([message?.kind, message?.byteLength, message?.lease]).toEqual(['lease', 24, box.lease]);
  const got = message?.adopt();
  expect([box.held, got?.held, message?.isReleased]).toEqual([false, true, true]);
  expect([...(got?.bytes ?? [])]).toEqual(Array(40).fill(3));
  expect(codeOf(() => message?.adopt())).toBe('ERR_MEMORY_STALE_HANDLE');
  got?.release();
  expect(theirs.stats().liveAllocations).toBe(0);
});

test('plain leases too, with a generation of 53 bits', () => {
  const { sender, receiver } = pair();
  const lease = {
    type: 'nebula-memory.shared-lease',
    offset: 2 ** 40,
    byteLength: 7,
    generation: 2 ** 53 - 1,
  } as const;
  sender.trySend(lease);
  expect(receiver.tryReceive()?.lease).toEqual(lease);
  for (const wrong of [{ offset: -1 }, { byteLength: 0 }, { generation: 0.5 }, { offset: '0' }]) {
    expect(codeOf(() => sender.trySend({ ...lease, ...wrong } as never))).toMatch(/OUT_OF_RANGE|INVALID_ARGUMENT/);
  }
});

test('a block that its sender freed or whose sender left is told, and the channel goes on', () => {
  const { mine, sender, receiver } = pair();
  const [first, second] = [mine.acquire(), mine.acquire()];
  sender.trySend(first);
  sender.trySend(second);
  sender.trySend(bytesOf(1));
  first.release();
  expect(codeOf(() => receiver.tryReceive()?.adopt())).toBe('ERR_MEMORY_STALE_HANDLE');
  mine.dispose();
  expect(codeOf(() => receiver.tryReceive()?.adopt())).toBe('ERR_MEMORY_STALE_HANDLE');
  const last = receiver.tryReceive();
  expect(codeOf(() => last?.adopt())).toBe('ERR_MEMORY_INVALID_STATE'); // no lease
  expect([last?.isReleased, receiver.held]).toEqual([false, 1]);
});

test('without an allocator there is the lease alone', () => {
  const { mine, here } = pair();
  const other = bench.attach(here);
  here.sender().trySend(mine.acquire());
  const message = other.receiver().tryReceive();
  expect(codeOf(() => message?.adopt())).toBe('ERR_MEMORY_INVALID_STATE');
  expect(message?.lease?.byteLength).toBe(64);
  message?.release();
});

test('a receiver that leaves with a lease in its hands gives the block back', () => {
  const { mine, there, sender, receiver } = pair();
  sender.trySend(mine.acquire());
  sender.trySend(mine.acquire());
  expect(receiver.tryReceive()?.kind).toBe('lease');
  there.close();
  expect(mine.stats().liveAllocations).toBe(1);
});

test('a block that was adopted by the lease alone stays with who did, also when the message is never released', () => {
  const { mine, theirs, there, sender, receiver } = pair();
  sender.trySend(mine.acquire());
  const lease = receiver.tryReceive()?.lease;
  const got = theirs.adopt(lease as never);
  got.bytes.fill(7);
  there.close();
  expect([got.held, got.bytes[63], mine.stats().liveAllocations]).toEqual([true, 7, 1]);
  got.transfer(mine.owner);
  expect(mine.ownerOf(got.offset)).toBe(mine.owner);
});

test('a block that was transferred after its lease was sent stays with its new owner when a receiver leaves', () => {
  const { mine, there, sender, receiver } = pair();
  const owner = SharedBlockAllocator.attach(mine.handle);
  pools.push(owner);
  const box = mine.acquire();
  sender.trySend(box);
  box.transfer(owner.owner);
  expect(receiver.tryReceive()?.kind).toBe('lease');
  there.close();
  expect(mine.ownerOf(box.offset)).toBe(owner.owner);
});

test('a lease that was overwritten is told', () => {
  const { mine, here, sender, receiver } = pair();
  sender.trySend(mine.acquire());
  const { doubles, ring } = insides(here);
  doubles[ring.bytesOf(0) / 8 + 1] = Number.NaN;
  expect(codeOf(() => receiver.tryReceive())).toBe('ERR_MEMORY_CORRUPTION');
  expect(receiver.tryReceive()).toBeUndefined();
});

test('one that comes after others is told by the next call', () => {
  const { mine, here, sender, receiver } = pair();
  for (let i = 0; i < 3; i += 1) sender.trySend(mine.acquire());
  const { doubles, ring } = insides(here);
  doubles[ring.bytesOf(1) / 8 + 1] = Number.NaN;
  expect(receiver.tryReceiveMany(3)).toHaveLength(1);
  expect(codeOf(() => receiver.tryReceiveMany(3))).toBe('ERR_MEMORY_CORRUPTION');
  expect(receiver.tryReceiveMany(3)).toHaveLength(1);
});
