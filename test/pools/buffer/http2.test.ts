import { once } from 'node:events';
import { connect, createServer, type Http2ServerResponse } from 'node:http2';
import type { Socket } from 'node:net';
import { BufferPool, endPooled, type PooledBuffer, pooledBody, sendPooled } from '../../../lib';
import { expectBytes, listening, pattern, patterned, until } from './loopback';

const BODY = 1_000_000;
const BIG = 16_000_000; // more than two sockets take

/** Answers each request by one way to send a lease. */
const ANSWERS: readonly [string, (response: Http2ServerResponse, lease: PooledBuffer) => Promise<void> | undefined][] =
  [
    ['endPooled', (response, lease) => endPooled(response, lease)],
    ['endPooled of the stream', (response, lease) => endPooled(response.stream, lease)],
    [
      'sendPooled and end',
      (response, lease) => {
        const sent = sendPooled(response, lease);
        void sent.then(
          () => response.end(),
          () => {},
        );
        return sent;
      },
    ],
    ['pooledBody', (response, lease) => void response.end(pooledBody(response, lease))],
  ];

function frame(type: number, flags: number, stream: number, ...payload: number[]): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, Buffer.from(payload)]);
}

const MOST_WINDOW = [0x7f, 0xff, 0xff, 0xff];
const HELLO = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(4, 0, 0, 0, 4, ...MOST_WINDOW), // SETTINGS: takes as much as there is
  frame(8, 0, 0, 0x7f, 0xff, 0, 0), // WINDOW_UPDATE
]);
const GET = [0x82, 0x86, 0x84, 0x41, 0x01, 0x78];

/** What a client sees of what it is sent. */
class Frames {
  /** Pings that it has to answer. */
  readonly pings: Buffer[] = [];
  /** Bytes of the next holders. */
  foreign = 0;
  private rest: Buffer = Buffer.alloc(0);

  add(part: Buffer): void {
    this.rest = Buffer.concat([this.rest, part]);
    while (this.rest.length >= 9) {
      const length = 9 + this.rest.readUIntBE(0, 3);
      if (this.rest.length < length) return;
      const [type, flags] = [this.rest[3], this.rest[4]];
      const payload = this.rest.subarray(9, length);
      if (type === 6 && flags === 0) this.pings.push(payload);
      if (type === 0) this.foreign += payload.filter((byte) => byte === 90).length;
      this.rest = this.rest.subarray(length);
    }
  }
}

describe.each(ANSWERS)('http2, %s', (_, answer) => {
  test('bodies arrive and each lease comes back', async () => {
    using pool = new BufferPool({ reuse: 'safe' });
    const server = createServer((_request, response) => {
      void answer(response as Http2ServerResponse, patterned(pool, BODY));
    });
    await using at = await listening(server as never);
    const client = connect(at.url);
    for (let i = 0; i < 3; i++) {
      const parts: Buffer[] = [];
      const request = client.request({ ':path': '/' });
      request.on('data', (part) => parts.push(part));
      await once(request, 'end');
      expectBytes(Buffer.concat(parts), pattern(new Uint8Array(BODY)));
    }
    await until(() => pool.borrowed === 0);
    expect(pool.stats()).toMatchObject({ acquires: 3, releases: 3 });
    client.destroy();
  });

  test.each([true, false])(
    'a stream that is destroyed while the session sends: kept until that went (ping answered: %s)',
    async (answers) => {
      using pool = new BufferPool({ reuse: 'fast', maxBytes: BIG });
      const leases: PooledBuffer[] = [];
      const responses: Http2ServerResponse[] = [];
      const codes: unknown[] = [];
      const server = createServer((_request, response) => {
        const lease = pool.acquire(BIG);
        lease.bytes.fill(65);
        leases.push(lease);
        responses.push(response as Http2ServerResponse);
        answer(response as Http2ServerResponse, lease)?.then(
          () => codes.push('fine'),
          (error) => codes.push(error.code),
        );
      });
      await using at = await listening(server as never);
      const client: Socket = at.client();
      client.pause();
      client.write(HELLO);
      for (const id of [1, 3]) {
        client.write(frame(1, 5, id, ...GET));
        await until(() => leases.length > 0); // the second may be read only after the first has gone
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(leases[0]?.held).toBe(true);
      for (const { stream } of responses) stream.destroy();
      await new Promise((resolve) => setTimeout(resolve, 50));
      for (let i = 0; i < 3; i++) pool.acquire(BIG).bytes.fill(90); // the next holders
      const frames = new Frames();
      let answered = 0;
      client.on('data', (part: Buffer) => {
        frames.add(part);
        if (!answers) return;
        for (const ping of frames.pings.slice(answered)) client.write(frame(6, 1, 0, ...ping));
        answered = frames.pings.length;
      });
      client.resume();
      if (answers) {
        await until(() => leases.every((lease) => !lease.held));
      } else {
        await until(() => frames.pings.length > 0);
        await new Promise((resolve) => setTimeout(resolve, 20));
        expect(leases.filter((lease) => lease.held).length).toBeGreaterThan(0);
        client.destroy();
        await until(() => leases.every((lease) => !lease.held));
      }
      expect(frames.foreign).toBe(0);
      if (_ !== 'pooledBody') await until(() => codes.length === leases.length);
      client.destroy();
    },
  );
});
