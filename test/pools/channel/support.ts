import { Channel, type ChannelOptions } from '../../../lib/pools';
import type { Attachment } from '../../../lib/pools/channel/attachment';
import { FakeTime } from '../../support/fake-time';

export { codeOf, thrown } from '../../platform/region/support';

/** The code with which a promise fails; 'none' when it does not. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'none';
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
}

/** What stands behind a channel. */
export function insides(channel: Channel): Attachment {
  return (channel as unknown as { at: Attachment }).at;
}

/** Channels of one test, closed after it, in a time that stands still until it is moved. */
export class Bench {
  readonly time = new FakeTime();
  private readonly all: Channel[] = [];

  create(options: ChannelOptions = {}): Channel {
    const made = Channel.create({ timers: this.time, ...options });
    this.all.push(made);
    return made;
  }

  /** Another attachment, as another thread would have it. */
  attach(channel: Channel, options: Parameters<typeof Channel.attach>[1] = {}): Channel {
    const made = Channel.attach(channel.handle, { timers: this.time, ...options });
    this.all.push(made);
    return made;
  }

  /** Lets what was woken run. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Moves the time on, a millisecond after the other. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 1) {
      this.time.advance(1);
      await Promise.resolve();
    }
    await this.settle();
  }

  close(): void {
    for (const channel of this.all.splice(0)) channel.close();
    expect(this.time.pending).toBe(0);
  }
}

export function bytesOf(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}

/** Takes a message out. */
export function contents(message: { readonly bytes: Uint8Array; release(): void } | undefined): number[] | undefined {
  if (message === undefined) return undefined;
  const values = [...message.bytes];
  message.release();
  return values;
}
