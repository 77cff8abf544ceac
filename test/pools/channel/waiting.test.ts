import { Bench, bytesOf, codeOf, contents, failureOf, insides } from './support';

const bench = new Bench();
afterEach(() => bench.close());

test('a receiver that waits is woken by a sender, of another attachment too', async () => {
  const channel = bench.create();
  const other = bench.attach(channel);
  const got = [channel.receiver().receive(), channel.receiver().receive(), channel.receiver().receive()];
  channel.sender().trySend(bytesOf(1));
  other.sender().trySendMany([bytesOf(2), bytesOf(3)]);
  expect((await Promise.all(got)).map(contents)).toEqual([[1], [2], [3]]);
});

test('senders wait for room, in the order of their priority and arrival, and nobody overtakes', async () => {
  const channel = bench.create({ capacity: 1 });
  const [sender, receiver] = [channel.sender(), channel.receiver()];
  sender.trySend(bytesOf(0));
  const sent = [
    sender.send(bytesOf(1)),
    sender.send(bytesOf(2)),
    sender.send(bytesOf(3), { priority: 60 }),
    sender.send(() => 0),
  ];
  expect(channel.stats().sending).toBe(4);
  const seen: unknown[] = [];
  for (let i = 0; i < 5; i += 1) {
    const message = await receiver.receive();
    expect(sender.trySend(bytesOf(9))).toBe(false);
    expect(sender.trySendMany([bytesOf(9)])).toBe(0);
    seen.push(contents(message));
  }
  expect(seen).toEqual([[0], [3], [1], [2], []]);
  await Promise.all(sent);
  expect(channel.stats()).toMatchObject({ sending: 0, sent: 5 });
});

test('a receiver does not overtake those of its own who wait', async () => {
  const channel = bench.create();
  const got = channel.receiver().receive();
  channel.sender().trySend(bytesOf(1));
  expect(channel.receiver().tryReceive()).toBeUndefined();
  expect(channel.receiver().tryReceiveMany(3)).toEqual([]);
  expect(contents(await got)).toEqual([1]);
});

test('deadlines, and who they let pass', async () => {
  const channel = bench.create({ capacity: 1 });
  const [sender, receiver] = [channel.sender(), channel.receiver()];
  const got = failureOf(receiver.receive({ deadlineMs: 20 }));
  await bench.pass(19);
  expect(channel.stats().receiving).toBe(1);
  await bench.pass(1);
  expect(await got).toBe('ERR_MEMORY_TIMEOUT');
  sender.trySend(bytesOf(0));
  const first = failureOf(sender.send(bytesOf(1), { deadlineMs: 5 }));
  const second = sender.send(bytesOf(2), { deadlineMs: '1s' });
  await bench.pass(5);
  expect(await first).toBe('ERR_MEMORY_TIMEOUT');
  expect(contents(receiver.tryReceive())).toEqual([0]);
  await second;
  expect(contents(receiver.tryReceive())).toEqual([2]);
  expect(await failureOf(receiver.receive({ deadlineMs: -1 }))).toMatch(/OUT_OF_RANGE|INVALID_ARGUMENT/);
});

