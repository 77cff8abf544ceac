import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type BufferLease, StreamingArena } from '../../lib/arenas';
import { isEmptied } from '../support/emptied';
import { asyncCodeOf, codeOf, TestBudget } from './support';

test('leases are buffers of their own, given back and handed out again', async () => {
  using arena = new StreamingArena(4000, { buffers: 3 });
  expect([arena.bufferBytes, arena.stats().heldBuffers]).toEqual([4096, 0]);
  const leases = [arena.tryAcquire(), arena.tryAcquire(), arena.tryAcquire()] as BufferLease[];
  expect(arena.tryAcquire()).toBeUndefined();
  leases.forEach((lease, i) => {
    lease.buffer.fill(i + 1);
  });
  expect(leases.map((lease) => lease.buffer[4095])).toEqual([1, 2, 3]);
  leases[1]?.release();
  expect(codeOf(() => leases[1]?.release())).toBe('ERR_MEMORY_DOUBLE_FREE');
  expect(codeOf(() => leases[1]?.buffer)).toBe('ERR_MEMORY_STALE_HANDLE');
  expect(codeOf(() => leases[1]?.bytes)).toBe('ERR_MEMORY_STALE_HANDLE');
  const again = await arena.acquire();
  expect([again.valid, leases[1]?.valid]).toEqual([true, false]);
  again.fill(5);
  expect(again.bytes.length).toBe(5);
  expect(codeOf(() => again.fill(4097))).toBe('ERR_MEMORY_OUT_OF_RANGE');
  expect(arena.stats()).toMatchObject({ leases: 4, releases: 1, leasedBuffers: 3, failures: 1, peakLeasedBuffers: 3 });
});

test('who waits is served in turn, and nobody overtakes', async () => {
  using arena = new StreamingArena(4096, { buffers: 1 });
  const first = await arena.acquire();
  const order: number[] = [];
  const waiting = [1, 2, 3].map(async (id) => {
    using _lease = await arena.acquire();
    order.push(id);
  });
  expect([arena.stats().waiting, arena.tryAcquire()]).toEqual([3, undefined]);
  first.release();
  await Promise.all(waiting);
  expect([order, arena.stats().leasedBuffers]).toEqual([[1, 2, 3], 0]);
});

test('waiting ends by time, by signal, and not where nothing could come back', async () => {
  using arena = new StreamingArena(4096, { buffers: 1 });
  const lease = await arena.acquire();
  expect(await asyncCodeOf(arena.acquire({ timeoutMs: 5 }))).toBe('ERR_MEMORY_TIMEOUT');
  const control = new AbortController();
  const waiting = asyncCodeOf(arena.acquire({ signal: control.signal }));
  control.abort();
  expect(await waiting).toBe('ERR_MEMORY_ABORTED');
  expect(await asyncCodeOf(arena.acquire({ signal: control.signal }))).toBe('ERR_MEMORY_ABORTED');
  expect(arena.stats().waiting).toBe(0);
  lease.release();
  using poor = new StreamingArena(4096, { buffers: 4, budget: new TestBudget(100) });
  expect(await asyncCodeOf(poor.acquire())).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
});

test('the budget holds what is held', async () => {
  const budget = new TestBudget(8192);
  const arena = new StreamingArena(4096, { buffers: 4, budget });
  const leases = [await arena.acquire(), await arena.acquire()];
  expect([arena.tryAcquire(), budget.used]).toEqual([undefined, 8192]);
  const later = arena.acquire();
  leases[0]?.release();
  expect((await later).valid).toBe(true);
  arena.dispose();
  expect(budget.used).toBe(0);
  expect(codeOf(() => arena.tryAcquire())).toBe('ERR_MEMORY_CLOSED');
});

test("onRelease 'detach' takes the bytes from whoever kept a view", () => {
  using arena = new StreamingArena(4096, { buffers: 1, onRelease: 'detach' });
  const lease = arena.tryAcquire() as BufferLease;
  const kept = lease.buffer.fill(1);
  lease.release();
  const next = arena.tryAcquire() as BufferLease;
  next.buffer.fill(2);
  expect(isEmptied(kept)).toBe(true);
});

async function collect(leases: AsyncIterable<BufferLease>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const lease of leases) {
    parts.push(Buffer.from(lease.bytes));
    lease.release();
  }
  return Buffer.concat(parts);
}

