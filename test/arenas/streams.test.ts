// Streams around a ring that are broken off at any point: no buffer stays away, and no consumer sees another's bytes.
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { createServer, get, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { type BufferLease, StreamingArena } from '../../lib/arenas';
import { asyncCodeOf, codeOf } from './support';

const data = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 31 + (i >> 8)) & 255));
let folder = '';
let path = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nebula-streams-'));
  path = join(folder, 'data');
  writeFileSync(path, data);
});
afterAll(() => rmSync(folder, { recursive: true }));

const turn = () => new Promise((done) => setImmediate(done));

/** The ring's leased buffers once everything under way has ended: on a loaded machine a read takes its time. */
async function leasedAfter(ring: StreamingArena): Promise<number> {
  for (let i = 0; i < 10_000 && ring.stats().leasedBuffers > 0; i += 1) await sleep(5);
  return ring.stats().leasedBuffers;
}

function endless(type: 'bytes' | undefined, canceled?: () => void): ReadableStream<Uint8Array> {
  const source = {
    type,
    pull: (controller: { enqueue(chunk: Uint8Array): void }) => controller.enqueue(new Uint8Array(5000).fill(1)),
    cancel: canceled,
  };
  return new ReadableStream<Uint8Array>(source as object);
}

async function bytesOf(leases: AsyncIterable<BufferLease>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (using lease of leases) parts.push(Buffer.from(lease.bytes));
  return Buffer.concat(parts);
}

const wrappers: readonly (readonly [string, (ring: StreamingArena, source: AsyncIterable<Uint8Array>) => Readable])[] =
  [
    ['Readable.from(ring.stream())', (ring, source) => Readable.from(ring.stream(source))],
    ['ring.readable()', (ring, source) => ring.readable(source)],
  ];

describe.each(wrappers)('%s', (_name, wrap) => {
  async function* pieces(count: number): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < count; i += 1) yield new Uint8Array(4096).fill(i);
  }

  // 3 pieces: the source has ended before the consumer leaves; 100: it waits for a buffer then.
  test.each([3, 100])('broken off again and again, with a source of %i', async (count) => {
    using ring = new StreamingArena(4096, { buffers: 4 });
    for (let round = 0; round < 12; round += 1) {
      for await (const lease of wrap(ring, pieces(count)) as AsyncIterable<BufferLease>) {
        expect(lease.bytes[0]).toBe(0);
        lease.release();
        await turn();
        break;
      }
      expect(await leasedAfter(ring)).toBe(0);
    }
  });

  test('destroyed before anything was read, and while it waits for a buffer', async () => {
    using ring = new StreamingArena(4096, { buffers: 2 });
    const early = wrap(ring, pieces(5));
    early.destroy();
    const taken = [ring.tryAcquire(), ring.tryAcquire()];
    const waiting = wrap(ring, pieces(5));
    waiting.resume();
    await turn();
    expect(ring.stats().waiting).toBe(1);
    waiting.destroy();
    await new Promise((done) => waiting.on('close', done));
    expect(ring.stats().waiting).toBe(0);
    for (const lease of taken) lease?.release();
    expect(ring.stats().leasedBuffers).toBe(0);
  });

  test('destroyed during a read of a file, which ends later', async () => {
    using ring = new StreamingArena(4096, { buffers: 2 });
    const reads: (() => void)[] = [];
    const slow = { read: () => new Promise<{ bytesRead: number }>((done) => reads.push(() => done({ bytesRead: 9 }))) };
    const stream = wrap(ring, slow as never);
    stream.resume();
    await turn();
    stream.destroy();
    await turn();
    expect([reads.length, ring.stats().leasedBuffers]).toEqual([1, 1]); // the read still writes there
    reads[0]?.();
    await new Promise((done) => stream.on('close', done));
    expect(ring.stats().leasedBuffers).toBe(0);
  });

  test('destroyed in the event of a lease leaves that lease to its holder', async () => {
    using ring = new StreamingArena(4096, { buffers: 4 });
    const stream = wrap(ring, pieces(9));
    const lease = await new Promise<BufferLease>((done) => {
      stream.on('data', (got: BufferLease) => {
        expect(got.bytes.length).toBe(4096);
        stream.destroy();
        done(got);
      });
    });
    await new Promise((done) => stream.on('close', done));
    expect([lease.valid, ring.stats().leasedBuffers]).toEqual([true, 1]);
    lease.release();
  });
});

