import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

// Clients that behave badly, on bare sockets: whatever they do, what was charged for them comes back.

const SCRIPT = join(resolve(__dirname, '../..'), 'examples', 'upload-service', 'server.mjs');
/** Five answers of it are more than sockets hold, and their memory less than the budget. */
const SIDE = 2048;
const IMAGE = Buffer.alloc(SIDE * SIDE * 4);

interface Stats {
  readonly served: number;
  readonly gone: number;
  readonly budget: { readonly children: readonly { readonly name: string; readonly usedBytes: number }[] };
  readonly ring: { readonly leasedBuffers: number; readonly waiting: number };
  readonly pages: { readonly liveBytes: number };
}

interface Service {
  readonly child: ChildProcess;
  readonly port: number;
  readonly url: string;
  readonly ended: Promise<unknown[]>;
}

/** Pressure of the machine of the tests is left out, and whoever stalls on a loaded one is no slow client. */
const PATIENT = {
  MEMORY_PRESSURE_WATCH: '/dev/null',
  NEBULA_MEMORY_MONITOR_LIMIT_BYTES: '64GiB',
  NEBULA_MEMORY_BUDGET_DEADLINE_MS: '150s',
  NEBULA_MEMORY_SYSTEM_SHUTDOWN_DEADLINE_MS: '150s',
  CLIENT_MS: '150000',
};

const services: Service[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const { child, ended } of services.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
});

