import { once } from 'node:events';
import { createServer as createHttp, type ServerResponse } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { buffer as readAll } from 'node:stream/consumers';
import { BufferPool, endPooled, type PooledBuffer, pooledBody, sendPooled } from '../../../lib';
import { expectBytes, listening, pattern, patterned, until } from './loopback';
import { codeOf } from './support';

const BODY = 200_000;
const EXPECTED = Buffer.from(pattern(new Uint8Array(BODY)));

async function codeLater(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => 'fine',
    (error) => (error as { code?: unknown }).code ?? String(error),
  );
}

describe.each(['fast', 'batch', 'safe'] as const)('sockets, %s', (reuse) => {
  test('sendPooled: the bytes arrive and each lease comes back', async () => {
    using pool = new BufferPool({ reuse });
    const server = createServer(async (socket) => {
      for (let i = 0; i < 5; i++) await sendPooled(socket, patterned(pool, BODY));
      await endPooled(socket, patterned(pool, 10));
    });
    await using at = await listening(server);
    const got = await readAll(at.client());
    expectBytes(got, Buffer.concat([...Array.from({ length: 5 }, () => EXPECTED), EXPECTED.subarray(0, 10)]));
    expect(pool.borrowed).toBe(0);
  });

  test('nobody takes a lease from under a write, and a client that hangs up gives it back once', async () => {
    using pool = new BufferPool({ reuse });
    const lease = patterned(pool, 50_000_000); // more than a socket takes at once
    const lease2 = patterned(pool, BODY);
    let sent: Promise<void> | undefined;
    let sent2: Promise<void> | undefined;
    const server = createServer((socket) => {
      sent = sendPooled(socket, lease);
      sent2 = sendPooled(socket, lease2); // waits behind the first one
    });
    await using at = await listening(server);
    const client = at.client();
    await once(client, 'data');
    client.pause();
    expect(codeOf(() => lease.release())).toBe('ERR_MEMORY_IN_USE');
    expect(codeOf(() => lease2[Symbol.dispose]())).toBe('ERR_MEMORY_IN_USE');
    client.destroy();
    expect(await codeLater(sent as Promise<void>)).not.toBe('fine');
    expect(await codeLater(sent2 as Promise<void>)).not.toBe('fine');
    expect(lease.held || lease2.held).toBe(false);
    expect(pool.stats()).toMatchObject({ borrowed: 0, releases: 2 });
  });

  test('our own socket.destroy() in the middle of a write: released after the handle has closed', async () => {
    using pool = new BufferPool({ reuse });
    const lease = patterned(pool, 50_000_000);
    const server = createServer((socket) => {
      const sent = sendPooled(socket, lease);
      let closed = false;
      socket.on('close', () => {
        closed = true;
      });
      socket.destroy();
      expect(lease.held).toBe(true);
      sent.catch(() => expect(closed || !lease.held).toBe(true));
    });
    await using at = await listening(server);
    at.client().resume();
    await until(() => !lease.held);
    expect(pool.borrowed).toBe(0);
  });
});

