import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { BufferPool, type PooledBuffer, pooledChunks, pooledOnread, pooledReadable, readPooled } from '../../../lib';
import { expectBytes, listening, pattern, until } from './loopback';
import { codeOf } from './support';

const folder = mkdtempSync(join(tmpdir(), 'nebula-pool-'));
const file = join(folder, 'data');
const empty = join(folder, 'empty');
const DATA = Buffer.from(pattern(new Uint8Array(300_000)));
writeFileSync(file, DATA);
writeFileSync(empty, '');
afterAll(() => rmSync(folder, { recursive: true }));

async function codeLater(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => 'fine',
    (error) => (error as { code?: unknown }).code ?? String(error),
  );
}

function pooled(): BufferPool {
  return new BufferPool({ reuse: 'safe' });
}

describe('readPooled', () => {
  test('a file by path, by URL, in part, and beyond its end', async () => {
    using pool = pooled();
    for (const [source, options, from, to] of [
      [file, undefined, 0, DATA.length],
      [pathToFileURL(file), undefined, 0, DATA.length],
      [file, { offset: 1000, length: '2KiB' }, 1000, 3048],
      [file, { offset: 299_000 }, 299_000, 300_000],
      [file, { offset: 299_000, length: 5000 }, 299_000, 300_000],
    ] as const) {
      using lease = await readPooled(pool, source, options);
      expectBytes(lease?.buffer, DATA.subarray(from, to));
    }
    expect(await readPooled(pool, file, { offset: 300_000 })).toBeUndefined();
    expect(await readPooled(pool, empty)).toBeUndefined();
    expect(pool.borrowed).toBe(0);
  });

  test('an open file from where it stands; it stays open', async () => {
    using pool = pooled();
    const handle = await open(file);
    try {
      using first = await readPooled(pool, handle, { length: 1000 });
      using rest = await readPooled(pool, handle);
      expectBytes(first?.buffer, DATA.subarray(0, 1000));
      expectBytes(rest?.buffer, DATA.subarray(1000));
    } finally {
      await handle.close();
    }
  });

  test('a file that says size 0 and holds something', async () => {
    using pool = pooled();
    using lease = await readPooled(pool, '/proc/self/status');
    expect(lease?.buffer.toString('latin1')).toMatch(/^Name:/);
    const handle = { stat: async () => ({ size: 0 }), read: readsOf(DATA) };
    using grown = await readPooled(pool, handle);
    expectBytes(grown?.buffer, DATA);
  });

  test('what fails gives the lease back', async () => {
    using pool = pooled();
    const stopped = AbortSignal.abort();
    expect(await codeLater(readPooled(pool, join(folder, 'none')))).toBe('ENOENT');
    expect(await codeLater(readPooled(pool, folder))).toBe('EISDIR');
    expect(await codeLater(readPooled(pool, file, { signal: stopped }))).toBe('ERR_MEMORY_ABORTED');
    expect(await codeLater(readPooled(pool, {} as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(await codeLater(readPooled(pool, file, { length: 0 }))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    for (const bytesRead of [Number.NaN, -1, 2 ** 40, undefined]) {
      const liar = { stat: async () => ({ size: 100 }), read: async () => ({ bytesRead }) };
      expect(await codeLater(readPooled(pool, liar as never))).toMatch(/^ERR_MEMORY_(INVALID_ARGUMENT|OUT_OF_RANGE)$/);
    }
    const aborting = new AbortController();
    const handle = {
      stat: async () => ({ size: 100 }),
      read: async () => {
        aborting.abort();
        return { bytesRead: 1 };
      },
    };
    expect(await codeLater(readPooled(pool, handle, { signal: aborting.signal }))).toBe('ERR_MEMORY_ABORTED');
    expect(pool.borrowed).toBe(0);
  });
});

/** Reads a few bytes at a time. */
function readsOf(data: Buffer, most = 50_000) {
  let at = 0;
  return async (target: Uint8Array, offset: number, length: number) => {
    const part = data.subarray(at, at + Math.min(length, most));
    target.set(part, offset);
    at += part.length;
    return { bytesRead: part.length };
  };
}

describe('pooledChunks', () => {
  test('an open file and anything that yields bytes', async () => {
    using pool = pooled();
    const handle = await open(file);
    const parts = (size: number) =>
      Array.from({ length: Math.ceil(DATA.length / size) }, (_, i) => DATA.subarray(i * size, (i + 1) * size));
    try {
      for (const source of [handle, parts(7), parts(100_000), Readable.from(parts(5000)), new Response(DATA).body]) {
        const got: Buffer[] = [];
        for await (const lease of pooledChunks(pool, source as never, { chunkBytes: '16KiB' })) {
          got.push(Buffer.from(lease.bytes));
          lease.release();
        }
        expectBytes(Buffer.concat(got), DATA);
        expect(got.slice(0, -1).every((part) => part.length === 16_384)).toBe(true);
      }
    } finally {
      await handle.close();
    }
    expect(pool.borrowed).toBe(0);
  });

  test('no more than maxLeases are out; who keeps them waits until one came back, or the signal', async () => {
    using pool = pooled();
    const aborting = new AbortController();
    const source = { read: readsOf(DATA) };
    const leases = pooledChunks(pool, source, { chunkBytes: 1000, maxLeases: 2, signal: aborting.signal });
    const first = (await leases.next()).value as PooledBuffer;
    await leases.next();
    let arrived = false;
    const third = leases.next().then((step) => {
      arrived = true;
      return step;
    });
    await new Promise(setImmediate);
    expect([arrived, pool.borrowed]).toEqual([false, 2]);
    first.release();
    ((await third).value as PooledBuffer).release();
    const fourth = (await leases.next()).value as PooledBuffer;
    const fifth = leases.next();
    let settled = false;
    fifth.catch(() => {
      settled = true;
    });
    aborting.abort(new Error('enough'));
    await new Promise(setImmediate);
    expect(settled).toBe(true); // at once, and not when it looks again
    expect(await codeLater(fifth)).toBe('ERR_MEMORY_ABORTED');
    fourth.release();
    expect(pool.borrowed).toBe(1);
  });

  test('sources that fail or yield nonsense, and a loop that is left, give back what they filled', async () => {
    using pool = pooled();
    const failing = async function* () {
      yield DATA.subarray(0, 1500);
      throw new Error('source');
    };
    const all = async (source: unknown, most = 99): Promise<number> => {
      let count = 0;
      for await (const lease of pooledChunks(pool, source as never, { chunkBytes: 1000 })) {
        lease.release();
        count += 1;
        if (count === most) break;
      }
      return count;
    };
    expect(await codeLater(all(failing()))).toBe('Error: source');
    expect(await codeLater(all(['text']))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(await codeLater(all({ read: async () => ({ bytesRead: 1001 }) }))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect(await all([DATA], 3)).toBe(3);
    using small = new BufferPool({ oversize: 'refuse', maxBytes: 1024 });
    expect(await codeLater(pooledChunks(small, [DATA]).next())).toBe('ERR_MEMORY_TOO_LARGE'); // it does not wait
    expect(codeOf(() => pooledChunks(pool, 5 as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => pooledChunks(pool, [], { maxLeases: 0 }))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect(pool.borrowed).toBe(0);
  });

  test('a pool at its bound is waited for', async () => {
    using pool = new BufferPool({ maxBuffersPerClass: 1, minBytes: 1024 });
    const other = pool.acquire(1000);
    const leases = pooledChunks(pool, [DATA], { chunkBytes: 1000 });
    const first = leases.next();
    await new Promise(setImmediate);
    other.release();
    const lease = (await first).value as PooledBuffer;
    expectBytes(lease.buffer, DATA.subarray(0, 1000));
    lease.release();
    await leases.return();
    expect(pool.borrowed).toBe(0);
  });
});

describe('pooledReadable', () => {
  test('a stream of leases that reads no faster than they come back', async () => {
    using pool = pooled();
    const handle = await open(file);
    const got: Buffer[] = [];
    let most = 0;
    for await (const lease of pooledReadable(pool, handle, { chunkBytes: 10_000, maxLeases: 3 })) {
      await new Promise(setImmediate);
      most = Math.max(most, pool.borrowed);
      got.push(Buffer.from((lease as PooledBuffer).bytes));
      (lease as PooledBuffer).release();
    }
    await handle.close();
    expectBytes(Buffer.concat(got), DATA);
    expect(most).toBeLessThanOrEqual(3);
    expect(pool.borrowed).toBe(0);
  });

  test('destroyed: what was read ahead comes back, what was delivered is its consumer’s', async () => {
    using pool = pooled();
    const stream = pooledReadable(pool, { read: readsOf(DATA) }, { chunkBytes: 1000 });
    const [lease] = (await once(stream, 'data')) as [PooledBuffer];
    stream.pause();
    await new Promise(setImmediate);
    stream.destroy();
    await until(() => pool.borrowed === 1);
    lease.release();
    const source = new Readable({ read() {} }); // never yields
    const idle = pooledReadable(pool, source);
    idle.resume();
    await new Promise(setImmediate);
    idle.destroy(new Error('enough')).on('error', () => {});
    await until(() => source.destroyed && pool.borrowed === 0);
  });
});

describe('pooledOnread', () => {
  test.each([1, 2, 8])('a socket reads into at most %d leases, pauses and goes on', async (maxLeases) => {
    using pool = pooled();
    const server = createServer((socket) => {
      for (let i = 0; i < 10; i++) socket.write(DATA);
      socket.end();
    });
    await using at = await listening(server);
    const got: Buffer[] = [];
    let most = 0;
    let socket: Socket | undefined;
    const held: PooledBuffer[] = [];
    const drain = (): void => {
      for (const lease of held.splice(0)) lease.release();
    };
    const timer = setInterval(drain, 1);
    const onread = pooledOnread(
      pool,
      (lease) => {
        got.push(Buffer.from(lease.bytes));
        held.push(lease); // given back later
        most = Math.max(most, pool.borrowed);
      },
      () => socket?.resume(),
      { chunkBytes: 50_000, maxLeases },
    );
    socket = connect({ port: at.port, host: '127.0.0.1', onread: onread as never });
    await once(socket, 'close');
    clearInterval(timer);
    drain();
    onread.release();
    const all = Buffer.concat(got);
    expect(all.length).toBe(10 * DATA.length);
    expectBytes(all.subarray(-DATA.length), DATA);
    expect(most).toBeLessThanOrEqual(maxLeases);
    expect(pool.borrowed).toBe(0);
  });

  test('bad arguments, and a pool that has none', () => {
    using pool = new BufferPool({ maxBuffersPerClass: 1 });
    using held = pool.acquire(10);
    expect(codeOf(() => pooledOnread(pool, undefined as never, () => {}))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => pooledOnread(pool, () => {}, 5 as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(
      codeOf(() =>
        pooledOnread(
          pool,
          () => {},
          () => {},
          { chunkBytes: 10 },
        ),
      ),
    ).toBe('ERR_MEMORY_POOL_EXHAUSTED');
    expect(held.held).toBe(true);
  });
});