test('ring.readable() leaves what was delivered to its consumer, looked at or not', async () => {
  using ring = new StreamingArena(4096, { buffers: 8 });
  const held: BufferLease[] = [];
  for await (const lease of ring.readable([data.subarray(0, 20_000)])) held.push(lease);
  await sleep(5);
  expect(Buffer.concat(held.map(({ bytes }) => bytes)).equals(data.subarray(0, 20_000))).toBe(true);
  for (const lease of held) lease.release();
  expect(ring.stats().leasedBuffers).toBe(0);
});

test('leaving ring.stream() takes back the leases that nobody looked at, and no others', async () => {
  using ring = new StreamingArena(4096, { buffers: 4 });
  const held: BufferLease[] = [];
  for await (const lease of ring.stream([data])) {
    if (held.push(lease) === 1) lease.bytes;
    if (held.length === 3) break;
  }
  expect(held.map(({ valid }) => valid)).toEqual([true, false, false]);
  expect(codeOf(() => held[1]?.bytes)).toBe('ERR_MEMORY_STALE_HANDLE');
  held[0]?.release();
  expect(ring.stats().leasedBuffers).toBe(0);
});

test('a failing pipeline gives back what was queued on its way', async () => {
  using ring = new StreamingArena(4096, { buffers: 4 });
  for (let round = 0; round < 8; round += 1) {
    const sink = new Writable({
      objectMode: true,
      highWaterMark: 1,
      write(lease: BufferLease, _encoding, callback) {
        lease.release();
        callback(new RangeError('mine'));
      },
    });
    await expect(pipeline(ring.readable([data]), sink)).rejects.toThrow(RangeError);
    expect(await leasedAfter(ring)).toBe(0);
  }
});

describe('bytes', () => {
  test('through pipeline, zlib and a file', async () => {
    using ring = new StreamingArena(4096, { buffers: 2 });
    await using file = await open(path);
    const target = join(folder, 'copy');
    const through = [new PassThrough(), createGzip(), createGunzip()] as const;
    await pipeline(ring.readable(file, { bytes: true }), ...through, createWriteStream(target));
    expect([readFileSync(target).equals(data), ring.stats().leasedBuffers]).toEqual([true, 0]);
  });

  test('chunks stay what they were, however many are kept', async () => {
    using ring = new StreamingArena(4096, { buffers: 1 });
    await using file = await open(path);
    const kept: Buffer[] = [];
    for await (const chunk of ring.readable(file, { bytes: true })) kept.push(chunk);
    expect([Buffer.concat(kept).equals(data), Buffer.isBuffer(kept[0])]).toEqual([true, true]);
  });

  test.each(['local', 'shared'] as const)('as a Response (%s)', async (carrier) => {
    using ring = new StreamingArena(4096, { buffers: 2, carrier });
    await using file = await open(path);
    const body = ring.webStream(file, { bytes: true });
    const got = Buffer.from(await new Response(body).arrayBuffer());
    expect([got.equals(data), ring.stats().leasedBuffers]).toEqual([true, 0]);
  });

  test('a Response that nobody reads to its end', async () => {
    using ring = new StreamingArena(4096, { buffers: 2 });
    for (let round = 0; round < 5; round += 1) {
      let canceled = 0;
      const body = ring.webStream(
        endless(undefined, () => void (canceled += 1)),
        { bytes: true },
      );
      const reader = (new Response(body).body as ReadableStream<Uint8Array>).getReader();
      expect((await reader.read()).value?.length).toBe(4096);
      await reader.cancel();
      expect([canceled, ring.stats().leasedBuffers]).toEqual([1, 0]);
    }
  });
});

