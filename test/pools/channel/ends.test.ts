import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { SharedBlockAllocator } from '../../../lib/allocators';
import { Channel } from '../../../lib/pools';
import type { Mode } from '../../support/hands';
import { Crew } from './crew';
import { codeOf, failureOf, insides } from './support';

// What the living are told when the other side dies.

const LIBRARY = process.env['NEBULA_TEST_LIBRARY'] ?? resolve(__dirname, '../../../dist');
const LEASER = join(__dirname, 'leaser.cjs');
/** Not reached by what is only slow. */
const LATE = '150s';
/** The phase of a message that is there, in the word of its cell. */
const [PHASE, THERE] = [7 << 10, 2 << 10];

function howKilled(mode: Mode): string {
  return mode === 'threads' ? 'terminated' : 'SIGKILL';
}

/** Until all places are messages: its length counts those that are being written, which die with their sender. */
async function full(channel: Channel): Promise<void> {
  const { ring, words } = insides(channel);
  const isThere = (_: unknown, index: number): boolean => (Atomics.load(words, ring.cellOf(index)) & PHASE) === THERE;
  while (!Array.from({ length: ring.capacity }).every(isThere)) await new Promise((next) => setTimeout(next, 1));
}

async function withCrew(work: (crew: Crew, channel: Channel) => Promise<void>): Promise<void> {
  const channel = Channel.create({ capacity: 8 });
  const crew = new Crew(channel, 4, 1000);
  try {
    await work(crew, channel);
  } finally {
    await crew.killAll();
    crew.close();
    channel.close();
  }
}

describe.each<Mode>(['threads', 'processes'])('%s', (mode) => {
  test('receivers get what was sent by who was killed, and then the end', () =>
    withCrew(async (crew, channel) => {
      const receiver = channel.receiver().ref();
      const hands = [
        await crew.begin(mode, { role: 'send', way: 'async' }),
        await crew.begin(mode, { role: 'send', way: 'sync' }),
      ];
      await full(channel);
      for (const hand of hands) expect(await hand.kill()).toBe(howKilled(mode));
      let count = 0;
      for await (const message of receiver) {
        crew.take(message);
        count += 1;
      }
      expect([count >= 8, crew.bad, crew.marksOf(1).missing, crew.marksOf(2).missing]).toEqual([true, 0, 0, 0]);
      expect(codeOf(() => receiver.receiveSync())).toBe('ERR_MEMORY_CLOSED');
      expect(codeOf(() => receiver.tryReceive())).toBe('ERR_MEMORY_CLOSED');
    }));

  test('a blocked receiver too, and one that waits meanwhile', () =>
    withCrew(async (crew, channel) => {
      const hand = await crew.begin(mode, { role: 'send', way: 'async', messages: 3 });
      for (let i = 0; i < 3; i += 1) crew.take(channel.receiver().receiveSync({ deadlineMs: LATE }));
      expect(await hand.ended).toBe('ended');
      expect(codeOf(() => channel.receiver().receiveSync({ deadlineMs: LATE }))).toBe('ERR_MEMORY_CLOSED');
      const last = await crew.begin(mode, { role: 'send', way: 'sync' });
      await full(channel);
      for (const message of await channel.receiver().receiveMany(8)) crew.take(message);
      const killed = last.kill();
      let code = 'none';
      while (code === 'none') {
        code = await failureOf(
          channel
            .receiver()
            .receive({ deadlineMs: LATE })
            .then((message) => crew.take(message)),
        );
      }
      expect([code, await killed]).toEqual(['ERR_MEMORY_CLOSED', howKilled(mode)]);
    }));

  test('what was begun by who was killed is skipped, and what it held is free', () =>
    withCrew(async (crew, channel) => {
      const [sender, receiver] = [channel.sender(), channel.receiver()];
      const writes = await crew.begin(mode, { role: 'send', way: 'hold' });
      const reads = await crew.begin(mode, { role: 'receive', way: 'hold' });
      sender.trySend(new Uint8Array(1)); // behind the place that is never filled
      expect(receiver.tryReceive()).toBeUndefined();
      expect(await writes.kill()).toBe(howKilled(mode));
      channel.recover();
      while (channel.stats().length > 0) await new Promise((next) => setTimeout(next, 1)); // the other one takes it
      for (let i = 0; i < 7; i += 1) expect(sender.trySend(Uint8Array.of(i))).toBe(true);
      expect(sender.trySend(new Uint8Array(1))).toBe(false); // of eight places one is held
      expect(await reads.kill()).toBe(howKilled(mode));
      await sender.send(Uint8Array.of(7), { deadlineMs: LATE });
      for (let i = 0; i < 8; i += 1) {
        const message = await receiver.receive({ deadlineMs: LATE });
        expect([...message.bytes]).toEqual([i]);
        message.release();
      }
      expect(channel.stats()).toMatchObject({ lost: 2, length: 0 });
      expect(channel.peers()).toHaveLength(1);
    }));

  test('senders are told when the last receiver was killed', () =>
    withCrew(async (crew, channel) => {
      const hand = await crew.begin(mode, { role: 'receive', way: 'sync' });
      const sender = channel.sender();
      const message = new Uint8Array(64);
      for (let i = 0; i < 20; i += 1) await sender.send(message.subarray(0, 12), { deadlineMs: LATE });
      const killed = hand.kill();
      let code = 'none';
      while (code === 'none') code = await failureOf(sender.send(message, { deadlineMs: LATE }));
      expect([code, await killed]).toEqual(['ERR_MEMORY_CLOSED', howKilled(mode)]);
      expect(codeOf(() => sender.trySend(message))).toBe('ERR_MEMORY_CLOSED');
      expect(codeOf(() => sender.sendSync(message))).toBe('ERR_MEMORY_CLOSED');
    }));
});

