import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type FileEvents, MemoryMonitor, SystemdSource } from '../../lib/monitor';
import { codeOf, FakeFileEvents } from './support';

let folder = '';
let source: SystemdSource | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nebula-systemd-'));
});
afterEach(() => {
  source?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function make(watch: string | undefined, write?: string, events?: FileEvents): SystemdSource {
  const env = { MEMORY_PRESSURE_WATCH: watch, MEMORY_PRESSURE_WRITE: write };
  source = new SystemdSource(events === undefined ? { env } : { env, events });
  return source;
}

/** Until something is so; the test's own time limit ends what never is. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await wait(2);
}

describe('SystemdSource', () => {
  // What a service manager's FIFO would be.
  function makeFifo(): string {
    const path = join(folder, 'fifo');
    execFileSync('mkfifo', [path]);
    return path;
  }

  function signal(path: string, text = 'x'): void {
    const file = openSync(path, 'r+');
    writeSync(file, text);
    closeSync(file);
  }

  it('is woken by a FIFO, throws away what it reads, and goes on', async () => {
    const path = makeFifo();
    const fifo = make(path);
    let woken = 0;
    fifo.start(() => {
      woken += 1;
    });
    expect(fifo.read(0)).toEqual({ level: 'none', value: 0, detail: `0 events (${path})` });
    expect(fifo.mode).toBe('event');
    for (let round = 1; round <= 3; round += 1) {
      signal(path);
      await until(() => woken >= round);
      expect(fifo.read(round)).toMatchObject({ level: 'medium', value: 1 });
      expect(fifo.read(round)).toMatchObject({ level: 'none', value: 0 });
    }
  });

  it('writes what it is told first, any bytes, and does not take its own words for pressure', async () => {
    const path = makeFifo();
    const fifo = make(path, Buffer.from([0, 255, 10]).toString('base64'));
    let woken = 0;
    fifo.start(() => {
      woken += 1;
    });
    fifo.read(0);
    await wait(20);
    expect(woken).toBe(0);
    signal(path);
    await until(() => woken > 0);
    expect(fifo.read(1).level).toBe('medium');
  });

  it('connects to a socket, and notices when the manager is gone and back', async () => {
    const path = join(folder, 'socket');
    const clients: Socket[] = [];
    const received: string[] = [];
    const serve = (): Promise<ReturnType<typeof createServer>> =>
      new Promise((resolve) => {
        const server = createServer((client) => {
          clients.push(client);
          client.on('data', (data) => received.push(String(data)));
          client.on('error', () => {});
        });
        server.listen(path, () => resolve(server));
      });
    const first = await serve();
    const socket = make(path, base64('some 1 2'));
    let woken = 0;
    socket.start(() => {
      woken += 1;
    });
    expect(socket.read(0).level).toBe('none');
    await until(() => received.length > 0);
    expect(received).toEqual(['some 1 2']);
    clients[0]?.write('now');
    await until(() => woken === 1);
    expect(socket.read(1).level).toBe('medium');
    clients[0]?.destroy();
    await until(() => woken === 2);
    expect(() => socket.read(2)).toThrow(`${path}: `);
    await new Promise((resolve) => first.close(resolve));
    expect(() => socket.read(3)).toThrow(path); // not there
    const second = await serve();
    socket.read(4);
    await until(() => clients.length === 2);
    clients[1]?.write('again');
    await until(() => woken >= 3);
    expect(socket.read(5).level).toBe('medium');
    socket.stop();
    clients[1]?.destroy();
    await new Promise((resolve) => second.close(resolve));
  });

  it("measures a pressure file with the manager's trigger", () => {
    const path = join(folder, 'memory.pressure');
    const psi = (total: number): void => writeFileSync(path, `some avg10=0.00 avg60=0.00 avg300=0.00 total=${total}\n`);
    psi(0);
    const events = new FakeFileEvents();
    const file = make(path, base64('some 400000 2000000'), events);
    expect(file.read(0).level).toBe('none');
    expect([...events.triggers.values()]).toEqual(['some 400000 2000000']);
    psi(300_000);
    expect(file.read(2000).level).toBe('low'); // 0.15: pressure for others, not by this trigger
    psi(700_000);
    expect(file.read(4000)).toMatchObject({ level: 'medium', value: 0.2 });
    rmSync(path);
    expect(() => file.read(5000)).toThrow('is not there');
    psi(0);
    expect(file.read(6000).level).toBe('none');
  });

  it.each<[string, string | undefined, string | undefined, string]>([
    ['no variable', undefined, undefined, 'MEMORY_PRESSURE_WATCH is not set'],
    ['an empty one', '', undefined, 'MEMORY_PRESSURE_WATCH is not set'],
    ['the word for off', '/dev/null', undefined, 'switched memory pressure off'],
    ['a path that is not absolute', 'fifo', undefined, 'no absolute path'],
    ['nothing there', '/nowhere/at/all', undefined, 'ENOENT'],
    ['a folder', '/', undefined, 'is no file, FIFO or socket'],
    ['another device', '/dev/zero', undefined, 'is no file, FIFO or socket'],
    ['what is no base64', '/nowhere', '***', 'MEMORY_PRESSURE_WRITE is no base64'],
  ])('cannot tell with %s, and says why', (_, watch, write, message) => {
    const bad = make(watch, write);
    for (let i = 0; i < 2; i += 1) expect(() => bad.read(i)).toThrow(message);
    expect(codeOf(() => bad.read(2))).toBe('ERR_MEMORY_UNSUPPORTED');
    bad.stop();
  });

  it('drives a monitor', async () => {
    const path = makeFifo();
    const fifo = make(path);
    const monitor = new MemoryMonitor({ sources: [fifo], intervalMs: '1h' });
    const changed = new Promise((resolve) => monitor.once('change', resolve));
    monitor.start();
    signal(path);
    expect(await changed).toMatchObject({ from: 'none', to: 'medium', reason: `systemd: medium, 1 events (${path})` });
    monitor.stop();
  });

  it('refuses options that make no sense', () => {
    for (const options of [
      { level: 'none' },
      { levels: 'high' },
      { thresholds: { low: 'x' } },
      { name: '' },
      { env: 5 },
      { events: {} },
    ]) {
      expect(codeOf(() => new SystemdSource(options as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    }
  });
});