describe('ring.webStream()', () => {
  test('gives leases, one for each read, and nothing is read before', async () => {
    using ring = new StreamingArena(4096, { buffers: 2 });
    await using file = await open(path);
    const stream = ring.webStream(file);
    await turn();
    expect(ring.stats().leases).toBe(0);
    expect((await bytesOf(stream as unknown as AsyncIterable<BufferLease>)).equals(data)).toBe(true);
    expect(ring.stats().leasedBuffers).toBe(0);
  });

  test.each(['bytes', undefined] as const)('canceled at any point it cancels its source (%s)', async (type) => {
    using ring = new StreamingArena(4096, { buffers: 2 });
    for (const reads of [0, 1, 2]) {
      let canceled = 0;
      const reader = ring.webStream(endless(type, () => void (canceled += 1))).getReader();
      for (let i = 0; i < reads; i += 1) (await reader.read()).value?.release();
      await reader.cancel();
      expect([reads, canceled, await leasedAfter(ring)]).toEqual([reads, 1, 0]);
    }
  });

  test.each(['bytes', undefined] as const)('canceled while its source has nothing (%s)', async (type) => {
    using ring = new StreamingArena(4096, { buffers: 1 });
    let request: { view: Uint8Array } | null | undefined;
    const silent = new ReadableStream<Uint8Array>({
      type,
      pull: (controller: { byobRequest?: { view: Uint8Array } | null }) => {
        request = controller.byobRequest;
        return new Promise(() => undefined);
      },
    } as object);
    const reader = ring.webStream(silent).getReader();
    const reading = reader.read();
    await sleep(5);
    expect(ring.stats().leasedBuffers).toBe(type === 'bytes' ? 1 : 0);
    const late = request?.view;
    await reader.cancel();
    expect([(await reading).done, await leasedAfter(ring)]).toEqual([true, 0]);
    // What the source still writes to the place it was given reaches no later lease.
    const next = ring.tryAcquire() as BufferLease;
    next.buffer.fill(7);
    late?.fill(9);
    expect(next.buffer.every((byte) => byte === 7)).toBe(true);
  });

  test('a lease that came after its reader had gone is given back', async () => {
    using ring = new StreamingArena(4096, { buffers: 1 });
    let go = (): void => undefined;
    async function* slow(): AsyncGenerator<Uint8Array> {
      await new Promise<void>((done) => {
        go = done;
      });
      yield data.subarray(0, 5000);
    }
    const stream = ring.webStream(slow());
    const reader = stream.getReader();
    const reading = reader.read().catch(() => undefined);
    await turn();
    reader.releaseLock();
    await reading;
    go();
    await sleep(5);
    expect(ring.stats().leasedBuffers).toBe(1);
    await stream.cancel();
    expect(await leasedAfter(ring)).toBe(0);
  });
});

