import * as fc from 'fast-check';
import { isMemoryError } from '../../../lib/core';
import { Region } from '../../../lib/platform';
import { Channel } from '../../../lib/pools';
import { CHANNEL_VERSION, HEAD } from '../../../lib/pools/channel/layout';
import { Bench, bytesOf, codeOf, contents, failureOf, insides } from './support';

const bench = new Bench();
afterEach(() => bench.close());

describe('odd arguments', () => {
  test.each([
    [{ capacity: 0 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ capacity: 2 ** 20 + 1 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ capacity: 1.5 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ messageBytes: 0 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ messageBytes: '3 apples' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ messageBytes: '1GiB', capacity: 2 }, 'ERR_MEMORY_TOO_LARGE'],
    [{ messageBytes: '3GiB' }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ owners: 0 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ owners: 1024 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ name: 5 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ blocks: {} }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ blocks: null }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ size: 5 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [null, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [[], 'ERR_MEMORY_INVALID_ARGUMENT'],
  ])('create refuses %p', (options, code) => {
    expect(codeOf(() => Channel.create(options as never))).toBe(code);
  });

  test('receiver() and attach() refuse what they do not know', () => {
    const channel = bench.create();
    expect(codeOf(() => channel.receiver({ copy: 1 } as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => channel.receiver({ copies: true } as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => Channel.attach(channel.handle, { capacity: 5 } as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => Channel.attach(channel.handle, { blocks: 5 } as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(channel.peers()).toHaveLength(1);
  });

  const unreadable = new Proxy(
    {},
    {
      get: () => {
        throw new Error('no');
      },
    },
  );
  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a number', 5],
    ['a text', 'x'],
    ['an empty object', {}],
    ['a type alone', { type: 'nebula-memory.channel' }],
    ['a name of a number', { type: 'nebula-memory.channel', version: CHANNEL_VERSION, name: 5, region: {} }],
    ['no region', { type: 'nebula-memory.channel', version: CHANNEL_VERSION, name: 'x', region: {} }],
    ['unreadable', unreadable],
  ])('no handle is what is %s', (_, handle) => {
    expect(codeOf(() => Channel.attach(handle as never))).toMatch(/INVALID_ARGUMENT|UNSUPPORTED/);
  });

  test('a handle whose wake is something else is a handle without one', () => {
    const channel = bench.create();
    for (const wake of [5, 'x', {}, new SharedArrayBuffer(4), new ArrayBuffer(400)]) {
      const other = Channel.attach({ ...channel.handle, wake } as never);
      channel.sender().trySend(bytesOf(1));
      expect(contents(other.receiver().tryReceive())).toEqual([1]);
      channel.receiver();
      other.close();
    }
  });
});

describe('a region that is no channel', () => {
  const attempt = (change: (words: Int32Array) => void): string => {
    const channel = bench.create({ capacity: 4 });
    change(insides(channel).words);
    return codeOf(() => Channel.attach(channel.handle));
  };

  test.each<[string, (words: Int32Array) => void, string]>([
    ['zeros', (words) => words.fill(0, 0, 16), 'ERR_MEMORY_CORRUPTION'],
    ['another version', (words) => (words[HEAD.version] = 2), 'ERR_MEMORY_UNSUPPORTED'],
    ['never finished', (words) => (words[HEAD.ready] = 0), 'ERR_MEMORY_CORRUPTION'],
    ['no places', (words) => (words[HEAD.owners] = 0), 'ERR_MEMORY_CORRUPTION'],
    ['too many places', (words) => (words[HEAD.owners] = 1023), 'ERR_MEMORY_CORRUPTION'],
    ['an odd capacity', (words) => (words[HEAD.capacity] = 3), 'ERR_MEMORY_CORRUPTION'],
    ['a negative capacity', (words) => (words[HEAD.capacity] = -1), 'ERR_MEMORY_CORRUPTION'],
    ['more messages than fit', (words) => (words[HEAD.capacity] = 2 ** 20), 'ERR_MEMORY_CORRUPTION'],
    ['larger messages than fit', (words) => (words[HEAD.messageBytes] = 2 ** 30), 'ERR_MEMORY_CORRUPTION'],
    ['messages of -1 bytes', (words) => (words[HEAD.messageBytes] = -1), 'ERR_MEMORY_CORRUPTION'],
  ])('%s', (_, change, code) => {
    expect(attempt(change)).toBe(code);
  });

  test('another version in the handle, and a region of something else', () => {
    const channel = bench.create();
    expect(codeOf(() => Channel.attach({ ...channel.handle, version: 2 }))).toBe('ERR_MEMORY_UNSUPPORTED');
    using short = Region.shared(64);
    expect(codeOf(() => Channel.attach({ ...channel.handle, region: short.handle }))).toBe('ERR_MEMORY_CORRUPTION');
    using other = Region.shared(100_000);
    other.bytes.fill(255);
    expect(codeOf(() => Channel.attach({ ...channel.handle, region: other.handle }))).toBe('ERR_MEMORY_CORRUPTION');
  });
});

describe('words that were overwritten', () => {
  test('a length that cannot be is told, and the message skipped', () => {
    const channel = bench.create({ capacity: 4, messageBytes: 8 });
    const { words, ring } = insides(channel);
    for (const length of [-1, 9, 2 ** 31 - 1]) {
      channel.sender().trySend(bytesOf(1));
      const at = ring.cellOf(((words[HEAD.tail] as number) - 1) & 3);
      words[at + 1] = length;
      channel.sender().trySend(bytesOf(2));
      expect(codeOf(() => channel.receiver().tryReceive())).toBe('ERR_MEMORY_CORRUPTION');
      expect(contents(channel.receiver().tryReceive())).toEqual([2]);
    }
  });

  test('positions that lead nowhere are told, by who waits too', async () => {
    const channel = bench.create({ capacity: 4, messageBytes: 8 });
    const { words, ring } = insides(channel);
    const got = failureOf(channel.receiver().receive());
    words[HEAD.tail] = 1000; // and every cell is free for the first lap
    await bench.pass(120);
    expect(await got).toBe('ERR_MEMORY_CORRUPTION');
    for (let i = 0; i < 4; i += 1) words[ring.cellOf(i)] = 0x3fff_e000;
    words[HEAD.tail] = 0;
    expect(codeOf(() => channel.sender().trySend(bytesOf(1)))).toBe('ERR_MEMORY_CORRUPTION');
  });

  test('a message that is taken out of the hands of its sender or receiver', () => {
    const channel = bench.create({ capacity: 4, messageBytes: 8 });
    const { words, ring } = insides(channel);
    const place = channel.sender().tryReserve();
    words[ring.cellOf(0)] = 0;
    expect(codeOf(() => place?.commit())).toBe('ERR_MEMORY_CORRUPTION');
  });

  test('a cell in the name of an empty place holds up nobody', async () => {
    const channel = bench.create({ capacity: 4, messageBytes: 8, owners: 8 });
    const { words, ring } = insides(channel);
    const place = channel.sender().tryReserve();
    channel.sender().trySend(bytesOf(5));
    words[ring.cellOf(0)] = ((words[ring.cellOf(0)] as number) & ~0x3ff) | 7;
    const got = channel.receiver().receive();
    await bench.pass(120);
    expect(contents(await got)).toEqual([5]);
    expect(codeOf(() => place?.commit())).toBe('ERR_MEMORY_CORRUPTION');
  });

  /** Runs it; only a MemoryError may come out. */
  const attempt = (work: () => unknown): void => {
    try {
      work();
    } catch (error) {
      if (!isMemoryError(error)) throw error;
    }
  };

  test('never come out as anything but an error', () => {
    const value = fc.oneof(
      fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      fc.constantFrom(-1, 0, 1, 0x400, 0xc01, 0x800),
    );
    const step = fc.oneof(
      fc.record({ what: fc.constant('write' as const), at: fc.nat(), value }),
      fc.record({ what: fc.constantFrom('send', 'receive', 'release', 'reserve', 'commit', 'look') }),
    );
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 80 }), (steps) => {
        const channel = Channel.create({ capacity: 4, messageBytes: 8, owners: 3 });
        const other = Channel.attach(channel.handle);
        const { words, ring } = insides(channel);
        // The bookkeeping of the ring: positions, signs, and the words of its cells.
        const places = [8, 9, 10, HEAD.tail, HEAD.head, HEAD.blockedSenders, HEAD.blockedReceivers];
        for (let i = 0; i < 4; i += 1) places.push(ring.cellOf(i), ring.cellOf(i) + 1, ring.cellOf(i) + 2);
        const held: { release(): void }[] = [];
        const reserved: { commit(): void }[] = [];
        for (const each of steps) {
          attempt(() => {
            if (each.what === 'write') words[places[each.at % places.length] as number] = each.value;
            else if (each.what === 'send') other.sender().trySend(bytesOf(1, 2, 3));
            else if (each.what === 'release') held.pop()?.release();
            else if (each.what === 'commit') reserved.pop()?.commit();
            else if (each.what === 'look') insides(other).look('test', 'senders');
            else if (each.what === 'reserve') {
              const place = other.sender().tryReserve();
              if (place !== undefined) reserved.push(place);
              place?.bytes.fill(1);
            } else {
              const message = channel.receiver().tryReceive();
              if (message === undefined) return;
              held.push(message);
              expect(message.bytes.length).toBe(message.byteLength);
              expect(message.byteLength).toBeLessThanOrEqual(24);
            }
          });
        }
        attempt(() => other.close());
        attempt(() => channel.close());
      }),
      { numRuns: Number(process.env['FUZZ_RUNS'] ?? 300) },
    );
  });
});
