import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { Region } from '../../../lib/platform';
import { codeOf, PAGE, pause, startWorker, thrown } from './support';

const DIST = resolve(__dirname, '../../../dist/index.js');

/**
 * Notifies until somebody was woken: the other side says that it is about to wait, not that it does, and may be held up in
 * between for as long as the machine likes.
 */
async function notifyOne(region: Region, offset: number, count?: number): Promise<number> {
  for (let tries = 0; tries < 20_000; tries += 1) {
    const woken = region.notify(offset, count);
    if (woken > 0) return woken;
    await pause(5);
  }
  return 0;
}

const WAITER = `const region = Region.attach(data); post('ready'); post(region.wait(8, 0, { timeout: '10min' })); region.free();`;

describe('between threads', () => {
  it('a waiter is woken', async () => {
    using region = Region.map(PAGE, { carrier: 'shared' });
    const { next, end } = startWorker(WAITER, region.handle);
    expect(await next()).toBe('ready');
    const result = next();
    expect(await notifyOne(region, 8)).toBe(1);
    expect(await result).toBe('ok');
    await end();
  });

  it('wakes as many as told', async () => {
    using region = Region.shared(PAGE);
    const workers = [1, 2, 3].map(() => startWorker(WAITER, region.handle));
    for (const { next } of workers) await next();
    const results = workers.map(({ next }) => next());
    await pause(200);
    expect(region.notify(8, 0)).toBe(0);
    let woken = await notifyOne(region, 8, 1);
    expect(woken).toBe(1);
    await pause(100);
    for (let tries = 0; woken < 3 && tries < 100; tries += 1) woken += await notifyOne(region, 8);
    expect(await Promise.all(results)).toEqual(['ok', 'ok', 'ok']);
    for (const { end } of workers) await end();
  });

  it('a waiting worker can be terminated', async () => {
    using region = Region.shared(PAGE);
    const { worker, next, end } = startWorker(WAITER, region.handle);
    await next();
    await pause(50);
    // It would wait longer than a test may take.
    expect(await worker.terminate()).toBe(1);
    await end();
  });
});

it('between processes', async () => {
  using region = Region.shared(PAGE);
  const word = new Int32Array(region.buffer as ArrayBuffer, 0, 4);
  const source = `const { Region } = require(${JSON.stringify(DIST)});
    const region = Region.attach(${JSON.stringify(region.handle)});
    process.stdout.write('ready\\n');
    const result = region.wait(4, 7, { timeout: '10min' });
    new Int32Array(region.buffer)[2] = 99;
    region.notify(8);
    process.stdout.write(result);`;
  word[1] = 7;
  const child = spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (piece: Buffer) => void (text += piece.toString()));
  // Not at 'exit': the last of its text may come after that.
  const ended = new Promise<number | null>((done) => void child.once('close', done));
  while (!text.includes('ready')) await pause(10);
  expect(await notifyOne(region, 4)).toBe(1);
  expect(await ended).toBe(0);
  expect([text, word[2]]).toEqual(['ready\nok', 99]);
});

describe('without anybody to wake', () => {
  it('times out, and sees at once that the word is another', () => {
    using region = Region.shared(PAGE);
    region.bytes[0] = 5;
    const started = performance.now();
    expect(region.wait(0, 5, { timeout: 120 })).toBe('timed-out');
    expect(performance.now() - started).toBeGreaterThanOrEqual(115);
    expect(region.wait(0, 6)).toBe('not-equal');
    expect(region.wait(0, 5, { timeout: 0 })).toBe('timed-out');
    expect(region.notify(0)).toBe(0);
  });

  it('takes a word as signed or unsigned', () => {
    using region = Region.shared(PAGE);
    region.bytes.fill(0xff, 4, 8);
    expect(region.wait(4, -1, { timeout: 1 })).toBe('timed-out');
    expect(region.wait(4, 0xffffffff, { timeout: 1 })).toBe('timed-out');
    expect(region.wait(4, 1)).toBe('not-equal');
  });

  test.each([
    [2, 0, undefined, 'ERR_MEMORY_INVALID_ALIGNMENT'],
    [-4, 0, undefined, 'ERR_MEMORY_OUT_OF_RANGE'],
    [PAGE, 0, undefined, 'ERR_MEMORY_OUT_OF_RANGE'],
    [1.5, 0, undefined, 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['0', 0, undefined, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [0, 2 ** 32, undefined, 'ERR_MEMORY_OUT_OF_RANGE'],
    [0, 'x', undefined, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [0, 0, { timeout: 'soon' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [0, 0, { timeout: -1 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [0, 0, { timeoutMs: 1 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ])('wait(%p, %p, %j) is %4$s', (offset, expected, options, code) => {
    using region = Region.shared(PAGE);
    expect(codeOf(() => region.wait(offset as never, expected as never, options as never))).toBe(code);
  });

  it('notify checks its numbers', () => {
    using region = Region.shared(PAGE);
    expect(codeOf(() => region.notify(1))).toBe('ERR_MEMORY_INVALID_ALIGNMENT');
    expect(codeOf(() => region.notify(PAGE))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect(codeOf(() => region.notify(0, -1))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect(codeOf(() => region.notify(0, 1.5))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  it('local memory has nobody who could notify', () => {
    using region = Region.map(PAGE);
    expect(thrown(() => region.wait(0, 0))).toMatchObject({
      code: 'ERR_MEMORY_INVALID_STATE',
      hint: expect.stringContaining("carrier: 'shared'"),
    });
    expect(codeOf(() => region.notify(0))).toBe('ERR_MEMORY_INVALID_STATE');
  });
});
