import { type ChildProcess, spawn } from 'node:child_process';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

// The example as its readers start it, against the built package.

const FOLDER = join(resolve(__dirname, '../..'), 'examples', 'upload-service');
const SIDE = 512;
const BYTES = SIDE * SIDE * 4;

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Pressure of the machine of the tests is left out, and whoever stalls on a loaded one is no slow client. */
const PATIENT = {
  MEMORY_PRESSURE_WATCH: '/dev/null',
  NEBULA_MEMORY_MONITOR_LIMIT_BYTES: '64GiB',
  CLIENT_MS: '150000',
};

const started: ChildProcess[] = [];
// Connections that stay: one that the client wants closed is closed after the answer, with what is still being sent.
const agent = new Agent({ keepAlive: true });

async function start(script: string, env: Record<string, string> = {}): Promise<string> {
  const all = { ...process.env, PORT: '0', NEBULA_MEMORY_BUDGET_LIMIT_BYTES: '64MiB', ...PATIENT, ...env };
  const child = spawn(process.execPath, [join(FOLDER, script)], { env: all, stdio: ['ignore', 'pipe', 'inherit'] });
  started.push(child);
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    const found = /listening on (http:\S+)/.exec(line)?.[1];
    if (found !== undefined) return found;
  }
  throw new Error('it did not listen');
}

afterAll(() => {
  agent.destroy();
  for (const child of started) child.kill('SIGKILL');
});

function send(url: string, body: Buffer | null, isHeld: Promise<void> | null = null): Promise<Answer> {
  return new Promise((done, fail) => {
    const headers = body === null ? {} : { 'content-type': 'application/octet-stream', 'content-length': body.length };
    const out = request(url, { method: body === null ? 'GET' : 'POST', headers, agent }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => {
        const { statusCode = 0, headers: told } = response;
        done({ status: statusCode, headers: told, body: Buffer.concat(parts) });
      });
    });
    out.on('error', fail);
    if (isHeld === null || body === null) {
      out.end(body ?? undefined);
      return;
    }
    out.write(body.subarray(0, 1000));
    void isHeld.then(() => out.end(body.subarray(1000)));
  });
}

function image(): Buffer {
  const pixels = Buffer.alloc(BYTES);
  for (let at = 0; at < BYTES; at += 1) pixels[at] = (at * 31 + (at >> 11) * 13) & 255;
  return pixels;
}

/** Pixel by pixel, in the plainest way. */
function half(pixels: Buffer): Buffer {
  const out = Buffer.alloc(BYTES / 4);
  const at = (x: number, y: number, channel: number) => pixels[(y * SIDE + x) * 4 + channel] ?? 0;
  const mean = (a: number, b: number) => Math.floor((a + b + 1) / 2);
  for (let y = 0; y < SIDE / 2; y += 1) {
    for (let x = 0; x < SIDE / 2; x += 1) {
      for (let channel = 0; channel < 4; channel += 1) {
        const rows = [2 * y, 2 * y + 1].map((row) => mean(at(2 * x, row, channel), at(2 * x + 1, row, channel)));
        out[(y * (SIDE / 2) + x) * 4 + channel] = mean(rows[0] ?? 0, rows[1] ?? 0);
      }
    }
  }
  return out;
}

const HALVE = `/halve?width=${SIDE}&height=${SIDE}`;

describe.each(['server.mjs', 'twin.mjs'])('%s', (script) => {
  test('halves what is uploaded, and refuses what is no image', async () => {
    const at = await start(script);
    const pixels = image();
    const answers = await Promise.all([1, 2, 3].map(() => send(at + HALVE, pixels)));
    for (const { status, body } of answers) {
      expect(status).toBe(200);
      expect(body.equals(half(pixels))).toBe(true);
    }
    expect((await send(`${at}/halve?width=3&height=4`, pixels)).status).toBe(400);
    expect((await send(`${at}/halve?width=64&height=64`, pixels)).status).toBe(400);
    // Not at once where the control group of the tests was just full: that is pressure for every process in it.
    while ((await send(`${at}/ready`, null)).status !== 200) await new Promise((done) => setTimeout(done, 20));
    expect((await send(`${at}/live`, null)).status).toBe(200);
  });
});

describe('short of memory', () => {
  // Room for one upload beside what is kept for answers and for pages.
  const tight = {
    NEBULA_MEMORY_BUDGET_LIMIT_BYTES: '20MiB',
    NEBULA_MEMORY_ALLOCATOR_CAPACITY_BYTES: '1MiB',
    NEBULA_MEMORY_PROVIDER_MAX_CACHED_BYTES: '16MiB',
    NEBULA_MEMORY_BUDGET_DEADLINE_MS: '50ms',
  };

  test('who comes second is told to come again, and nothing stays charged', async () => {
    const at = await start('server.mjs', tight);
    let release = (): void => {};
    const held = new Promise<void>((done) => {
      release = done;
    });
    const first = send(at + HALVE, image(), held);
    // The first has its memory once it shows in the budget.
    const used = async (): Promise<number> => {
      const { budget } = JSON.parse(String((await send(`${at}/stats`, null)).body));
      return budget.children.find(({ name }: { name: string }) => name.endsWith('uploads')).usedBytes;
    };
    while ((await used()) === 0) await new Promise((done) => setTimeout(done, 5));
    const second = await send(at + HALVE, image());
    expect([second.status, second.headers['retry-after']]).toEqual([503, '1']);
    release();
    expect((await first).status).toBe(200);
    while ((await used()) !== 0) await new Promise((done) => setTimeout(done, 5));
    expect((await send(at + HALVE, image())).status).toBe(200);
  });

  test('what can never fit is too large', async () => {
    const at = await start('server.mjs', tight);
    // It answers before it has read the body, and reads and drops the rest: the client is not cut off while it sends.
    const answer = await send(`${at}/halve?width=2048&height=2048`, Buffer.alloc(2048 * 2048 * 4));
    expect(answer.status).toBe(413);
  });

  test('it is not ready, and alive', async () => {
    const at = await start('server.mjs', { NEBULA_MEMORY_MONITOR_LIMIT_BYTES: '16MiB' });
    const ready = await send(`${at}/ready`, null);
    expect([ready.status, ready.headers['retry-after'], JSON.parse(String(ready.body)).pressure]).toEqual([
      ...[503, '1', 'critical'],
    ]);
    expect((await send(at + HALVE, image())).status).toBe(503);
    expect((await send(`${at}/live`, null)).status).toBe(200);
  });
});
