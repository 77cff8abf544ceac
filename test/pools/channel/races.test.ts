import { once } from 'node:events';
import { truncateSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import { Region } from '../../../lib/platform';
import { Channel } from '../../../lib/pools';
import { scratchFolder } from '../../platform/region/support';
import { Bench, bytesOf, codeOf, contents, failureOf, insides } from './support';

// What two threads, or a writer of the user's, do at the worst moment.

const LIBRARY = process.env['NEBULA_TEST_LIBRARY'] ?? resolve(__dirname, '../../../dist');
const bench = new Bench();
const folder = scratchFolder();
afterEach(() => {
  jest.restoreAllMocks();
  bench.close();
});

/** Runs work in a worker with an attachment, which ends in the middle of it. */
async function endsInside(channel: Channel, work: string): Promise<void> {
  const script = `
    const { workerData } = require('node:worker_threads');
    const { Channel } = require(workerData.library);
    const channel = Channel.attach(workerData.handle);
    const inside = channel.at;
    ${work}`;
  const worker = new Worker(script, { eval: true, workerData: { library: LIBRARY, handle: channel.handle } });
  const [code] = await once(worker, 'exit');
  expect(code).toBe(3);
}

describe('the last of a side', () => {
  test('that dies while it leaves is missed all the same', async () => {
    const channel = bench.create();
    const receiver = channel.receiver();
    await endsInside(channel, 'channel.sender(); inside.tellIfGone = () => process.exit(3); channel.close();');
    const got = failureOf(receiver.receive());
    await bench.pass(400);
    expect([receiver.waiting, channel.peers().length]).toEqual([0, 1]);
    expect(await got).toBe('ERR_MEMORY_CLOSED');
  });

  test('is missed when who cleans up after it dies too', async () => {
    const channel = bench.create();
    const receiver = channel.receiver();
    await endsInside(channel, 'channel.sender(); process.exit(3);');
    await endsInside(channel, 'inside.tellIfGone = () => process.exit(3); channel.recover();');
    const got = failureOf(receiver.receive());
    await bench.pass(400);
    expect([receiver.waiting, channel.peers().length]).toEqual([0, 1]);
    expect(await got).toBe('ERR_MEMORY_CLOSED');
  });

  test('that leaves while somebody takes its sign away is missed', () => {
    const channel = bench.create();
    const receiver = channel.receiver();
    bench.attach(channel).sender().close(); // the sign stands
    const inside = insides(channel) as unknown as { isAnybody(side: string): boolean };
    const isAnybody = inside.isAnybody.bind(inside);
    const late = bench.attach(channel);
    jest.spyOn(inside, 'isAnybody').mockImplementationOnce((side) => {
      const sender = late.sender(); // it comes
      const found = isAnybody(side);
      sender.close(); // and has gone
      return found;
    });
    codeOf(() => receiver.tryReceive());
    expect(codeOf(() => receiver.tryReceive())).toBe('ERR_MEMORY_CLOSED');
  });

  test('is missed by who only ever asks trySendMany', async () => {
    const channel = bench.create({ capacity: 1 });
    const sender = channel.sender();
    await endsInside(channel, 'channel.receiver(); process.exit(3);');
    let code = 'none';
    for (let i = 0; i < 200 && code === 'none'; i += 1) code = codeOf(() => sender.trySendMany([bytesOf(1)]));
    expect(code).toBe('ERR_MEMORY_CLOSED');
  });
});

test('an end that was opened again is woken', async () => {
  const channel = bench.create();
  const refused = failureOf(channel.receiver().receive());
  channel.receiver().close();
  expect(await refused).toBe('ERR_MEMORY_CLOSED');
  const got = channel
    .receiver()
    .receive()
    .then(contents, () => undefined);
  channel.sender().trySend(bytesOf(5));
  await bench.settle();
  expect(channel.stats().receiving).toBe(0);
  expect(await got).toEqual([5]);
});

test.each([
  ['at once', false],
  ['after a wait', true],
])('an abort inside the writer of one of many ends the rest, %s', async (_, waits) => {
  const channel = bench.create({ capacity: 1 });
  const [sender, receiver] = [channel.sender(), channel.receiver()];
  if (waits) sender.trySend(bytesOf(0));
  const stop = new AbortController();
  const abort = (): number => {
    stop.abort();
    return 0;
  };
  const sent = failureOf(sender.sendMany([abort, bytesOf(2), bytesOf(3)], { signal: stop.signal }));
  if (waits) contents(receiver.tryReceive());
  await bench.settle();
  expect([sender.waiting, await sent]).toEqual([0, 'ERR_MEMORY_ABORTED']);
  expect(contents(receiver.tryReceive())).toEqual([]);
  expect(receiver.tryReceive()).toBeUndefined();
});

test('an iteration that is ended while it waits takes no message', async () => {
  const channel = bench.create();
  const receiver = channel.receiver();
  const iterator = receiver[Symbol.asyncIterator]();
  const [first, second] = [iterator.next(), iterator.next()];
  await iterator.return?.();
  expect(await Promise.all([first, second])).toEqual([
    { done: true, value: undefined },
    { done: true, value: undefined },
  ]);
  const stream = Readable.from(receiver);
  stream.on('data', () => {});
  await bench.settle();
  stream.destroy();
  await bench.settle();
  channel.sender().trySend(bytesOf(7));
  await bench.settle();
  expect([receiver.held, contents(receiver.tryReceive())]).toEqual([0, [7]]);
});

test.each([
  ['return() while the event loop has its turn', false],
  ['a stream that is destroyed then', true],
])('an iteration that is ended by %s takes no message', async (_, streams) => {
  const channel = bench.create({ capacity: 1024 });
  const [sender, receiver] = [channel.sender(), channel.receiver()];
  for (let i = 0; i < 600; i += 1) sender.trySend(bytesOf(i & 255));
  let count = 0;
  if (streams) {
    const stream = Readable.from(receiver, { highWaterMark: 1 });
    stream.on('data', () => {
      count += 1;
      if (count === 511) process.nextTick(() => stream.destroy());
    });
    await new Promise((resolve) => stream.on('close', resolve));
  } else {
    const iterator = receiver[Symbol.asyncIterator]();
    for (; count < 511; count += 1) await iterator.next();
    const next = iterator.next(); // the 512th: the event loop has its turn first
    await iterator.return?.();
    expect((await next).done).toBe(true);
  }
  await bench.settle();
  expect([count, receiver.held, receiver.waiting]).toEqual([511, 0, 0]);
  expect(contents(receiver.tryReceive())).toEqual([511 & 255]);
});

test('an iteration that is ended at the moment in which a message comes releases it', async () => {
  const channel = bench.create();
  const [sender, receiver] = [channel.sender(), channel.receiver()];
  const iterator = receiver[Symbol.asyncIterator]();
  const next = iterator.next();
  sender.trySendMany([bytesOf(1), bytesOf(2)]);
  expect(contents(receiver.receiveSync())).toEqual([2]); // who waited was served first and does not know it yet
  await iterator.return?.();
  expect([(await next).done, receiver.held]).toEqual([true, 0]);
});

test('places that a closed sender had reserved are room for others who wait', async () => {
  const channel = bench.create({ capacity: 1 });
  const other = bench.attach(channel);
  channel.sender().tryReserve();
  const sent = failureOf(other.sender().send(bytesOf(4)));
  channel.sender().close();
  await bench.settle();
  expect(other.sender().waiting).toBe(0);
  expect(await sent).toBe('none');
  expect(contents(channel.receiver().tryReceive())).toEqual([4]);
});

test('blocking from inside any writer is refused: it would wait for itself', () => {
  const channel = bench.create({ capacity: 1 });
  const sender = channel.sender();
  const inner: string[] = [];
  const write = (): number => {
    inner.push(codeOf(() => sender.sendSync(bytesOf(1), { deadlineMs: 1 })));
    return 0;
  };
  sender.trySend(write);
  contents(channel.receiver().tryReceive());
  sender.sendSync(write);
  expect(inner).toEqual(['ERR_MEMORY_INVALID_STATE', 'ERR_MEMORY_INVALID_STATE']);
});

test('bytes that say another length than they have stay within their place', () => {
  const channel = bench.create();
  const [sender, receiver] = [channel.sender(), channel.receiver()];
  class Liar extends Uint8Array {
    override get length(): number {
      return 1;
    }
  }
  const own = Object.defineProperty(new Uint8Array(3).fill(9), 'length', { value: 2 });
  expect(codeOf(() => sender.trySend(new Liar(300).fill(255)))).toBe('ERR_MEMORY_TOO_LARGE');
  expect(sender.trySend(new Liar(2).fill(8))).toBe(true);
  expect(sender.trySend(own)).toBe(true);
  expect(codeOf(() => sender.trySend(new Proxy(new Uint8Array(4), {})))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  const fake = { [Symbol.toStringTag]: 'Uint8Array', length: 4 };
  expect(codeOf(() => sender.trySend(fake as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  expect([contents(receiver.tryReceive()), contents(receiver.tryReceive())]).toEqual([
    [8, 8],
    [9, 9, 9],
  ]);
});

/** By transfer() where there is one: structuredClone() of newer Node.js refuses buffers of another realm, as a test's is. */
function takeAway({ buffer }: Uint8Array): void {
  const newer = buffer as ArrayBuffer & { transfer?: () => ArrayBuffer };
  if (newer.transfer?.() === undefined) structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
}

test('bytes that were taken away are refused, at once and after a wait, and hold up nobody', async () => {
  const channel = bench.create({ capacity: 1 });
  const [sender, receiver] = [channel.sender(), channel.receiver()];
  const gone = bytesOf(1, 2, 3);
  takeAway(gone);
  for (const call of [() => sender.trySend(gone), () => sender.sendSync(gone), () => sender.trySendMany([gone])]) {
    expect(codeOf(call)).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  }
  expect(await failureOf(sender.send(gone))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  expect(sender.trySend(bytesOf(7))).toBe(true);
  const later = bytesOf(1, 2, 3);
  const sent = [failureOf(sender.send(later)), failureOf(sender.send(new Uint8Array(0)))];
  takeAway(later);
  expect([contents(await receiver.receive()), contents(await receiver.receive())]).toEqual([[7], []]);
  expect(await Promise.all(sent)).toEqual(['ERR_MEMORY_INVALID_ARGUMENT', 'none']);
  expect([sender.waiting, sender.sent]).toEqual([0, 2]);
});

test('what is no clock, no memory and no wake is refused or done without', () => {
  for (const timers of [5, null, {}, { start() {} }]) {
    expect(codeOf(() => Channel.create({ timers: timers as never }))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    const channel = bench.create();
    expect(codeOf(() => Channel.attach(channel.handle, { timers: timers as never }))).toBe(
      'ERR_MEMORY_INVALID_ARGUMENT',
    );
  }
  const channel = bench.create();
  const wake = { [Symbol.toStringTag]: 'SharedArrayBuffer', byteLength: 1000 };
  const far = bench.attach({ handle: { ...channel.handle, wake } } as never);
  far.sender().trySend(bytesOf(1));
  expect(contents(channel.receiver().tryReceive())).toEqual([1]);
});

(process.platform === 'linux' ? test : test.skip)('a channel whose file was cut off is refused', () => {
  const channel = bench.create({ capacity: 1024 });
  const { handle } = channel;
  using region = Region.attach(handle.region);
  const path = join(folder, 'channel');
  writeFileSync(path, region.bytes);
  using copy = Region.mapFile(path, { mode: 'shared', carrier: 'shared' });
  const other = { ...handle, region: copy.handle };
  Channel.attach(other).close();
  truncateSync(path, copy.byteLength - 4096);
  expect(codeOf(() => Channel.attach(other))).toBe('ERR_MEMORY_FAULTED');
  truncateSync(path, 0);
  expect(codeOf(() => Channel.attach(other))).toMatch(/^ERR_MEMORY_(CORRUPTION|FAULTED)$/);
});
