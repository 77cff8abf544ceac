import { Channel } from '../../../lib/pools';
import type { Mode } from '../../support/hands';
import { Crew } from './crew';

// Threads and processes of the built package on a channel of this one. Every message says who sent it and which one it is,
// with bytes and a sum that follow from both; all of them are marked where they come.

const MESSAGES = Number(process.env['STRESS_OPERATIONS'] ?? 20_000);
const SEED = Number(process.env['STRESS_SEED'] ?? Date.now() % 100_000);
const MESSAGE_BYTES = 64;

function random(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}
let state = SEED;

async function withCrew(
  options: { capacity: number; senders: number; perSender: number },
  work: (crew: Crew, channel: Channel) => Promise<void>,
): Promise<void> {
  const channel = Channel.create({ capacity: options.capacity, messageBytes: MESSAGE_BYTES });
  const crew = new Crew(channel, options.senders, options.perSender);
  try {
    await work(crew, channel);
  } finally {
    await crew.killAll();
    crew.close();
    channel.close();
  }
}

describe.each<Mode>(['threads', 'processes'])('%s', (mode) => {
  test.each(['async', 'sync', 'many', 'reserve'])('two senders (%s) and three receivers: each message once', (way) =>
    withCrew({ capacity: 64, senders: 2, perSender: MESSAGES }, async (crew, channel) => {
      const receiver = channel.receiver();
      await crew.begin(mode, { role: 'receive', way: 'copy' });
      await crew.begin(mode, { role: 'receive', way: 'sync' });
      const hands = [await crew.begin(mode, { role: 'send', way }), await crew.begin(mode, { role: 'send', way })];
      const before = [-1, -1, -1];
      let disorder = 0;
      const alive = setInterval(() => {}, 1000);
      for await (const message of receiver) {
        const { sender, number } = crew.take(message);
        if (number <= (before[sender] as number)) disorder += 1;
        before[sender] = number;
      }
      clearInterval(alive);
      expect(await Promise.all(hands.map(({ ended }) => ended))).toEqual(['ended', 'ended']);
      await crew.end();
      expect([crew.marked, crew.bad, disorder, channel.stats().lost]).toEqual([2 * MESSAGES, 0, 0, 0]);
      const whole = { last: MESSAGES - 1, missing: 0, twice: 0 };
      expect([crew.marksOf(1), crew.marksOf(2)]).toEqual([whole, whole]);
    }),
  );

  test('senders that are killed at any moment: what came is whole, in order, once, and the others go on', () =>
    withCrew({ capacity: 16, senders: 12, perSender: 2_000_000 }, async (crew, channel) => {
      channel.sender(); // so that the stream does not end between two of them
      const receiver = channel.receiver();
      const next = Array<number>(14).fill(0);
      let going = true;
      let gaps = 0;
      const taking = (async () => {
        while (going) {
          const message = receiver.tryReceive();
          if (message === undefined) {
            await new Promise((resolve) => setImmediate(resolve));
            continue;
          }
          const { sender, number } = crew.take(message);
          if (number !== next[sender]) gaps += 1; // none is missing before one that came
          next[sender] = number + 1;
        }
      })();
      const ways = ['sync', 'async', 'reserve', 'many'];
      const hands = [];
      for (let i = 0; i < 3; i += 1) hands.push(await crew.begin(mode, { role: 'send', way: ways[i] as string }));
      for (let deaths = 0; deaths < 8; deaths += 1) {
        await crew.more(MESSAGES / 20 + random(500));
        const [victim] = hands.splice(random(hands.length), 1);
        expect(await victim?.kill()).toBe(mode === 'threads' ? 'terminated' : 'SIGKILL');
        hands.push(await crew.begin(mode, { role: 'send', way: ways[random(4)] as string }));
      }
      await crew.more(200);
      for (const hand of hands) await hand.kill();
      channel.recover();
      going = false;
      await taking;
      for (const message of receiver.tryReceiveMany(16)) crew.take(message);
      expect([crew.bad, gaps]).toEqual([0, 0]);
      for (let sender = 1; sender <= 11; sender += 1)
        expect(crew.marksOf(sender)).toMatchObject({ missing: 0, twice: 0 });
      expect(channel.peers()).toHaveLength(1);
      expect(channel.stats()).toMatchObject({ length: 0, held: 0 });
      // All of it is usable.
      for (let i = 0; i < 16; i += 1) expect(channel.sender().trySend(new Uint8Array(1))).toBe(true);
      expect(channel.sender().trySend(new Uint8Array(1))).toBe(false);
    }));

  test('receivers that are killed at any moment lose what they held, and nothing comes twice', () =>
    withCrew({ capacity: 16, senders: 2, perSender: 2_000_000 }, async (crew, channel) => {
      channel.receiver(); // so that the senders are not told that nobody is there
      await crew.begin(mode, { role: 'send', way: 'sync' });
      await crew.begin(mode, { role: 'send', way: 'async' });
      const ways = ['sync', 'async', 'many'];
      const hands = [];
      for (let i = 0; i < 2; i += 1) hands.push(await crew.begin(mode, { role: 'receive', way: ways[i] as string }));
      for (let deaths = 0; deaths < 6; deaths += 1) {
        await crew.more(MESSAGES / 20 + random(500));
        const [victim] = hands.splice(random(hands.length), 1);
        expect(await victim?.kill()).toBe(mode === 'threads' ? 'terminated' : 'SIGKILL');
        hands.push(await crew.begin(mode, { role: 'receive', way: ways[random(3)] as string }));
      }
      await crew.more(200);
      await crew.end();
      channel.recover();
      const [first, second] = [crew.marksOf(1), crew.marksOf(2)];
      expect([crew.bad, first.twice, second.twice]).toEqual([0, 0, 0]);
      // Each can have had up to 16 messages that it had not marked yet.
      expect(first.missing + second.missing).toBeLessThanOrEqual(6 * 16);
    }));
});