async function start(env: Record<string, string> = {}): Promise<Service> {
  const all = { ...process.env, PORT: '0', NEBULA_MEMORY_BUDGET_LIMIT_BYTES: '256MiB', ...PATIENT, ...env };
  const child = spawn(process.execPath, [SCRIPT], { env: all, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    const url = /listening on (http:\S+)/.exec(line)?.[1];
    if (url === undefined) continue;
    const service = { child, ended, url, port: Number(new URL(url).port) };
    services.push(service);
    return service;
  }
  throw new Error('it did not listen');
}

function head(side: number = SIDE): string {
  const lines = [
    `POST /halve?width=${side}&height=${side} HTTP/1.1`,
    ...['host: x', 'content-type: application/octet-stream', `content-length: ${side * side * 4}`],
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** A connection that reads nothing until it is asked to. */
async function open({ port }: Service): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => {});
  socket.pause();
  await once(socket, 'connect');
  return socket;
}

async function statsOf({ url }: Service): Promise<Stats> {
  return (await (await fetch(`${url}/stats`)).json()) as Stats;
}

function held({ budget, ring, pages }: Stats): { uploads: number; leased: number; pages: number } {
  const uploads = budget.children.find(({ name }) => name.endsWith('uploads'))?.usedBytes ?? -1;
  return { uploads, leased: ring.leasedBuffers + ring.waiting, pages: pages.liveBytes };
}

/** Asks until it is so; the test's own time limit is the only one. */
async function until(service: Service, isSo: (stats: Stats) => boolean): Promise<Stats> {
  for (;;) {
    const stats = await statsOf(service);
    if (isSo(stats)) return stats;
    await sleep(20);
  }
}

function sendFive(socket: Socket): void {
  for (let count = 0; count < 5; count += 1) {
    socket.write(head());
    socket.write(IMAGE);
  }
}

const isFree = (stats: Stats): boolean => Object.values(held(stats)).every((bytes) => bytes === 0);

async function halve({ url }: Service, side: number): Promise<number> {
  const headers = { 'content-type': 'application/octet-stream' };
  const body = Buffer.alloc(side * side * 4);
  const answer = await fetch(`${url}/halve?width=${side}&height=${side}`, { method: 'POST', headers, body });
  await answer.arrayBuffer();
  return answer.status;
}

test('who sends several requests at once, reads nothing and hangs up leaves nothing behind', async () => {
  const service = await start();
  const socket = await open(service);
  // The answer of the first is more than sockets hold; those of the others wait behind it.
  const [large, small] = [4096, 64];
  socket.write(head(large));
  socket.write(Buffer.alloc(large * large * 4));
  for (let count = 0; count < 3; count += 1)
    socket.write(Buffer.concat([Buffer.from(head(small)), IMAGE.subarray(0, small * small * 4)]));
  await until(service, (stats) => held(stats).uploads > large * large * 7 + 4 * 4096);
  await sleep(200);
  socket.destroy();
  await until(service, isFree);
  expect(await halve(service, 64)).toBe(200);
});

test('who hangs up in the middle of an upload or of an answer leaves nothing behind', async () => {
  const service = await start();
  for (const part of [IMAGE.subarray(0, 100_000), IMAGE]) {
    const clients = await Promise.all([1, 2, 3].map(() => open(service)));
    for (const socket of clients) {
      socket.write(head());
      socket.write(part);
    }
    await until(service, (stats) => held(stats).uploads > 0 || stats.served > 0);
    clients[0]?.destroy();
    clients[1]?.resetAndDestroy();
    clients[2]?.end();
    if (part === IMAGE) clients[2]?.resume();
    await until(service, isFree);
  }
  expect(await halve(service, 64)).toBe(200);
});

test('who sends too slowly, or does not read, loses the place', async () => {
  const service = await start({ CLIENT_MS: '3000' });
  const [sender, reader] = [await open(service), await open(service)];
  sender.write(head());
  sender.write(IMAGE.subarray(0, 1000));
  const drip = setInterval(() => sender.write(IMAGE.subarray(0, 10)), 50);
  try {
    sendFive(reader);
    await until(service, (stats) => stats.gone > 1 && isFree(stats));
  } finally {
    clearInterval(drip);
  }
});

test.each(['application/json', 'text/plain', 'multipart/form-data; boundary=x', ''])(
  'a body of type %j is refused unread',
  async (type) => {
    const service = await start();
    const socket = await open(service);
    const typed = type === '' ? '' : `content-type: ${type}\r\n`;
    socket.write(`POST /halve?width=2&height=2 HTTP/1.1\r\nhost: x\r\n${typed}content-length: 60000000\r\n\r\n{`);
    socket.resume();
    const [answer] = (await once(socket, 'data')) as [Buffer];
    // Without reading what comes: the answer is there before the rest was sent.
    expect(String(answer).split(' ', 2)[1]).toBe('415');
  },
);

test.each([
  ['no bytes', 'content-length: 0\r\n\r\n'],
  ['chunks', 'transfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['too few bytes', 'content-length: 15\r\n\r\n'],
  ['too many bytes', 'content-length: 17\r\n\r\n'],
])('a request with %s is refused', async (_, rest) => {
  const service = await start();
  const socket = await open(service);
  socket.write(`POST /halve?width=2&height=2 HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\n${rest}`);
  socket.resume();
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(String(answer).split(' ', 2)[1]).toBe('400');
});

test('an image of any size is halved', async () => {
  const service = await start();
  for (const side of [2, 4, 30, 32, 34, 62, 64, 66, 126])
    expect([side, await halve(service, side)]).toEqual([side, 200]);
});

test('hundreds of requests leave as much held as before', async () => {
  const service = await start();
  const codes = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const told: number[] = [];
      for (let count = 0; count < 100; count += 1) told.push(await halve(service, 32));
      return told;
    }),
  );
  expect(new Set(codes.flat())).toEqual(new Set([200]));
  expect((await until(service, isFree)).served).toBe(400);
});

(process.platform === 'win32' ? describe.skip : describe)('told to end', () => {
  test('it finishes what is under way', async () => {
    const service = await start();
    const socket = await open(service);
    socket.write(head(64));
    await until(service, (stats) => held(stats).uploads > 0);
    service.child.kill('SIGTERM');
    await sleep(50);
    socket.end(Buffer.alloc(64 * 64 * 4));
    socket.resume();
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(String(answer.subarray(0, 12))).toBe('HTTP/1.1 200');
    expect(await service.ended).toEqual([0, null]);
  });

  test('it does not wait longer than it may for who says nothing, or not all', async () => {
    const service = await start({ NEBULA_MEMORY_SYSTEM_SHUTDOWN_DEADLINE_MS: '300' });
    const [, sender] = [await open(service), await open(service)];
    sender.write(head());
    await until(service, (stats) => held(stats).uploads > 0);
    service.child.kill('SIGTERM');
    expect(await service.ended).toEqual([0, null]);
  });
});
