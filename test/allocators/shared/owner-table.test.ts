import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { HEADER, LAYOUT_VERSION, SharedBlockAllocator } from '../../../lib/allocators/shared';
import { environments, parseProcessStat, Region, type Sysroot } from '../../../lib/platform';

const HOLDER = join(__dirname, 'holder.cjs');

function attachIn(handle: unknown, blocks: number): Promise<{ worker: Worker; owner: number }> {
  const worker = new Worker(HOLDER, { workerData: { handle, blocks } });
  return new Promise((done, fail) => {
    worker.once('message', (owner: number) => done({ worker, owner }));
    worker.once('error', fail);
  });
}

function attachInProcess(handle: unknown, blocks: number): Promise<{ child: ChildProcess; owner: number }> {
  const child = fork(HOLDER, { env: { ...process.env, HOLDER_SETUP: JSON.stringify({ handle, blocks }) } });
  return new Promise((done, fail) => {
    child.once('message', (owner) => done({ child, owner: owner as number }));
    child.once('exit', (code) => fail(new Error(`exit ${code}`)));
  });
}

describe('environments', () => {
  const me = environments.current();

  test('this one is alive, an ended or unknown one of this process is not', async () => {
    expect(me.pid).toBe(process.pid);
    expect(environments.isAlive(me)).toBe(true);
    expect(environments.isAlive({ ...me, serial: 999_999 })).toBe(false);
    const serials = new Promise<number>((done) => {
      const worker = new Worker(HOLDER, { workerData: { serial: true } });
      worker.once('message', (serial: number) => {
        expect(environments.isAlive({ ...me, serial })).toBe(true);
        void worker.terminate().then(() => done(serial));
      });
    });
    expect(environments.isAlive({ ...me, serial: await serials })).toBe(false);
  });

  test('another process: by its number and its start; what cannot be judged is alive', () => {
    const parent = { pid: process.ppid, startTicks: 0, namespace: me.namespace, serial: 1 };
    expect(environments.isAlive(parent)).toBe(true);
    if (me.startTicks !== 0) {
      expect(environments.isAlive({ ...parent, startTicks: 1 })).toBe(false);
      expect(environments.isAlive({ ...me, startTicks: me.startTicks + 1 })).toBe(false);
    }
    expect(environments.isAlive({ ...parent, pid: 2 ** 31 - 2 })).toBe(false);
    if (me.namespace !== 0) {
      expect(environments.isAlive({ ...parent, pid: 2 ** 31 - 2, namespace: me.namespace + 1 })).toBe(true);
    }
    const hidden: Sysroot = { root: '/', readText: () => null, list: () => [], exists: () => false };
    expect(environments.isAlive({ ...parent, startTicks: 1 }, hidden)).toBe(true);
  });

  test('reads /proc/<pid>/stat whatever the name of the process', () => {
    const tail = (state: string, threads: number) =>
      `${state} 1 1 1 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 ${threads} 0 4711 1000 10`;
    expect(parseProcessStat(`12 (a) b) (c) ${tail('S', 3)}`)).toEqual({ startTicks: 4711, ended: false });
    expect(parseProcessStat(`12 (x) ${tail('Z', 1)}`)).toEqual({ startTicks: 4711, ended: true });
    expect(parseProcessStat(`12 (x) ${tail('Z', 2)}`)).toEqual({ startTicks: 4711, ended: false });
    for (const text of ['', 'x', '12 (x)', '12 (x) S 1 2', '(((']) expect(parseProcessStat(text)).toBeNull();
  });
});

describe('owners', () => {
  let allocator: SharedBlockAllocator;
  beforeEach(() => {
    allocator = SharedBlockAllocator.create({ blockBytes: 64, blocks: 100, owners: 3 });
  });
  afterEach(() => allocator.dispose());

  test('what a terminated worker held comes back by recover(), once', async () => {
    const { worker, owner } = await attachIn(allocator.handle, 30);
    expect(owner).toBe(2);
    expect([allocator.usedBytes, allocator.ownerOf(allocator.blockBytes * 0)]).toEqual([30 * 64, expect.any(Number)]);
    expect(allocator.recover()).toEqual({ owners: 0, blocks: 0 });
    await worker.terminate();
    expect(allocator.recover()).toEqual({ owners: 1, blocks: 30 });
    expect(allocator.recover()).toEqual({ owners: 0, blocks: 0 });
    expect(allocator.stats()).toMatchObject({ liveAllocations: 0, usedBytes: 0, deallocations: 30 });
  });

  test('what a killed process held comes back by itself before a request is refused', async () => {
    const { child, owner } = await attachInProcess(allocator.handle, 99);
    expect(owner).toBe(2);
    allocator.allocate(64);
    expect(() => allocator.allocate(64)).toThrow(expect.objectContaining({ code: 'ERR_MEMORY_POOL_EXHAUSTED' }));
    await new Promise((done) => {
      child.removeAllListeners('exit');
      child.once('exit', done);
      child.kill('SIGKILL');
    });
    expect(allocator.allocate(64)).toBeGreaterThanOrEqual(0);
    expect(allocator.usedBytes).toBe(128);
  });

  test('places run out with an error, and come back from the dead', async () => {
    const second = SharedBlockAllocator.attach(allocator.handle);
    const { worker } = await attachIn(allocator.handle, 5);
    expect(() => SharedBlockAllocator.attach(allocator.handle)).toThrow(
      expect.objectContaining({ code: 'ERR_MEMORY_POOL_EXHAUSTED', hint: expect.stringContaining('owners') }),
    );
    await worker.terminate();
    const third = SharedBlockAllocator.attach(allocator.handle);
    expect([second.owner, third.owner]).toEqual([2, 3]);
    expect(allocator.usedBytes).toBe(0);
    third.dispose();
    second.dispose();
    expect(SharedBlockAllocator.attach(allocator.handle).owner).toBe(2);
  });
});

