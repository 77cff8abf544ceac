// Messages from a worker to the main thread, and there and back: Channel beside postMessage and a MessagePort.
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { isMainThread, MessageChannel, parentPort, Worker, workerData } from 'node:worker_threads';
import { claim, comparison, HERE, interleave, nebula, ratioOf } from '../harness.mjs';

const { Channel, SharedBlockAllocator } = nebula;
const SMALL = 64;
const LARGE = 64 * 1024;
const IN_FLIGHT = 64;

/** What the receiver does with the bytes: a byte of every cache line. */
function read(bytes) {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 64) sum += bytes[at];
  return sum;
}

/** What the sender does: the payload is made where it is sent from, a byte of every cache line. */
function writer(size) {
  let count = 0;
  return (bytes) => {
    count += 1;
    for (let at = 0; at < size; at += 64) bytes[at] = 1 + ((count + at) % 251);
    return size;
  };
}

/** One thread's ends of everything. */
function open({ small, large, leases, back, there, pool, port }) {
  const blocks = SharedBlockAllocator.attach(pool);
  return {
    small: Channel.attach(small),
    large: Channel.attach(large),
    leases: Channel.attach(leases, { blocks }),
    back: Channel.attach(back),
    there: Channel.attach(there),
    blocks,
    port,
  };
}

const SENDERS = {
  async channel({ ends, name, size, count }) {
    const sender = ends[name].sender().ref();
    const write = writer(size);
    for (let i = 0; i < count; i += 1) if (!sender.trySend(write)) await sender.send(write);
  },
  async blocking({ ends, name, size, count }) {
    const sender = ends[name].sender();
    const write = writer(size);
    for (let i = 0; i < count; i += 1) sender.sendSync(write);
  },
  async leases({ ends, size, count }) {
    const sender = ends.leases.sender().ref();
    const write = writer(size);
    for (let i = 0; i < count; i += 1) {
      const box = ends.blocks.acquire(size);
      write(box.bytes);
      if (!sender.trySend(box)) await sender.send(box);
    }
  },
  /** The sender's own bytes are written anew and cloned: nothing is allocated here. */
  async clone({ to, size, count, credit }) {
    const write = writer(size);
    const own = new Uint8Array(size);
    for (let i = 0; i < count; i += 1) {
      if (size === LARGE && i % IN_FLIGHT === 0) await credit();
      write(own);
      to.postMessage(own);
    }
  },
  async transfer({ to, size, count, credit }) {
    const write = writer(size);
    for (let i = 0; i < count; i += 1) {
      if (size === LARGE && i % IN_FLIGHT === 0) await credit();
      const own = new Uint8Array(size);
      write(own);
      to.postMessage(own, [own.buffer]);
    }
  },
};

function serve() {
  const ends = open(workerData);
  const { port } = workerData;
  let credits = 0;
  let wanting = null;
  const credit = async () => {
    if (credits === 0) await new Promise((done) => (wanting = done));
    credits -= 1;
  };
  const echo = ends.back.sender();
  for (const name of ['small', 'large', 'leases']) ends[name].sender(); // so that no stream ends between two rows
  port.on('message', (bytes) => port.postMessage(bytes));
  parentPort.on('message', async (message) => {
    if (message === 'credit') {
      credits += 1;
      wanting?.();
      wanting = null;
    } else if (message instanceof Uint8Array) parentPort.postMessage(message);
    else if (message.way === 'echo') {
      const receiver = ends.there.receiver().ref();
      for (let i = 0; i < message.count; i += 1) {
        const got = message.blocking ? receiver.receiveSync() : await receiver.receive();
        echo.trySend(got.bytes);
        got.release();
      }
      receiver.unref();
    } else {
      credits = 2; // two windows may be under way
      await SENDERS[message.way]({ ...message, ends, credit, to: message.port ? port : parentPort });
    }
  });
}

if (!isMainThread && workerData?.claim === 'channel') serve();

/** Microseconds a message, from the order to the last one. */
async function throughput({ worker, ends, port }, order) {
  const { way, name, count, batch } = order;
  let sum = 0;
  const start = performance.now();
  worker.postMessage(order);
  if (name === undefined) {
    const from = order.port ? port : worker;
    await new Promise((done) => {
      let got = 0;
      const take = (bytes) => {
        sum += read(bytes);
        got += 1;
        if (got % IN_FLIGHT === 0 && order.size === LARGE) worker.postMessage('credit');
        if (got < count) return;
        from.off('message', take);
        done();
      };
      from.on('message', take);
    });
  } else {
    const receiver = ends[name].receiver().ref();
    if (way === 'blocking') {
      for (let got = 0; got < count; got += 1) {
        const message = receiver.receiveSync();
        sum += read(message.bytes);
        message.release();
      }
    } else if (batch !== undefined) {
      for (let got = 0; got < count; ) {
        for (const message of await receiver.receiveMany(batch)) {
          sum += read(message.bytes);
          message.release();
          got += 1;
        }
      }
    } else {
      let got = 0;
      for await (const message of receiver) {
        if (way === 'leases') {
          const box = message.adopt();
          sum += read(box.bytes);
          box.release();
        } else sum += read(message.bytes);
        if ((got += 1) === count) break;
      }
    }
    receiver.unref();
  }
  const microseconds = ((performance.now() - start) * 1000) / count;
  if (sum === 0) throw new Error('nothing was read');
  return microseconds;
}

/** Microseconds there and back: the mean, half of them and 99 of 100. */
async function latency(count, once) {
  const samples = new Float64Array(count);
  for (let i = -100; i < count; i += 1) {
    const start = performance.now();
    await once();
    if (i >= 0) samples[i] = (performance.now() - start) * 1000;
  }
  const value = samples.reduce((total, each) => total + each, 0) / count;
  samples.sort();
  return { value, p50: samples[count >> 1], p99: samples[Math.floor(count * 0.99)] };
}

