// Buffers, slots of shared memory and channels: what was written is there until it is given back, and comes to one only.
import { expectFilled, fill } from './blocks.mjs';
import { manualClock } from './clock.mjs';

function bufferDriver(world, reuse) {
  const { BufferPool } = world.lib;
  const what = `BufferPool ${reuse}`;
  const clock = manualClock();
  let pool = null;
  const out = [];
  let serial = 0;

  const looked = ({ lease, mark }) => expectFilled(lease.bytes, mark, what);
  const give = () => {
    if (out.length === 0) return;
    const [item] = out.splice(world.next() % out.length, 1);
    looked(item);
    const kept = item.lease.bytes;
    item.lease.release();
    if (item.lease.held) throw new Error(`${what}: a lease is held after its release`);
    if (reuse === 'safe' && kept.length > 0 && kept.some((byte) => byte !== 0)) {
      throw new Error(`${what}: a kept view shows bytes`);
    }
  };
  const acts = [
    () => {
      if (out.length > 40) return;
      const lease = pool.tryAcquire(1 + (world.next() % (world.chance(10) ? 200_000 : 9000)));
      if (lease === undefined) return;
      const item = { lease: world.met(lease), mark: serial++ };
      out.push(item);
      fill(lease.bytes, item.mark);
    },
    give,
    give,
    () => clock.advance(world.next() % 3000),
    () => void (world.chance(10) && pool.trim(world.next() % 1_000_000)),
  ];
  const look = () => {
    if (pool !== null && pool.borrowed !== out.length) {
      throw new Error(`${what}: ${pool.borrowed} lent, ${out.length} are out`);
    }
    out.forEach(looked);
  };
  return {
    step() {
      pool ??= world.met(
        new BufferPool({ reuse, limitBytes: '16MiB', maxBytes: '64KiB', clock, timers: clock.timers }),
      );
      world.attempt(world.pick(acts), ['OUT_OF_MEMORY', 'TOO_LARGE', 'MAP_LIMIT']);
    },
    check: look,
    rest() {
      if (pool === null) return;
      look();
      while (out.length > 0) give();
      pool.close();
      if (pool.heldBytes !== 0) throw new Error(`${what}: ${pool.heldBytes} bytes are held after close()`);
      if (clock.pending !== 0) throw new Error(`${what}: ${clock.pending} timers are left`);
      pool = null;
    },
  };
}

/** Two attachments of one thread; what workers do that are killed is in test/pools/shared. */
function slotDriver(world, type) {
  const Class = world.lib[type];
  const SLOTS = 24;
  let sides = [];
  let serial = 0;

  const looked = ({ lease, mark }) => expectFilled(lease.bytes, mark, type);
  const total = () => sides.reduce((sum, { out }) => sum + out.length, 0);
  const take = (side) => {
    const lease = side.pool.tryAcquire();
    if (lease === undefined) {
      if (total() < SLOTS && !world.isArmed()) throw new Error(`${type}: refused with ${total()} of ${SLOTS} lent`);
      return;
    }
    const item = { lease: world.met(lease), mark: serial++ };
    side.out.push(item);
    fill(lease.bytes, item.mark);
  };
  const give = (side) => {
    if (side.out.length === 0) return;
    const [item] = side.out.splice(world.next() % side.out.length, 1);
    looked(item);
    item.lease.release();
  };
  const handOver = (side) => {
    const other = sides.find((each) => each !== side);
    if (side.out.length === 0 || other === undefined) return;
    const [item] = side.out.splice(0, 1);
    other.out.push({ lease: other.pool.adopt(item.lease.lease), mark: item.mark });
    if (item.lease.held) throw new Error(`${type}: held after it was adopted`);
  };
  const look = () => {
    for (const { out } of sides) out.forEach(looked);
    if (sides.length > 0 && sides[0].pool.borrowed !== total()) {
      throw new Error(`${type}: ${sides[0].pool.borrowed} lent, ${total()} are out`);
    }
  };
  return {
    step() {
      world.attempt(() => {
        if (sides.length === 0) {
          sides.push({ pool: world.met(Class.create({ slots: SLOTS, slotBytes: 256 })), out: [] });
        } else if (sides.length === 1) sides.push({ pool: Class.attach(sides[0].pool.handle), out: [] });
      });
      if (sides.length > 0) world.attempt(() => world.pick([take, take, give, give, handOver])(world.pick(sides)));
    },
    check: look,
    rest() {
      look();
      for (const { out, pool } of [...sides].reverse()) {
        for (const { lease } of out) lease.release();
        pool.close();
      }
      sides = [];
    },
  };
}

/** Two attachments that send each other numbers, in order. */
function channelDriver(world) {
  const { Channel } = world.lib;
  let ends = [];

  const send = (end) => {
    const bytes = new Uint8Array(1 + (world.next() % 60));
    fill(bytes, end.sent);
    if (end.channel.sender().trySend(bytes)) end.sent += 1;
  };
  const receive = (end) => {
    const message = end.channel.receiver().tryReceive();
    if (message === undefined) return;
    world.met(message);
    const from = ends.find(({ channel }) => channel.id === message.sender);
    const order = from.taken;
    from.taken += 1;
    expectFilled(message.bytes, order, 'Channel');
    message.release();
  };
  return {
    step() {
      world.attempt(() => {
        const made = () => ({ sent: 0, taken: 0 });
        if (ends.length === 0) {
          ends.push({ channel: world.met(Channel.create({ capacity: 16, messageBytes: 64 })), ...made() });
        } else if (ends.length === 1) ends.push({ channel: Channel.attach(ends[0].channel.handle), ...made() });
      });
      if (ends.length === 2) world.attempt(() => world.pick([send, receive])(world.pick(ends)), ['CLOSED']);
    },
    check() {},
    rest() {
      if (ends.length === 2) while (ends.some(({ sent, taken }) => taken < sent)) receive(ends[0]);
      for (const { channel } of ends) channel.close();
      ends = [];
    },
  };
}

export const bytePoolDrivers = [
  ...['fast', 'batch', 'safe'].map((reuse) => ({
    name: `buffers, ${reuse}`,
    drives: ['BufferPool', 'PooledBuffer'],
    make: (world) => bufferDriver(world, reuse),
  })),
  ...['LockFreePool', 'WorkStealingPool', 'ThreadSafePool'].map((type) => ({
    name: `slots of a ${type}`,
    drives: [type, 'SlotLease'],
    make: (world) => slotDriver(world, type),
  })),
  { name: 'channels', drives: ['Channel'], make: channelDriver },
];