describe('streams', () => {
  test('one that ended, was destroyed, fails, throws or never calls back: each lease comes back once', async () => {
    using pool = new BufferPool();
    const ended = new Writable({ write: (_chunk, _encoding, done) => done() });
    ended.end();
    const destroyed = new Writable({ write: (_chunk, _encoding, done) => done() });
    destroyed.destroy();
    const failing = new Writable({ write: (_chunk, _encoding, done) => done(new Error('disk full')) });
    failing.on('error', () => {});
    const throwing = Object.assign(new Writable(), {
      write: () => {
        throw new Error('thrown');
      },
    });
    const silent = new Writable({ write: () => {} });
    expect(await codeLater(sendPooled(ended, pool.acquire(10)))).toBe('ERR_MEMORY_INVALID_STATE');
    expect(await codeLater(sendPooled(destroyed, pool.acquire(10)))).toBe('ERR_MEMORY_INVALID_STATE');
    expect(await codeLater(endPooled(failing, pool.acquire(10)))).toBe('Error: disk full');
    expect(await codeLater(sendPooled(throwing, pool.acquire(10)))).toBe('Error: thrown');
    const lease = pool.acquire(10);
    const sent = sendPooled(silent, lease);
    await new Promise(setImmediate);
    expect(lease.held).toBe(true);
    silent.destroy();
    expect(await codeLater(sent)).toBe('ERR_MEMORY_INVALID_STATE');
    expect(pool.stats()).toMatchObject({ borrowed: 0, releases: 5 });
    expect(silent.listenerCount('close')).toBe(0);
  });

  test('a stream that lives long keeps no listeners', async () => {
    using pool = new BufferPool();
    const sink = new Writable({ write: (_chunk, _encoding, done) => done() });
    const listeners = (): number[] => ['close', 'finish', 'error'].map((name) => sink.listenerCount(name));
    const before = listeners();
    for (let i = 0; i < 3; i++) await sendPooled(sink, pool.acquire(10));
    expect(listeners()).toEqual(before);
    const lease = pool.acquire(10);
    const bytes = pooledBody(sink, lease);
    expect(bytes).toHaveLength(10);
    sink.end(bytes);
    await until(() => !lease.held);
    expect(listeners()).toEqual(before);
    expect(pooledBody(sink, pool.acquire(10))).toHaveLength(0); // it has ended: nobody will read it
    expect(pool.borrowed).toBe(0);
  });

  test('bad arguments leave the lease as it is', () => {
    using pool = new BufferPool();
    using lease = pool.acquire(10);
    const stale = pool.acquire(10);
    stale.release();
    const sink = new Writable();
    for (const send of [sendPooled, endPooled, pooledBody]) {
      expect(codeOf(() => send({} as Writable, lease))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
      expect(codeOf(() => send(null as never, lease))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
      expect(codeOf(() => send(sink, stale))).toBe('ERR_MEMORY_STALE_HANDLE');
      expect(codeOf(() => send(sink, Buffer.alloc(5) as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    }
    expect(lease.held).toBe(true);
    lease.release();
  });
});

/** Answers each request by one way to send a lease. */
type Answer = (response: ServerResponse, lease: PooledBuffer) => void;

const ANSWERS: readonly [string, Answer][] = [
  ['endPooled', (response, lease) => void endPooled(response, lease)],
  [
    'sendPooled and end',
    (response, lease) =>
      void sendPooled(response, lease).then(
        () => response.end(),
        () => {},
      ),
  ],
  ['pooledBody', (response, lease) => void response.end(pooledBody(response, lease))],
];

describe.each(ANSWERS)('http, %s', (_, answer) => {
  test('bodies arrive over kept connections and each lease comes back', async () => {
    using pool = new BufferPool({ reuse: 'safe' });
    await using at = await listening(createHttp((_request, response) => answer(response, patterned(pool, BODY))));
    for (let i = 0; i < 5; i++) {
      const response = await fetch(at.url);
      expectBytes(Buffer.from(await response.arrayBuffer()), EXPECTED);
      if (_ !== 'sendPooled and end') expect(response.headers.get('content-length')).toBe(String(BODY));
    }
    const head = await fetch(at.url, { method: 'HEAD' });
    expect(head.status).toBe(200);
    await until(() => pool.borrowed === 0);
    expect(pool.stats()).toMatchObject({ acquires: 6, releases: 6 });
  });

  test('a client that reads slowly gets all of a body that no socket takes at once', async () => {
    using pool = new BufferPool({ reuse: 'safe' }); // a lease that came back too early would read zeros
    const body = 20_000_000;
    await using at = await listening(createHttp((_request, response) => answer(response, patterned(pool, body))));
    const socket = at.client();
    socket.write('GET / HTTP/1.0\r\n\r\n');
    await once(socket, 'readable');
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
    expect(pool.borrowed).toBe(1);
    const got = await readAll(socket);
    expectBytes(got.subarray(-body), pattern(new Uint8Array(body)));
    await until(() => pool.borrowed === 0);
  });

  test('clients that hang up, before the answer, in its middle, and with another one waiting behind it', async () => {
    using pool = new BufferPool({ reuse: 'safe' });
    let requests = 0;
    let hang: ServerResponse | undefined;
    const server = createHttp((request, response) => {
      requests += 1;
      if (request.url === '/hang')
        hang = response; // never answered: what is behind it waits
      else if (request.url === '/late') request.socket.once('close', () => answer(response, patterned(pool, BODY)));
      else answer(response, patterned(pool, 20_000_000));
    });
    await using at = await listening(server);
    const ask = async (text: string, wanted: number, work: (socket: Socket) => void): Promise<void> => {
      const socket = at.client();
      socket.write(text);
      const before = requests;
      await until(() => requests === before + wanted);
      work(socket);
    };
    const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
    await ask(request('/big'), 1, (socket) => socket.destroy());
    await ask(request('/late'), 1, (socket) => socket.destroy());
    await ask(request('/hang') + request('/big'), 2, (socket) => socket.destroy());
    await until(() => pool.stats().acquires === 3 && pool.borrowed === 0);
    expect(hang).toBeDefined();
    expect(pool.stats()).toMatchObject({ acquires: 3, releases: 3, borrowed: 0 });
  });
});