test('signals', async () => {
  const channel = bench.create({ capacity: 1 });
  const [sender, receiver] = [channel.sender(), channel.receiver()];
  expect(await failureOf(receiver.receive({ signal: AbortSignal.abort() }))).toBe('ERR_MEMORY_ABORTED');
  const stop = new AbortController();
  const remove = jest.spyOn(stop.signal, 'removeEventListener');
  const served = receiver.receive({ signal: stop.signal });
  sender.trySend(bytesOf(8));
  expect(contents(await served)).toEqual([8]);
  expect(remove).toHaveBeenCalled(); // a signal that lives on keeps nothing of it
  const got = failureOf(receiver.receive({ signal: stop.signal }));
  stop.abort(new Error('mine'));
  expect(await got).toBe('ERR_MEMORY_ABORTED');
  sender.trySend(bytesOf(0));
  const again = new AbortController();
  const [first, second] = [failureOf(sender.send(bytesOf(1), { signal: again.signal })), sender.send(bytesOf(2))];
  again.abort();
  expect(await first).toBe('ERR_MEMORY_ABORTED');
  expect([contents(receiver.tryReceive()), await second]).toEqual([[0], undefined]);
  expect(contents(receiver.tryReceive())).toEqual([2]);
  expect(await failureOf(receiver.receive({ signal: {} as never }))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  expect(await failureOf(receiver.receive({ deadline: 5 } as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
});

test('an abort at the moment of the message loses nothing and gives nothing twice', async () => {
  const channel = bench.create({ capacity: 8 });
  const [sender, receiver] = [channel.sender(), channel.receiver()];
  let delivered = 0;
  let refused = 0;
  for (let i = 0; i < 200; i += 1) {
    const stop = new AbortController();
    const got = receiver.receive({ signal: stop.signal }).then(
      (message) => {
        delivered += 1;
        message.release();
      },
      () => {
        refused += 1;
      },
    );
    if (i % 3 === 0) stop.abort();
    sender.trySend(bytesOf(i));
    if (i % 3 === 1) stop.abort();
    await got;
    if (i % 3 === 2) stop.abort();
    while (contents(receiver.tryReceive()) !== undefined) delivered += 1;
  }
  expect([delivered, refused > 60]).toEqual([200, true]);
});

test('an abort inside a writer comes too late, and close() inside one ends it', async () => {
  const channel = bench.create({ capacity: 1 });
  const [sender, receiver] = [channel.sender(), channel.receiver()];
  const stop = new AbortController();
  sender.trySend(bytesOf(0));
  const abort = (bytes: Uint8Array): number => {
    stop.abort();
    bytes[0] = 7;
    return 1;
  };
  const first = sender.send(abort, { signal: stop.signal });
  const second = failureOf(sender.send(() => 0, { signal: stop.signal }));
  contents(receiver.tryReceive());
  await first;
  expect(await second).toBe('ERR_MEMORY_ABORTED');
  expect(contents(receiver.tryReceive())).toEqual([7]);
  sender.trySend(bytesOf(0));
  const close = (): number => {
    sender.close();
    return 0;
  };
  const [third, fourth] = [failureOf(sender.send(close)), failureOf(sender.send(bytesOf(1)))];
  contents(receiver.tryReceive());
  expect([await third, await fourth]).toEqual(['ERR_MEMORY_CLOSED', 'ERR_MEMORY_CLOSED']);
  expect([sender.waiting, channel.stats().sending]).toEqual([0, 0]);
  expect(codeOf(() => receiver.tryReceive())).toBe('ERR_MEMORY_CLOSED');
});

test('blocking from inside a writer that is being served is refused', async () => {
  const channel = bench.create({ capacity: 1 });
  const [sender, receiver] = [channel.sender(), channel.receiver()];
  sender.trySend(bytesOf(0));
  const inner: string[] = [];
  const sent = sender.send(() => {
    inner.push(codeOf(() => sender.sendSync(bytesOf(1))));
    return 0;
  });
  contents(receiver.tryReceive());
  await sent;
  expect(inner).toEqual(['ERR_MEMORY_INVALID_STATE']);
});

test.each([
  ['leaves them waiting', false],
  ['ends their waits', true],
])(
  'who comes before the one that is being served, out of its writer, loses nothing; the outer one %s',
  async (_, ends) => {
    const channel = bench.create({ capacity: 1 });
    const [sender, receiver] = [channel.sender(), channel.receiver()];
    const stop = new AbortController();
    sender.trySend(bytesOf(0));
    const inner: Promise<string>[] = [];
    const outer = failureOf(
      sender.send((bytes) => {
        for (const priority of [100, 60])
          inner.push(failureOf(sender.send(bytesOf(priority), { priority, ...(ends ? { signal: stop.signal } : {}) })));
        if (ends) stop.abort();
        bytes[0] = 7;
        return 1;
      }),
    );
    const last = failureOf(sender.send(bytesOf(9)));
    const seen: unknown[] = [];
    for (let turn = 0; turn < 6; turn += 1) {
      await bench.settle();
      const message = contents(receiver.tryReceive());
      if (message !== undefined) seen.push(...message);
    }
    expect([sender.waiting, seen]).toEqual([0, ends ? [0, 7, 9] : [0, 7, 100, 60, 9]]);
    expect(await Promise.all([outer, ...inner, last])).toEqual(
      ends ? ['none', 'ERR_MEMORY_ABORTED', 'ERR_MEMORY_ABORTED', 'none'] : Array(4).fill('none'),
    );
    expect(sender.trySend(bytesOf(1))).toBe(true);
    contents(receiver.tryReceive());
    sender.sendSync(bytesOf(2), { deadlineMs: 200 });
    expect(contents(receiver.tryReceive())).toEqual([2]);
  },
);

test('blocking calls serve those who waited before them, and end at their deadline', async () => {
  const channel = bench.create({ capacity: 4 });
  const [sender, receiver] = [channel.sender(), channel.receiver()];
  expect(codeOf(() => receiver.receiveSync({ deadlineMs: 3 }))).toBe('ERR_MEMORY_TIMEOUT');
  const waits = receiver.receive();
  sender.sendSync(bytesOf(1));
  sender.sendSync(bytesOf(2), { deadlineMs: 1000 });
  expect(contents(receiver.receiveSync())).toEqual([2]);
  expect(contents(await waits)).toEqual([1]);
  for (let i = 0; i < 4; i += 1) sender.sendSync(bytesOf(i));
  expect(codeOf(() => sender.sendSync(bytesOf(9), { deadlineMs: 3 }))).toBe('ERR_MEMORY_TIMEOUT');
  expect(codeOf(() => sender.sendSync(bytesOf(9), { signal: 1 } as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
});

test('many at once', async () => {
  const channel = bench.create({ capacity: 4 });
  const [sender, receiver] = [channel.sender(), channel.receiver()];
  const all = Array.from({ length: 10 }, (_, i) => bytesOf(i));
  expect(sender.trySendMany(all)).toBe(4);
  expect((await receiver.receiveMany(3)).map(contents)).toEqual([[0], [1], [2]]);
  expect((await receiver.receiveMany(3)).map(contents)).toEqual([[3]]);
  const sent = sender.sendMany(all);
  const seen: unknown[] = [];
  while (seen.length < 10) seen.push(...(await receiver.receiveMany(3)).map(contents));
  expect([await sent, seen]).toEqual([10, all.map((bytes) => [...bytes])]);
  expect(await sender.sendMany([])).toBe(0);
  expect(codeOf(() => sender.trySendMany('x' as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  expect(codeOf(() => sender.trySendMany([bytesOf(1), 5 as never]))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  expect(contents(receiver.tryReceive())).toEqual([1]); // what stood before it was sent
  expect(codeOf(() => receiver.tryReceiveMany(0))).toBe('ERR_MEMORY_OUT_OF_RANGE');
  expect(await failureOf(receiver.receiveMany(1.5))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
});

test('reservations wait for room', async () => {
  const channel = bench.create({ capacity: 1 });
  const [sender, receiver] = [channel.sender(), channel.receiver()];
  const first = await sender.reserve(1);
  const second = sender.reserve(2, { deadlineMs: 100 });
  first.commit();
  contents(receiver.tryReceive());
  const place = await second;
  place.bytes.set([3, 4]);
  place.commit();
  expect(contents(receiver.tryReceive())).toEqual([3, 4]);
});

test('who cannot be woken is found by looking: the next one within 16 ms', async () => {
  const channel = bench.create({ capacity: 1 });
  const far = bench.attach({ handle: channel.remoteHandle } as never); // as from another process: no common wake
  far.sender();
  const got = channel.receiver().receive();
  await bench.pass(100);
  far.sender().trySend(bytesOf(1));
  await bench.settle();
  expect(channel.stats().receiving).toBe(1);
  await bench.pass(16);
  expect(contents(await got)).toEqual([1]);
  far.sender().trySend(bytesOf(2));
  const sent = far.sender().send(bytesOf(3));
  await bench.pass(40);
  contents(channel.receiver().tryReceive());
  await bench.pass(16);
  await sent;
});

test('what comes between the look and the sign is not slept over', async () => {
  const channel = bench.create();
  const other = bench.attach(channel);
  const { wake } = insides(channel);
  const prepare = wake.prepare.bind(wake);
  jest.spyOn(wake, 'prepare').mockImplementationOnce((side) => {
    other.sender().trySend(bytesOf(1)); // sees no sign and wakes nobody
    prepare(side);
  });
  const got = channel.receiver().receive();
  await bench.settle();
  expect([channel.stats().receiving, contents(await got)]).toEqual([0, [1]]);
});

test('a loop of calls that never wait lets the event loop have its turns', async () => {
  const channel = bench.create({ capacity: 1024 });
  const [sender, receiver] = [channel.sender(), channel.receiver()];
  let turns = 0;
  let going = true;
  const count = (): void => {
    turns += 1;
    if (going) setImmediate(count);
  };
  setImmediate(count);
  for (let i = 0; i < 4096; i += 1) {
    await sender.send(bytesOf(1));
    contents(await receiver.receive());
  }
  going = false;
  expect(turns).toBeGreaterThan(4);
  await bench.settle();
});