export default async function run({ quick }) {
  const small = Channel.create({ messageBytes: SMALL, capacity: 1024 });
  const back = Channel.create({ messageBytes: SMALL, capacity: 1024 });
  const large = Channel.create({ messageBytes: LARGE, capacity: IN_FLIGHT });
  const blocks = SharedBlockAllocator.create({ blockBytes: LARGE, blocks: 4 * IN_FLIGHT });
  const leases = Channel.create({ capacity: IN_FLIGHT, blocks });
  const ends = { small, large, leases, back };
  for (const channel of Object.values(ends)) channel.receiver();
  const there = Channel.create({ messageBytes: SMALL, capacity: 1024 });
  const { port1: port, port2 } = new MessageChannel();
  const worker = new Worker(join(HERE, 'claims', 'channel.mjs'), {
    workerData: {
      claim: 'channel',
      small: small.handle,
      large: large.handle,
      leases: leases.handle,
      back: back.handle,
      there: there.handle,
      pool: blocks.handle,
      port: port2,
    },
    transferList: [port2],
  });
  const at = { worker, ends, port };
  const manySmall = quick ? 100_000 : 500_000;
  const manyLarge = quick ? 4000 : 20_000;
  const trips = quick ? 1000 : 5000;
  const to64B = (name, order) => ({ name, run: () => throughput(at, { size: SMALL, count: manySmall, ...order }) });
  const to64K = (name, order) => ({ name, run: () => throughput(at, { size: LARGE, count: manyLarge, ...order }) });
  const bytes = new Uint8Array(SMALL);
  const channelTrip = (blocking) => async () => {
    worker.postMessage({ way: 'echo', count: trips + 100, blocking });
    const [sender, receiver] = [there.sender(), back.receiver().ref()];
    const result = await latency(trips, async () => {
      await sender.send(bytes);
      (await receiver.receive()).release();
    });
    receiver.unref();
    return result;
  };
  const portTrip = (to) => () =>
    latency(trips, () => {
      const answer = new Promise((done) => to.once('message', done));
      to.postMessage(bytes);
      return answer;
    });
  const rows = await interleave(
    [
      to64B('64 B: Channel, for await', { way: 'channel', name: 'small' }),
      to64B('64 B: Channel, 256 at once', { way: 'channel', name: 'small', batch: 256 }),
      to64B('64 B: Channel, blocking', { way: 'blocking', name: 'small' }),
      to64B('64 B: postMessage', { way: 'clone' }),
      to64B('64 B: MessagePort', { way: 'clone', port: true }),
      to64K('64 KiB: Channel, in place', { way: 'channel', name: 'large' }),
      to64K('64 KiB: Channel, in place, blocking', { way: 'blocking', name: 'large' }),
      to64K('64 KiB: Channel, leases', { way: 'leases', name: 'leases' }),
      to64K('64 KiB: postMessage', { way: 'clone' }),
      to64K('64 KiB: postMessage, transferred', { way: 'transfer' }),
      to64K('64 KiB: MessagePort, transferred', { way: 'transfer', port: true }),
      { name: 'there and back: Channel', run: channelTrip(false) },
      { name: 'there and back: Channel, a worker that blocks', run: channelTrip(true) },
      { name: 'there and back: postMessage', run: portTrip(worker) },
      { name: 'there and back: MessagePort', run: portTrip(port) },
    ],
    quick ? 3 : 7,
  );
  await worker.terminate();
  port.close();
  for (const channel of [there, ...Object.values(ends)]) channel.close();
  blocks.dispose();
  const find = (name) => rows.find((row) => row.name === name);
  return {
    title: 'messages from a worker to the main thread, written by one and read by the other; and there and back',
    unit: 'µs',
    extra: { p50: 'p50', p99: 'p99' },
    rows,
    claims: [
      claim(
        'times the messages of postMessage, 64 KiB',
        ratioOf(rows, '64 KiB: postMessage', '64 KiB: Channel, in place'),
        '>=',
        5,
      ),
      claim(
        'times the messages of postMessage, 64 B',
        ratioOf(rows, '64 B: postMessage', '64 B: Channel, for await'),
        '>=',
        3,
      ),
      comparison(
        'times the messages of postMessage with a transfer list, 64 KiB',
        ratioOf(rows, '64 KiB: postMessage, transferred', '64 KiB: Channel, in place'),
      ),
      comparison(
        'times the messages of postMessage, 64 KiB by leases',
        ratioOf(rows, '64 KiB: postMessage', '64 KiB: Channel, leases'),
      ),
      comparison(
        'times the messages of postMessage, 64 B, 256 at once',
        ratioOf(rows, '64 B: postMessage', '64 B: Channel, 256 at once'),
      ),
      comparison(
        'times faster there and back than postMessage',
        ratioOf(rows, 'there and back: postMessage', 'there and back: Channel'),
      ),
    ],
    notes: [
      'both sides do the same everywhere: the sender writes a byte of every 64 of the payload where it is sent from, the receiver reads them',
      `p99 there and back: Channel ${find('there and back: Channel').p99.toFixed(0)} µs, postMessage ${find('there and back: postMessage').p99.toFixed(0)} µs`,
      'postMessage of 64 B has no back-pressure here: it queues all; that of 64 KiB has at most 128 messages under way, Channel 64',
      'a view of shared memory is best filled by set(): the engine does fill() byte by byte there, ten times as slow',
    ],
  };
}
