import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import type { BufferPool, PooledBuffer } from '../../../lib';

/** Listens on a free port of this machine; closed by `using`. */
export async function listening<S extends Server | HttpServer>(server: S) {
  // A connection between two requests is not closed under the second one, however late that is read.
  if ('keepAliveTimeout' in server) server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  return {
    port,
    url: `http://127.0.0.1:${port}/`,
    client: () => connect(port, '127.0.0.1').on('error', () => {}),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A lease full of a pattern that tells its places apart. */
export function patterned(pool: BufferPool, byteLength: number): PooledBuffer {
  const lease = pool.acquire(byteLength);
  pattern(lease.bytes);
  return lease;
}

const PERIOD = 65_521;

/** Repeats itself after a prime number of bytes, so that no page is like its neighbor. */
export function pattern(bytes: Uint8Array): Uint8Array {
  const first = Math.min(PERIOD, bytes.length);
  for (let i = 0; i < first; i++) bytes[i] = (i + (i >> 8)) & 255;
  for (let at = PERIOD; at < bytes.length; at *= 2) bytes.copyWithin(at, 0, at);
  return bytes;
}

/** Compares bytes, and not element by element. */
export function expectBytes(got: Uint8Array | undefined, wanted: Uint8Array): void {
  expect(got?.length).toBe(wanted.length);
  expect(Buffer.compare(got as Uint8Array, wanted)).toBe(0);
}

/** Waits for what comes soon. The bound is there to say which wait was in vain: a slow machine is far from it. */
export async function until(what: () => boolean): Promise<void> {
  for (let i = 0; i < 50_000 && !what(); i++) await new Promise((resolve) => setTimeout(resolve, 2));
  expect(what()).toBe(true);
}