test.each([
  ['adopted', 0],
  ['in its hands', 0],
  ['in the channel', 1],
])('the blocks of leases that a killed process had %s come back or stay where they belong', (what, left) => {
  const text = execFileSync(process.execPath, [LEASER, LIBRARY, what], { encoding: 'utf8', timeout: 170_000 });
  expect(JSON.parse(text)).toEqual({ signal: 'SIGKILL', held: left, again: left });
});

describe('the exit of a process', () => {
  const run = (script: string): string =>
    execFileSync(process.execPath, ['-e', `const { Channel } = require(${JSON.stringify(LIBRARY)});${script}`], {
      encoding: 'utf8',
      timeout: 170_000,
    });

  test('is not held up by who waits without a deadline', () => {
    const script =
      'const c = Channel.create({ capacity: 1 }); c.sender().trySend(new Uint8Array(1)); c.sender().send(new Uint8Array(1));' +
      'const d = Channel.create(); d.sender(); d.receiver().receive(); console.log("over");';
    expect(run(script)).toBe('over\n');
  });

  test('waits for a deadline, and for who was told to by ref()', () => {
    const late = 'd.receiver().receive({ deadlineMs: 30 }).catch((error) => console.log(error.code));';
    expect(run(`const d = Channel.create(); d.sender(); ${late}`)).toBe('ERR_MEMORY_TIMEOUT\n');
    const kept =
      'const d = Channel.create(); const r = d.receiver().ref(); r.receive().then(() => { console.log("came"); });' +
      'setTimeout(() => d.sender().trySend(new Uint8Array(1)), 200).unref();';
    expect(run(kept)).toBe('came\n');
  });
});

test('a block allocator is what `blocks` takes', () => {
  using blocks = SharedBlockAllocator.create({ blockBytes: 64, blocks: 1 });
  using channel = Channel.create({ blocks });
  channel.sender().trySend(blocks.acquire());
  using box = channel.receiver().tryReceive()?.adopt();
  expect(box?.held).toBe(true);
});
