import * as fc from 'fast-check';
import { Channel } from '../../../lib/pools';
import type { ChannelMessage } from '../../../lib/pools/channel/message';
import type { ChannelReservation } from '../../../lib/pools/channel/reservation';
import { bytesOf } from './support';

// Three attachments of one thread do anything in any order, beside a model: a list of positions in their order, each being
// written, a message, or given up, and at most `capacity` of them from the oldest one that is not released.

type Place = { state: 'writing' | 'full' | 'void' | 'reading' | 'done'; value: number };

class Model {
  readonly places: Place[] = [];
  readonly capacity: number;
  private head = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** The next place, unless the one a round before it is in use. */
  claim(value: number): Place | undefined {
    const before = this.places[this.places.length - this.capacity];
    if (before !== undefined && before.state !== 'done' && before.state !== 'void') return undefined;
    const place: Place = { state: 'writing', value };
    this.places.push(place);
    return place;
  }

  take(): Place | undefined {
    while (this.places[this.head]?.state === 'void') this.head += 1;
    const place = this.places[this.head];
    if (place?.state !== 'full') return undefined;
    place.state = 'reading';
    this.head += 1;
    return place;
  }
}

const step = fc.record({
  who: fc.nat({ max: 2 }),
  what: fc.constantFrom('send', 'send', 'receive', 'receive', 'release', 'reserve', 'commit', 'cancel', 'leave'),
  which: fc.nat(),
});

test.each([1, 2, 8])('a channel of %i does what a list does', (capacity) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const first = Channel.create({ capacity, messageBytes: 4, owners: 4 });
      const keeper = Channel.attach(first.handle); // keeps both sides there
      keeper.sender();
      keeper.receiver();
      const channels = [first, Channel.attach(first.handle), Channel.attach(first.handle)];
      const model = new Model(capacity);
      const reserved: { who: number; place: Place; ours: ChannelReservation }[] = [];
      const held: { who: number; place: Place; ours: ChannelMessage }[] = [];
      let next = 0;
      for (const { who, what, which } of steps) {
        const channel = channels[who] as Channel;
        if (what === 'send') {
          const place = model.claim((next += 1) & 255);
          if (place !== undefined) place.state = 'full';
          expect(channel.sender().trySend(bytesOf(next & 255))).toBe(place !== undefined);
        } else if (what === 'reserve') {
          const place = model.claim((next += 1) & 255);
          const ours = channel.sender().tryReserve(1);
          expect(ours !== undefined).toBe(place !== undefined);
          if (place !== undefined && ours !== undefined) reserved.push({ who, place, ours });
        } else if (what === 'receive') {
          const place = model.take();
          const ours = channel.receiver().tryReceive();
          expect(ours?.bytes[0]).toBe(place?.value);
          if (place !== undefined && ours !== undefined) held.push({ who, place, ours });
        } else if (what === 'release') {
          const [one] = held.splice(which % Math.max(1, held.length), 1);
          if (one === undefined) continue;
          one.place.state = 'done';
          one.ours.release();
        } else if (what === 'commit' || what === 'cancel') {
          const [one] = reserved.splice(which % Math.max(1, reserved.length), 1);
          if (one === undefined) continue;
          one.place.state = what === 'commit' ? 'full' : 'void';
          one.ours.bytes[0] = one.place.value;
          one.ours[what]();
        } else {
          for (const one of reserved) if (one.who === who) one.place.state = 'void';
          for (const one of held) if (one.who === who) one.place.state = 'done';
          reserved.splice(0, reserved.length, ...reserved.filter((one) => one.who !== who));
          held.splice(0, held.length, ...held.filter((one) => one.who !== who));
          channel.close();
          channels[who] = Channel.attach(keeper.handle);
        }
        expect(keeper.stats().lost).toBe(0);
      }
      // What is held is still what was sent: nobody wrote into it.
      for (const { place, ours } of held) expect(ours.bytes[0]).toBe(place.value);
      for (const channel of [...channels, keeper]) channel.close();
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 200) },
  );
});