describe('bookkeeping that is none', () => {
  const code = (expected: string) => expect.objectContaining({ code: expected });
  let allocator: SharedBlockAllocator;
  let book: Region;
  let words: Int32Array;
  beforeEach(() => {
    allocator = SharedBlockAllocator.create({ blockBytes: 64, blocks: 100 });
    book = Region.attach(allocator.handle.book);
    words = new Int32Array(book.buffer, 0, 64);
  });
  afterEach(() => {
    book.free();
    allocator.dispose();
  });
  const regions = () => Region.attach(allocator.handle.book).free();

  test.each([
    ['another mark', HEADER.magic, 7, 'ERR_MEMORY_CORRUPTION'],
    ['another version', HEADER.version, LAYOUT_VERSION + 1, 'ERR_MEMORY_UNSUPPORTED'],
    ['one that was not finished', HEADER.ready, 0, 'ERR_MEMORY_CORRUPTION'],
    ['another kind', HEADER.kind, 1, 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['no owners', HEADER.owners, 0, 'ERR_MEMORY_CORRUPTION'],
    ['too many owners', HEADER.owners, 1 << 20, 'ERR_MEMORY_CORRUPTION'],
    ['more words than there are', HEADER.ownWordsLow, -1, 'ERR_MEMORY_CORRUPTION'],
    ['fewer words than needed', HEADER.ownWordsLow, 3, 'ERR_MEMORY_CORRUPTION'],
    ['a larger memory', HEADER.dataBytesHigh, 5, 'ERR_MEMORY_CORRUPTION'],
    ['no memory', HEADER.dataBytesLow, 0, 'ERR_MEMORY_CORRUPTION'],
  ])('%s', (_, word, value, expected) => {
    const kept = words[word] ?? 0;
    words[word] = value;
    expect(() => SharedBlockAllocator.attach(allocator.handle)).toThrow(code(expected));
    words[word] = kept;
    regions();
  });

  test('parameters that cannot be', () => {
    const doubles = new Float64Array(book.buffer, 0, 32);
    for (const value of [0, -1, Number.NaN, 1.5, 2 ** 40, Number.POSITIVE_INFINITY]) {
      for (const at of [16, 17]) {
        const kept = doubles[at] ?? 0;
        doubles[at] = value;
        expect(() => SharedBlockAllocator.attach(allocator.handle)).toThrow(code('ERR_MEMORY_CORRUPTION'));
        doubles[at] = kept;
      }
    }
    SharedBlockAllocator.attach(allocator.handle).dispose();
  });

  test('a region of something else, or too short', () => {
    const other = Region.shared('4KiB');
    const tiny = Region.shared(8);
    for (const handle of [other.handle, tiny.handle]) {
      expect(() => SharedBlockAllocator.attach({ ...allocator.handle, book: handle })).toThrow(
        code('ERR_MEMORY_CORRUPTION'),
      );
    }
    expect(() => SharedBlockAllocator.attach({ ...allocator.handle, data: tiny.handle })).toThrow(
      code('ERR_MEMORY_CORRUPTION'),
    );
    other.free();
    tiny.free();
  });

  test('handles that are none', () => {
    const { handle } = allocator;
    const throwing = Object.defineProperty({ ...handle }, 'data', {
      get() {
        throw new Error('no');
      },
    });
    for (const value of [
      null,
      undefined,
      7,
      'x',
      [],
      {},
      { ...handle, type: 'x' },
      { ...handle, kind: 'bump' },
      throwing,
    ]) {
      expect(() => SharedBlockAllocator.attach(value as never)).toThrow(code('ERR_MEMORY_INVALID_ARGUMENT'));
    }
    for (const kind of ['toString', '__proto__', 7, null]) {
      expect(() => SharedBlockAllocator.attach({ ...handle, kind } as never)).toThrow(
        code('ERR_MEMORY_INVALID_ARGUMENT'),
      );
    }
    for (const data of [null, {}, 'x', { ...handle.data, slot: -1 }, { ...handle.data, byteLength: Number.NaN }]) {
      expect(() => SharedBlockAllocator.attach({ ...handle, data } as never)).toThrow(
        expect.objectContaining({ category: 'validation' }),
      );
    }
  });

  test('a handle of memory that is gone', () => {
    const gone = SharedBlockAllocator.create({ blockBytes: 64, blocks: 4 });
    const { handle } = gone;
    gone.dispose();
    expect(() => SharedBlockAllocator.attach(handle)).toThrow(code('ERR_MEMORY_STALE_HANDLE'));
  });

  test('noise all over the bookkeeping ends in errors or refusals, never in anything else', () => {
    const all = new Int32Array(book.buffer, 0, book.byteLength >> 2);
    let seed = 12345;
    for (let round = 0; round < 200; round += 1) {
      for (let at = HEADER.era + 1; at < all.length; at += 1) {
        seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
        all[at] = round % 3 === 0 ? -1 : seed;
      }
      for (const call of [
        () => allocator.tryAllocate(8),
        () => allocator.deallocate((seed >>> 8) & 0x1fff, 8),
        () => allocator.owns(seed & 0xfff),
        () => allocator.stats(),
        () => allocator.view(0, 8),
        () => allocator.recover(),
        () => allocator.lease(0),
      ]) {
        try {
          call();
        } catch (error) {
          expect([(error as Error).stack, (error as Error).name]).toEqual([
            expect.anything(),
            expect.stringMatching(/^Memory/),
          ]);
        }
      }
    }
    all.fill(0, HEADER.era + 1);
  });
});
