import { Channel } from '../../../lib/pools';
import { HEAD } from '../../../lib/pools/channel/layout';
import { ChannelMessage } from '../../../lib/pools/channel/message';
import { ChannelReceiver } from '../../../lib/pools/channel/receiver';
import { ChannelReservation } from '../../../lib/pools/channel/reservation';
import { ChannelSender } from '../../../lib/pools/channel/sender';
import { Bench, bytesOf, codeOf, contents, failureOf, insides, thrown } from './support';

const bench = new Bench();
afterEach(() => bench.close());

describe('messages', () => {
  test('arrive once, in their order, by whichever attachment', () => {
    const a = bench.create({ messageBytes: 8 });
    const b = bench.attach(a);
    for (let i = 0; i < 5; i += 1) expect(a.sender().trySend(bytesOf(i, i + 1))).toBe(true);
    const [first, second] = [b.receiver().tryReceive(), a.receiver().tryReceive()];
    expect(first?.sender).toBe(a.id);
    expect([contents(first), contents(second)]).toEqual([
      [0, 1],
      [1, 2],
    ]);
    expect(b.receiver().tryReceiveMany(10).map(contents)).toEqual([
      [2, 3],
      [3, 4],
      [4, 5],
    ]);
    expect(b.receiver().tryReceive()).toBeUndefined();
    expect(a.stats()).toMatchObject({ sent: 5, received: 1, held: 0, length: 0, lost: 0 });
    expect(b.stats()).toMatchObject({ sent: 0, received: 4 });
  });

  test.each([1, 2, 4, 1024])('go round a ring of %i many times', (capacity) => {
    const channel = bench.create({ capacity, messageBytes: 4 });
    const [sender, receiver] = [channel.sender(), channel.receiver()];
    let received = 0;
    for (let i = 0; i < 5 * capacity + 7; i += 1) {
      while (!sender.trySend(bytesOf(i & 255))) {
        expect(contents(receiver.tryReceive())).toEqual([received & 255]);
        received += 1;
      }
    }
    expect(channel.stats().length).toBe(capacity);
    for (const message of receiver.tryReceiveMany(capacity)) {
      expect(contents(message)).toEqual([received & 255]);
      received += 1;
    }
    expect(received).toBe(5 * capacity + 7);
  });

  test('go on when the positions come round at 2^32', () => {
    const channel = bench.create({ capacity: 4, messageBytes: 1 });
    const { words, ring } = insides(channel);
    for (const word of [16, 32]) words[word] = -4; // both ends, four messages before
    for (let i = 0; i < 4; i += 1) words[ring.cellOf(i)] = (0xffff_fffc >>> 2) << 13;
    for (let i = 0; i < 20; i += 1) {
      expect(channel.sender().trySend(bytesOf(i))).toBe(true);
      expect(contents(channel.receiver().tryReceive())).toEqual([i]);
    }
    for (let i = 0; i < 4; i += 1) expect(channel.sender().trySend(bytesOf(i))).toBe(true);
    expect(channel.sender().trySend(bytesOf(9))).toBe(false);
  });

  test('are not held up by who died between two steps', () => {
    const channel = bench.create({ capacity: 2, messageBytes: 1 });
    const { words } = insides(channel);
    for (let i = 0; i < 10; i += 1) {
      channel.sender().trySend(bytesOf(i));
      words[HEAD.tail] = (words[HEAD.tail] as number) - 1; // sent, and the position not moved on
      channel.sender().trySend(bytesOf(i + 100));
      const first = channel.receiver().tryReceive();
      words[HEAD.head] = (words[HEAD.head] as number) - 1; // taken, and the position not moved on
      expect([contents(channel.receiver().tryReceive()), contents(first)]).toEqual([[i + 100], [i]]);
      expect(channel.receiver().tryReceive()).toBeUndefined();
    }
  });

  test('may be empty, and as large as was said', () => {
    const channel = bench.create({ messageBytes: 100, capacity: 3 });
    expect([channel.capacity, channel.messageBytes]).toEqual([4, 100]);
    channel.sender().trySend(new Uint8Array(0));
    channel.sender().trySend(new Uint8Array(100).fill(7));
    expect(contents(channel.receiver().tryReceive())).toEqual([]);
    expect(contents(channel.receiver().tryReceive())).toEqual(Array(100).fill(7));
    expect(thrown(() => channel.sender().trySend(new Uint8Array(101)))).toMatchObject({
      code: 'ERR_MEMORY_TOO_LARGE',
      requestedBytes: 101,
      limitBytes: 100,
    });
    expect(channel.sender().trySend(Buffer.from('of another class'))).toBe(true);
    expect(Buffer.from(contents(channel.receiver().tryReceive()) ?? []).toString()).toBe('of another class');
  });

  test.each([undefined, null, 5, 'text', {}, [], new Uint16Array(2), new DataView(new ArrayBuffer(4)), Symbol('x')])(
    'are no %p',
    (value) => {
      const channel = bench.create();
      expect(codeOf(() => channel.sender().trySend(value as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
      expect(channel.stats().length).toBe(0);
    },
  );

  test('lie in the channel until they are released', () => {
    const channel = bench.create({ capacity: 2, messageBytes: 4 });
    const [sender, receiver] = [channel.sender(), channel.receiver()];
    sender.trySend(bytesOf(1));
    sender.trySend(bytesOf(2));
    const first = receiver.tryReceive();
    const second = receiver.tryReceive();
    expect([sender.trySend(bytesOf(3)), receiver.held]).toEqual([false, 2]);
    second?.release(); // the place of the first is next
    expect(sender.trySend(bytesOf(3))).toBe(false);
    first?.release();
    expect([sender.trySend(bytesOf(3)), sender.trySend(bytesOf(4)), receiver.held]).toEqual([true, true, 0]);
    expect(codeOf(() => first?.bytes)).toBe('ERR_MEMORY_STALE_HANDLE');
    expect(codeOf(() => first?.release())).toBe('ERR_MEMORY_DOUBLE_FREE');
    first?.[Symbol.dispose]();
    expect([contents(receiver.tryReceive()), contents(receiver.tryReceive())]).toEqual([[3], [4]]);
  });

  test('are copied out where asked', () => {
    const channel = bench.create({ capacity: 1, messageBytes: 4 });
    const receiver = channel.receiver({ copy: true });
    channel.sender().trySend(bytesOf(1, 2));
    const message = receiver.tryReceive();
    expect(channel.sender().trySend(bytesOf(9, 9))).toBe(true);
    expect([message?.isReleased, [...(message?.bytes ?? [])], receiver.held]).toEqual([true, [1, 2], 0]);
    expect(codeOf(() => message?.release())).toBe('ERR_MEMORY_DOUBLE_FREE');
  });

  test('of a receiver that closed are free, and unreadable', () => {
    const channel = bench.create({ capacity: 1, messageBytes: 4 });
    const other = bench.attach(channel);
    channel.sender().trySend(bytesOf(1));
    const message = other.receiver().tryReceive();
    other.receiver().close();
    expect(codeOf(() => message?.bytes)).toBe('ERR_MEMORY_CLOSED');
    message?.release();
    channel.receiver();
    expect(channel.sender().trySend(bytesOf(2))).toBe(true);
  });
});

describe('writing in place', () => {
  test('by a function', () => {
    const channel = bench.create({ capacity: 2, messageBytes: 8 });
    const sender = channel.sender();
    const write = (bytes: Uint8Array): number => {
      bytes.set([4, 5, 6]);
      return 2;
    };
    expect(sender.trySend(write)).toBe(true);
    expect(contents(channel.receiver().tryReceive())).toEqual([4, 5]);
  });

  test.each([-1, 0.5, Number.NaN, 9, '3', undefined, Promise.resolve(1)])('a function that returns %p', (answer) => {
    const channel = bench.create({ capacity: 2, messageBytes: 8 });
    const code = codeOf(() => channel.sender().trySend((() => answer) as never));
    expect(code).toBe(answer === 9 ? 'ERR_MEMORY_TOO_LARGE' : 'ERR_MEMORY_INVALID_ARGUMENT');
    for (let i = 0; i < 5; i += 1) {
      channel.sender().trySend(bytesOf(i));
      expect(contents(channel.receiver().tryReceive())).toEqual([i]);
    }
  });

  test('a function that throws, closes or sends itself', () => {
    const channel = bench.create({ capacity: 4, messageBytes: 8 });
    const sender = channel.sender();
    expect(() =>
      sender.trySend(() => {
        throw new RangeError('mine');
      }),
    ).toThrow(RangeError);
    expect(
      sender.trySend((bytes) => {
        sender.trySend(bytesOf(2));
        bytes[0] = 1;
        return 1;
      }),
    ).toBe(true);
    expect(channel.receiver().tryReceiveMany(9).map(contents)).toEqual([[1], [2]]);
    const closing = (): number => {
      sender.close();
      return 1;
    };
    expect(codeOf(() => sender.trySend(closing))).toBe('ERR_MEMORY_CLOSED');
    expect(codeOf(() => channel.receiver().tryReceive())).toBe('ERR_MEMORY_CLOSED'); // the end: nothing of it is there
  });

  test('by a reservation; later messages wait for it', () => {
    const channel = bench.create({ capacity: 4, messageBytes: 8 });
    const [sender, receiver] = [channel.sender(), channel.receiver()];
    const place = sender.tryReserve(4);
    sender.trySend(bytesOf(9));
    expect(receiver.tryReceive()).toBeUndefined();
    place?.bytes.set([1, 2, 3, 4]);
    expect(place?.bytes.length).toBe(4);
    expect(codeOf(() => place?.commit(5))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    place?.commit(3);
    expect([contents(receiver.tryReceive()), contents(receiver.tryReceive())]).toEqual([[1, 2, 3], [9]]);
    for (const again of [() => place?.commit(), () => place?.cancel(), () => place?.bytes]) {
      expect(codeOf(again)).toBe('ERR_MEMORY_INVALID_STATE');
    }
    place?.[Symbol.dispose]();
    expect(codeOf(() => sender.tryReserve(9))).toBe('ERR_MEMORY_TOO_LARGE');
    expect(codeOf(() => sender.tryReserve(-1))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect(codeOf(() => sender.tryReserve('1' as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  test('thousands of canceled reservations leave nothing behind, received or not', () => {
    const channel = bench.create({ capacity: 2, messageBytes: 8 });
    for (let i = 0; i < 20_000; i += 1) channel.sender().tryReserve()?.cancel();
    channel.sender().trySend(bytesOf(5));
    for (let i = 0; i < 20_000; i += 1) channel.sender().tryReserve()?.cancel();
    expect(channel.sender().trySend(bytesOf(6))).toBe(false); // it waits for the first to be received
    expect(contents(channel.receiver().tryReceive())).toEqual([5]);
    expect(channel.receiver().tryReceive()).toBeUndefined();
    expect(channel.sender().trySend(bytesOf(6))).toBe(true);
    expect(contents(channel.receiver().tryReceive())).toEqual([6]);
  });

  test('a reservation that is canceled, disposed or closed holds up nobody', () => {
    const channel = bench.create({ capacity: 4, messageBytes: 8 });
    const other = bench.attach(channel);
    const receiver = channel.receiver();
    const places = [channel.sender().tryReserve(), channel.sender().tryReserve(), other.sender().tryReserve()];
    channel.sender().trySend(bytesOf(5));
    expect([channel.sender().tryReserve(), receiver.tryReceive()]).toEqual([undefined, undefined]);
    places[0]?.cancel();
    places[1]?.[Symbol.dispose]();
    expect(receiver.tryReceive()).toBeUndefined();
    other.close();
    expect(codeOf(() => places[2]?.commit())).toBe('ERR_MEMORY_CLOSED');
    places[2]?.[Symbol.dispose]();
    expect(contents(receiver.tryReceive())).toEqual([5]);
    expect(channel.stats().lost).toBe(0);
  });
});

describe('the end', () => {
  test('comes when all senders have closed and nothing is left', async () => {
    const channel = bench.create();
    const other = bench.attach(channel);
    const receiver = channel.receiver();
    expect(receiver.tryReceive()).toBeUndefined(); // nobody has come yet
    channel.sender().trySend(bytesOf(1));
    other.sender().trySend(bytesOf(2));
    channel.sender().close();
    other.close();
    expect(contents(receiver.tryReceive())).toEqual([1]);
    expect(contents(receiver.tryReceive())).toEqual([2]);
    expect(codeOf(() => receiver.tryReceive())).toBe('ERR_MEMORY_CLOSED');
    expect(codeOf(() => receiver.receiveSync())).toBe('ERR_MEMORY_CLOSED');
    expect(await failureOf(receiver.receive())).toBe('ERR_MEMORY_CLOSED');
    channel.sender().trySend(bytesOf(3)); // somebody came back
    expect(contents(receiver.tryReceive())).toEqual([3]);
  });

  test('that was met behind the last messages is no end once somebody has come', () => {
    const channel = bench.create();
    const [sender, receiver] = [channel.sender(), channel.receiver()];
    sender.trySend(bytesOf(1));
    sender.close();
    expect(receiver.tryReceiveMany(4).map(contents)).toEqual([[1]]);
    const late = bench.attach(channel).sender();
    expect(receiver.tryReceive()).toBeUndefined();
    late.trySend(bytesOf(2));
    expect(receiver.tryReceiveMany(4).map(contents)).toEqual([[2]]);
    late.close();
    expect(codeOf(() => receiver.tryReceive())).toBe('ERR_MEMORY_CLOSED');
  });

  test('ends an iteration, which releases what it was given', async () => {
    const channel = bench.create({ capacity: 2 });
    const other = bench.attach(channel);
    void (async () => {
      for (let i = 0; i < 10; i += 1) await other.sender().send(bytesOf(i));
      other.close();
    })();
    const seen: number[] = [];
    for await (const message of channel) {
      seen.push(...message.bytes);
      if (seen.length === 3) message.release();
      else expect(channel.stats().held).toBe(1);
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(channel.stats().held).toBe(0);
  });

  test('of an iteration by break releases, and leaves the receiver open', async () => {
    const channel = bench.create();
    channel.sender().trySend(bytesOf(1));
    channel.sender().trySend(bytesOf(2));
    for await (const message of channel.receiver()) {
      expect([...message.bytes]).toEqual([1]);
      break;
    }
    expect(channel.stats().held).toBe(0);
    expect(contents(channel.receiver().tryReceive())).toEqual([2]);
  });

  test('of an iteration by close() of the receiver', async () => {
    const channel = bench.create();
    channel.sender();
    const seen = (async () => {
      for await (const message of channel) throw new Error(`nobody sent ${message.byteLength} bytes`);
      return 'done';
    })();
    await bench.settle();
    channel.receiver().close();
    expect(await seen).toBe('done');
  });

  test('does not come by a sign alone', () => {
    const channel = bench.create();
    const { words } = insides(channel);
    channel.sender();
    channel.receiver();
    for (let i = 0; i < 3; i += 1) {
      words[HEAD.gone] = 3; // as when somebody came at the moment in which the last one left
      expect(channel.receiver().tryReceive()).toBeUndefined();
      words[HEAD.gone] = 3;
      expect(channel.sender().trySend(bytesOf(i))).toBe(true);
      expect(contents(channel.receiver().tryReceive())).toEqual([i]);
    }
  });

  test('senders are told when all receivers have closed', async () => {
    const channel = bench.create({ capacity: 1 });
    const other = bench.attach(channel);
    other.receiver();
    const sender = channel.sender();
    expect(sender.trySend(bytesOf(1))).toBe(true);
    const waits = failureOf(sender.send(bytesOf(2)));
    other.receiver().close();
    expect(await waits).toBe('ERR_MEMORY_CLOSED');
    expect(codeOf(() => sender.trySend(bytesOf(2)))).toBe('ERR_MEMORY_CLOSED');
    expect(codeOf(() => sender.sendSync(bytesOf(2)))).toBe('ERR_MEMORY_CLOSED');
    expect(contents(channel.receiver().tryReceive())).toEqual([1]); // what was not received can be taken back
    expect(sender.trySend(bytesOf(2))).toBe(true);
  });

  test('close() ends everything of one attachment, twice too', async () => {
    const channel = bench.create();
    const other = bench.attach(channel);
    const [sender, receiver] = [other.sender(), other.receiver()];
    const waits = failureOf(receiver.receive());
    other.close();
    other.close();
    expect(await waits).toBe('ERR_MEMORY_CLOSED');
    for (const call of [
      () => sender.trySend(bytesOf(1)),
      () => sender.sendSync(bytesOf(1)),
      () => sender.trySendMany([]),
      () => sender.tryReserve(),
      () => receiver.tryReceive(),
      () => receiver.receiveSync(),
      () => receiver.tryReceiveMany(1),
      () => other.sender(),
      () => other.receiver(),
      () => other.handle,
      () => other.peers(),
      () => other.recover(),
    ]) {
      expect(codeOf(call)).toBe('ERR_MEMORY_CLOSED');
    }
    expect(await failureOf(sender.send(bytesOf(1)))).toBe('ERR_MEMORY_CLOSED');
    expect(await failureOf(sender.reserve())).toBe('ERR_MEMORY_CLOSED');
    expect(other.stats()).toMatchObject({ name: 'channel', sent: 0 });
    expect(channel.peers().map(({ id }) => id)).toEqual([channel.id]);
  });
});

describe('attachments', () => {
  test('are told apart', () => {
    const a = bench.create({ name: 'jobs', owners: 2 });
    const b = bench.attach(a);
    b.receiver();
    const own = { pid: process.pid, threadId: 0 };
    expect(a.peers()).toEqual([
      { ...own, id: a.id, sends: false, receives: false, self: true },
      { ...own, id: b.id, sends: false, receives: true, self: false },
    ]);
    expect(b.name).toBe('jobs');
    expect(codeOf(() => Channel.attach(a.handle))).toBe('ERR_MEMORY_POOL_EXHAUSTED');
    b.close();
    bench.attach(a);
    expect(a.recover()).toEqual({ peers: 0, messages: 0 });
  });

  test('ends are the same until they close', () => {
    const a = bench.create();
    const [sender, receiver] = [a.sender(), a.receiver()];
    expect([a.sender(), a.receiver()]).toEqual([sender, receiver]);
    sender.trySend(bytesOf(1));
    sender.close();
    a.sender().trySend(bytesOf(2));
    receiver.close();
    expect(a.receiver()).not.toBe(receiver);
    expect(a.stats()).toMatchObject({ sent: 2, received: 0 });
    expect(a.sender()).not.toBe(sender);
  });

  test('the handle is data; the one for other processes is plain data', () => {
    const a = bench.create();
    const plain = JSON.parse(JSON.stringify(a.handle)) as typeof a.handle;
    for (const handle of [plain, a.remoteHandle, structuredClone(a.handle)]) {
      const b = Channel.attach(handle);
      a.sender().trySend(bytesOf(1));
      expect(contents(b.receiver().tryReceive())).toEqual([1]);
      b.close();
      a.receiver();
    }
    const { handle } = a;
    a.close();
    expect(codeOf(() => Channel.attach(handle))).toBe('ERR_MEMORY_STALE_HANDLE');
  });

  test.each([
    () => new Channel(undefined as never),
    () => new ChannelSender({} as never),
    () => new ChannelReceiver(null as never, false),
    () => new ChannelMessage({} as never, 1, 1, null, 0, 0),
    () => new ChannelReservation(null as never, 0, 0, 1),
  ])('nothing is made by its constructor', (make) => {
    expect(codeOf(make)).toBe('ERR_MEMORY_INVALID_STATE');
  });
});