describe('sources', () => {
  const data = Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * 31) & 255));

  test('a file is read straight into the buffers', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'nebula-arena-'));
    try {
      writeFileSync(join(folder, 'data'), data);
      await using file = await open(join(folder, 'data'));
      using arena = new StreamingArena(4096, { buffers: 2 });
      expect((await collect(arena.stream(file))).equals(data)).toBe(true);
      expect(arena.stats()).toMatchObject({ leasedBuffers: 0, heldBuffers: 2 - 1 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('iterables, Node streams and web streams are copied in pieces', async () => {
    using arena = new StreamingArena(4096, { buffers: 2 });
    const pieces = () => [data.subarray(0, 10), data.subarray(10, 30_000), data.subarray(30_000)];
    expect((await collect(arena.stream(pieces()))).equals(data)).toBe(true);
    expect((await collect(arena.stream(Readable.from(pieces())))).equals(data)).toBe(true);
    const web = Readable.toWeb(Readable.from([data])) as ReadableStream<Uint8Array>;
    expect((await collect(arena.stream(web))).equals(data)).toBe(true);
    const through = Readable.from(arena.stream(pieces()), { highWaterMark: 1 });
    expect((await collect(through)).equals(data)).toBe(true);
    expect(arena.stats().leasedBuffers).toBe(0);
    expect(codeOf(() => arena.stream(5 as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(await asyncCodeOf(collect(arena.stream([1] as never)))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  test.each(['local', 'shared'] as const)('a web byte stream fills the buffers itself (%s)', async (carrier) => {
    using arena = new StreamingArena(4096, { buffers: 2, carrier });
    for (let round = 0; round < 3; round += 1) {
      const bytes = new ReadableStream({
        type: 'bytes',
        start(controller) {
          controller.enqueue(new Uint8Array(data));
          controller.close();
        },
      });
      expect((await collect(arena.stream(bytes))).equals(data)).toBe(true);
    }
    const kept = arena.tryAcquire()?.buffer as Uint8Array;
    expect([kept.fill(5).length, arena.stats().heldBuffers]).toEqual([4096, 1]);
    arena.dispose();
    expect(isEmptied(kept)).toBe(true);
  });

  test('leaving early cancels a web stream', async () => {
    using arena = new StreamingArena(4096, { buffers: 2 });
    for (const type of ['bytes', undefined] as const) {
      let canceled = false;
      const source = {
        type,
        pull: (controller: { enqueue(chunk: Uint8Array): void }) => controller.enqueue(new Uint8Array(5000).fill(1)),
        cancel: () => {
          canceled = true;
        },
      };
      for await (const lease of arena.stream(new ReadableStream<Uint8Array>(source as object))) {
        lease.release();
        break;
      }
      expect([canceled, arena.stats().leasedBuffers]).toEqual([true, 0]);
    }
  });

  test('leaving early gives everything back', async () => {
    using arena = new StreamingArena(4096, { buffers: 2 });
    for await (const lease of arena.stream([data])) {
      lease.release();
      break;
    }
    expect(arena.stats().leasedBuffers).toBe(0);
  });

  test('a consumer that holds its leases holds the source', async () => {
    using arena = new StreamingArena(4096, { buffers: 2 });
    const leases = arena.stream([data]);
    const first = (await leases.next()).value as BufferLease;
    await leases.next();
    let third = false;
    const next = leases.next().then(() => {
      third = true;
    });
    await new Promise((done) => setImmediate(done));
    expect(third).toBe(false);
    first.release();
    await next;
    expect(third).toBe(true);
  });

  test('a socket reads into leases and is paused without one', async () => {
    using arena = new StreamingArena(4096, { buffers: 2 });
    const server = createServer((socket) => socket.end(data));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as { port: number };
    const parts: Buffer[] = [];
    const held: BufferLease[] = [];
    const reader = arena.onread(
      (lease) => {
        parts.push(Buffer.from(lease.bytes));
        held.push(lease);
        setTimeout(() => held.shift()?.[Symbol.dispose](), 1);
      },
      () => socket.resume(),
    );
    const socket = connect({ port, host: '127.0.0.1', onread: reader as never });
    await new Promise((done) => socket.on('close', done));
    await new Promise((done) => server.close(done));
    expect(Buffer.concat(parts).equals(data)).toBe(true);
    expect(arena.stats().waits).toBeGreaterThan(0);
    await new Promise((done) => setTimeout(done, 20));
    reader.release();
    reader.release();
    expect([held.length, arena.stats().leasedBuffers]).toEqual([0, 0]);
  });
});

test('a budget or provider that is asked may not dispose the arena', async () => {
  const budget = new TestBudget();
  const arena = new StreamingArena(4096, { buffers: 2, budget });
  const codes: string[] = [];
  budget.onReserve = () => codes.push(codeOf(() => arena.dispose()));
  const lease = await arena.acquire();
  expect([codes, arena.disposed, lease.valid]).toEqual([['ERR_MEMORY_INVALID_STATE'], false, true]);
  expect([arena.stats().leasedBuffers, budget.used]).toEqual([1, 4096]);
  budget.onReserve = undefined;
  lease.release();
  arena.dispose();
  expect([arena.stats().leasedBuffers, budget.used]).toEqual([0, 0]);
});
