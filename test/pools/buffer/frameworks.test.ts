import { createServer } from 'node:http';
import fastify from 'fastify';
import { BufferPool, pooledBody, pooledChunks, pooledWebBody } from '../../../lib';
import { expectBytes, listening, pattern, patterned, until } from './loopback';
import { codeOf } from './support';

const BODY = 300_000;
const EXPECTED = Buffer.from(pattern(new Uint8Array(BODY)));

describe('fastify', () => {
  test('reply.send(pooledBody(reply.raw, lease)), also where a hook fails or the client hangs up', async () => {
    using pool = new BufferPool({ reuse: 'safe' });
    const app = fastify();
    app.get('/', (_request, reply) => reply.send(pooledBody(reply.raw, patterned(pool, BODY))));
    app.get('/fails', { onSend: async () => Promise.reject(new Error('hook')) }, (_request, reply) =>
      reply.send(pooledBody(reply.raw, patterned(pool, BODY))),
    );
    app.get('/throws', (_request, reply) => {
      pooledBody(reply.raw, patterned(pool, BODY));
      throw new Error('handler');
    });
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    try {
      for (let i = 0; i < 3; i++) {
        const response = await fetch(url);
        expectBytes(Buffer.from(await response.arrayBuffer()), EXPECTED);
      }
      for (const path of ['/fails', '/throws']) {
        const response = await fetch(url + path);
        expect(response.status).toBe(500);
        await response.arrayBuffer();
      }
      const hangUp = new AbortController();
      const response = await fetch(url, { signal: hangUp.signal });
      hangUp.abort();
      await response.arrayBuffer().catch(() => undefined);
      await until(() => pool.borrowed === 0);
      expect(pool.stats()).toMatchObject({ acquires: 6, releases: 6 });
    } finally {
      await app.close();
    }
  });
});

describe('fetch', () => {
  test('pooledWebBody as the body of a request, pooledChunks of the body of its answer', async () => {
    using pool = new BufferPool({ reuse: 'safe' });
    const server = createServer((request, response) => void request.pipe(response));
    await using at = await listening(server);
    const lease = patterned(pool, BODY);
    const init = { method: 'POST', duplex: 'half', body: pooledWebBody(lease) };
    const response = await fetch(at.url, init as RequestInit);
    const parts: Buffer[] = [];
    for await (const part of pooledChunks(pool, response.body as ReadableStream<Uint8Array>, { chunkBytes: 50_000 })) {
      expect(part.byteLength).toBeLessThanOrEqual(50_000);
      parts.push(Buffer.from(part.bytes));
      part.release();
    }
    expectBytes(Buffer.concat(parts), EXPECTED);
    expect(lease.held).toBe(false);
    expect(pool.borrowed).toBe(0);
  });

  test('a request that is refused, and one that is aborted, give the lease back', async () => {
    using pool = new BufferPool();
    const server = createServer((request) => void request.socket.destroy());
    await using at = await listening(server);
    const lease = patterned(pool, 5_000_000);
    const init = { method: 'POST', duplex: 'half', body: pooledWebBody(lease) };
    await expect(fetch(at.url, init as RequestInit)).rejects.toThrow();
    await until(() => !lease.held);
    const stopped = pool.acquire(100);
    expect(codeOf(() => pooledWebBody(stopped, { chunkBytes: 0 }))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    const stream = pooledWebBody(stopped);
    expect(codeOf(() => stopped.release())).toBe('ERR_MEMORY_IN_USE');
    await stream.cancel();
    expect(stopped.held).toBe(false);
    expect(codeOf(() => pooledWebBody(stopped))).toBe('ERR_MEMORY_STALE_HANDLE');
    expect(pool.borrowed).toBe(0);
  });

  test('a Response takes its body from a lease', async () => {
    using pool = new BufferPool({ reuse: 'safe' });
    const response = new Response(pooledWebBody(patterned(pool, BODY), { chunkBytes: 1000 }));
    const body = Buffer.from(await response.arrayBuffer());
    expect(pool.borrowed).toBe(0);
    expectBytes(body, EXPECTED);
  });
});