describe('ring.pipeTo()', () => {
  let file: FileHandle;
  beforeEach(async () => {
    file = await open(path);
  });
  afterEach(async () => file.close());

  test('into a file, a gzip stream and a web stream', async () => {
    using ring = new StreamingArena(4096, { buffers: 2 });
    const target = join(folder, 'piped');
    expect(await ring.pipeTo(file, createWriteStream(target))).toBe(data.length);
    expect(readFileSync(target).equals(data)).toBe(true);

    const gzip = createGzip();
    const unzipped = gzip.pipe(createGunzip()).toArray();
    expect(await ring.pipeTo([data], gzip)).toBe(data.length);
    expect(Buffer.concat(await unzipped).equals(data)).toBe(true);

    const parts: Buffer[] = [];
    let closed = false;
    const web = new WritableStream<Uint8Array>({
      write: async (chunk) => {
        await turn();
        parts.push(Buffer.from(chunk));
      },
      close: () => {
        closed = true;
      },
    });
    expect(await ring.pipeTo([data], web)).toBe(data.length);
    expect([Buffer.concat(parts).equals(data), closed, ring.stats().leasedBuffers]).toEqual([true, true, 0]);
  });

  test('into an HTTP response and a socket', async () => {
    using ring = new StreamingArena(4096, { buffers: 4 });
    const server = createServer((_request, response) => {
      void open(path).then((handle) => ring.pipeTo(handle, response).finally(() => handle.close()));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    const answer = await new Promise<IncomingMessage>((done) => get({ port, host: '127.0.0.1', agent: false }, done));
    expect(Buffer.concat(await answer.toArray()).equals(data)).toBe(true);
    expect(await leasedAfter(ring)).toBe(0);
    await new Promise((done) => server.close(done));

    const received: Buffer[] = [];
    const tcp = createTcpServer((socket) => socket.on('data', (chunk) => received.push(chunk)));
    await new Promise<void>((done) => tcp.listen(0, '127.0.0.1', done));
    const socket = connect({ port: (tcp.address() as AddressInfo).port, host: '127.0.0.1' });
    await ring.pipeTo(file, socket);
    await new Promise((done) => tcp.close(done));
    expect([Buffer.concat(received).equals(data), ring.stats().leasedBuffers]).toEqual([true, 0]);
  });

  test('a client that goes away ends the read, and every buffer comes back', async () => {
    using ring = new StreamingArena(4096, { buffers: 4 });
    for (let round = 0; round < 6; round += 1) {
      let canceled = 0;
      const source = endless(round % 2 === 0 ? 'bytes' : undefined, () => void (canceled += 1));
      let piped: Promise<unknown> | undefined;
      const tcp = createTcpServer((socket) => {
        piped = ring.pipeTo(source, socket).then(
          () => 'whole',
          () => 'broken off',
        );
      });
      await new Promise<void>((done) => tcp.listen(0, '127.0.0.1', done));
      const client = connect({ port: (tcp.address() as AddressInfo).port, host: '127.0.0.1' });
      await new Promise((done) => client.once('data', done));
      client.destroy();
      await new Promise((done) => tcp.close(done));
      expect(await piped).toBe('broken off');
      expect([await leasedAfter(ring), canceled]).toEqual([0, 1]);
    }
  });

  test('a buffer is given back when its write has called back, not before', async () => {
    using ring = new StreamingArena(4096, { buffers: 2 });
    const writes: { bytes: Uint8Array; callback(): void }[] = [];
    const sink = new Writable({
      highWaterMark: 1,
      write: (bytes, _encoding, callback) => void writes.push({ bytes, callback }),
    });
    const piped = ring.pipeTo([data.subarray(0, 8192)], sink);
    await sleep(5);
    expect([writes.length, ring.stats().leasedBuffers]).toEqual([1, 1]);
    expect(Buffer.from(writes[0]?.bytes as Uint8Array).equals(data.subarray(0, 4096))).toBe(true);
    for (let i = 0; i < 2; i += 1) {
      writes[i]?.callback();
      await sleep(5);
    }
    expect([await piped, ring.stats().leasedBuffers]).toEqual([8192, 0]);
  });

  test('errors of either side end both', async () => {
    using ring = new StreamingArena(4096, { buffers: 2 });
    const failing = () =>
      new Writable({ write: (_bytes, _encoding, callback) => callback(new RangeError('the sink')) });
    const source = Readable.from([data]);
    await expect(ring.pipeTo(source, failing())).rejects.toThrow('the sink');
    expect(source.destroyed).toBe(true);
    async function* bad(): AsyncGenerator<Uint8Array> {
      yield data;
      throw new RangeError('the source');
    }
    const sink = new PassThrough();
    sink.on('error', () => undefined).resume();
    await expect(ring.pipeTo(bad(), sink)).rejects.toThrow('the source');
    expect(sink.destroyed).toBe(true);
    const refusing = new WritableStream<Uint8Array>({ write: () => Promise.reject(new RangeError('the web sink')) });
    await expect(ring.pipeTo([data], refusing)).rejects.toThrow('the web sink');
    let why: unknown;
    const web = new WritableStream<Uint8Array>({ abort: (reason) => void (why = reason) });
    await expect(ring.pipeTo(bad(), web)).rejects.toThrow('the source');
    expect([(why as Error).message, await leasedAfter(ring)]).toEqual(['the source', 0]);
  });

  test('a destination whose write() throws', async () => {
    using ring = new StreamingArena(4096, { buffers: 2 });
    const sink = new PassThrough();
    sink.on('error', () => undefined);
    sink.write = () => {
      throw new RangeError('thrown');
    };
    await expect(ring.pipeTo(file, sink)).rejects.toThrow('thrown');
    expect([ring.stats().leasedBuffers, sink.destroyed]).toEqual([0, true]);
  });

  test('refuses what is no destination or has ended', async () => {
    using ring = new StreamingArena(4096);
    const ended = new PassThrough();
    ended.end();
    const locked = new WritableStream<Uint8Array>();
    locked.getWriter();
    for (const sink of [undefined, 5, {}, new Readable(), ended, new PassThrough().destroy(), locked]) {
      expect(await asyncCodeOf(ring.pipeTo([data], sink as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    }
    expect(await asyncCodeOf(ring.pipeTo(5 as never, new PassThrough()))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => ring.readable([data], { bytes: 1 as never }))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => ring.webStream([data], { byte: true } as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(ring.stats().leases).toBe(0);
  });
});
