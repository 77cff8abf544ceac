import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { CrossThreadArena, LocalArena, localArena, ThreadSafeArena } from '../../lib/arenas';
import { Region } from '../../lib/platform';
import { codeOf, TestBudget } from './support';

function start(name: string, workerData?: unknown): Worker {
  return new Worker(join(__dirname, 'workers', `${name}.cjs`), { workerData });
}

async function answer<T>(worker: Worker): Promise<T> {
  const failed = once(worker, 'error').then(([error]) => Promise.reject(error));
  return (await Promise.race([once(worker, 'message').then(([message]) => message), failed])) as T;
}

type Blocks = [offset: number, bytes: number][];

function overlaps(blocks: Blocks): boolean {
  const sorted = [...blocks].sort((a, b) => a[0] - b[0]);
  return sorted.some(([offset], i) => i > 0 && offset < (sorted[i - 1]![0] as number) + (sorted[i - 1]![1] as number));
}

describe('ThreadSafeArena', () => {
  test('two workers and this thread share it without overlap, over a reset', async () => {
    using arena = ThreadSafeArena.create('4MiB', { segmentBytes: '16KiB' });
    const sizes = [16, 100, 3000, 40_000];
    const workers = [1, 2].map((id) => start('thread-safe', { handle: arena.handle, id, count: 80, sizes }));
    for (let round = 0; round < 3; round += 1) {
      const answers = Promise.all(workers.map((worker) => answer<Blocks>(worker)));
      if (round > 0) for (const worker of workers) worker.postMessage('again');
      const mine: Blocks = [];
      for (let i = 0; i < 50; i += 1) {
        const offset = arena.allocate(500);
        arena.view(offset, 500).fill(9);
        mine.push([offset, 500]);
      }
      const [first, second] = (await answers) as [Blocks, Blocks];
      expect([first.length > 50, second.length > 50]).toEqual([true, true]);
      expect(overlaps([...first, ...second, ...mine])).toBe(false);
      const whole = (blocks: Blocks, id: number) =>
        blocks.every(([offset, bytes]) => arena.view(offset, bytes).every((byte) => byte === id));
      expect([whole(first, 1), whole(second, 2), whole(mine, 9)]).toEqual([true, true, true]);
      const live = first.length + second.length + 50;
      expect(arena.stats()).toMatchObject({ liveAllocations: live });
      for (const [offset, bytes] of first) arena.deallocate(offset, bytes); // another thread's blocks
      expect(codeOf(() => arena.deallocate(first[0]![0], first[0]![1]))).toBe('ERR_MEMORY_DOUBLE_FREE');
      expect(arena.stats().liveAllocations).toBe(live - first.length);
      arena.reset();
      expect(arena.stats()).toMatchObject({ liveAllocations: 0, usedBytes: 0, resets: round + 1 });
      expect(codeOf(() => arena.deallocate(second[0]![0], second[0]![1]))).toBe('ERR_MEMORY_FOREIGN_FREE');
    }
    for (const worker of workers) worker.postMessage('end');
    await Promise.all(workers.map((worker) => once(worker, 'exit')));
  });

  test('workers that are terminated at any instruction leave it usable', async () => {
    using arena = ThreadSafeArena.create('8MiB', { segmentBytes: '8KiB' });
    for (let round = 0; round < 4; round += 1) {
      const workers = [start('storm', { handle: arena.handle }), start('storm', { handle: arena.handle })];
      await Promise.all(workers.map((worker) => answer(worker)));
      await new Promise((done) => setTimeout(done, 3 * round));
      await Promise.all(workers.map((worker) => worker.terminate()));
      arena.reset();
      const blocks: Blocks = [];
      for (let offset = arena.tryAllocate(8000); offset !== -1; offset = arena.tryAllocate(8000))
        blocks.push([offset, 8000]);
      expect([blocks.length, overlaps(blocks)]).toEqual([1024, false]);
      for (const [offset, bytes] of blocks) arena.deallocate(offset, bytes);
      expect(arena.stats().liveAllocations).toBe(0);
      arena.reset();
    }
  });

  test('close() ends it for all', async () => {
    const arena = ThreadSafeArena.create('1MiB');
    const worker = start('thread-safe', { handle: arena.handle, id: 1, count: 10, sizes: [64] });
    const [block] = await answer<Blocks>(worker);
    const view = arena.view(block![0], block![1]);
    expect(view[0]).toBe(1);
    const { handle } = arena;
    arena.close();
    expect(view.every((byte) => byte === 0)).toBe(true);
    expect(codeOf(() => arena.allocate(8))).toBe('ERR_MEMORY_CLOSED');
    expect(codeOf(() => ThreadSafeArena.attach(handle))).toBe('ERR_MEMORY_CLOSED');
    worker.postMessage('code');
    expect(await answer(worker)).toBe('ERR_MEMORY_CLOSED');
    worker.postMessage('end');
    await once(worker, 'exit');
    expect(codeOf(() => ThreadSafeArena.attach(handle))).toBe('ERR_MEMORY_STALE_HANDLE');
  });

  test('wrong handles, options and too many attachments', () => {
    const budget = new TestBudget();
    const arena = ThreadSafeArena.create('64KiB', { segmentBytes: 4096, budget });
    expect(budget.used).toBeGreaterThan(65_536);
    const { handle } = arena;
    expect(codeOf(() => ThreadSafeArena.attach({} as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => ThreadSafeArena.attach({ ...handle, version: 9 }))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect(codeOf(() => ThreadSafeArena.attach({ ...handle, books: handle.data }))).toBe('ERR_MEMORY_CORRUPTION');
    expect(codeOf(() => ThreadSafeArena.create('1MiB', { segmentBytes: 5000 }))).toBe('ERR_MEMORY_INVALID_ALIGNMENT');
    expect(codeOf(() => ThreadSafeArena.create(0))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    const more = Array.from({ length: 63 }, () => ThreadSafeArena.attach(handle));
    expect(codeOf(() => ThreadSafeArena.attach(handle))).toBe('ERR_MEMORY_POOL_EXHAUSTED');
    for (const each of more) each.dispose();
    ThreadSafeArena.attach(handle).dispose();
    arena.dispose();
    expect(budget.used).toBe(0);
  });
});

describe('CrossThreadArena', () => {
  test('goes to a worker and back with everything in it; views that stayed read zeros', async () => {
    const budget = new TestBudget();
    const arena = new CrossThreadArena('4KiB', { maxChunkBytes: '16KiB', budget });
    const blocks = Array.from({ length: 30 }, (_, i) => {
      const offset = arena.allocate(1000);
      arena.view(offset, 1000).fill(i + 1);
      return [offset, 1000, i + 1] as const;
    });
    const views = blocks.map(([offset, bytes]) => arena.view(offset, bytes));
    const worker = start('cross-thread');
    const exited = once(worker, 'exit'); // it may come in the same turn as the reply
    const pending = arena.handOver();
    expect([arena.disposed, codeOf(() => arena.allocate(8))]).toEqual([true, 'ERR_MEMORY_CLOSED']);
    const zeros = () => views.every((view) => view.every((byte) => byte === 0));
    expect(zeros()).toBe(true);
    const replied = answer<{ right: boolean; mine: number; again: string; handle: never; used: number }>(worker);
    worker.postMessage({ handle: pending.handle, blocks });
    const reply = await replied;
    expect([reply.right, reply.again, zeros()]).toEqual([true, 'ERR_MEMORY_STALE_HANDLE', true]);
    await pending.whenTaken();
    expect([pending.taken, pending.revoke(), budget.used]).toEqual([true, false, 0]);
    using back = CrossThreadArena.attach(reply.handle, { budget });
    expect(budget.used).toBe(back.heldBytes);
    expect(blocks.every(([offset, bytes]) => back.view(offset, bytes).every((byte) => byte === 0xbb))).toBe(true);
    expect(back.view(reply.mine, 5000).every((byte) => byte === 0xcc)).toBe(true);
    expect(back.stats().liveAllocations).toBe(31);
    back.deallocate(reply.mine, 5000);
    expect(codeOf(() => back.deallocate(reply.mine, 5000))).toBe('ERR_MEMORY_DOUBLE_FREE');
    back.reset();
    expect(back.allocate(8)).toBe(0);
    expect(zeros()).toBe(true);
    await exited;
  });

  test('that nobody took can be revoked, and not with a scope open', () => {
    const budget = new TestBudget();
    const arena = new CrossThreadArena({ budget });
    const scope = arena.scope();
    expect(codeOf(() => arena.handOver())).toBe('ERR_MEMORY_INVALID_STATE');
    scope.close();
    arena.allocate(100);
    const pending = arena.handOver();
    expect([pending.taken, budget.used > 0]).toEqual([false, true]);
    expect(pending.revoke()).toBe(true);
    expect([pending.revoke(), budget.used]).toEqual([false, 0]);
    expect(codeOf(() => CrossThreadArena.attach(pending.handle))).toBe('ERR_MEMORY_STALE_HANDLE');
    expect(codeOf(() => CrossThreadArena.attach({} as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  test('memory that the new owner pins is let go of all the same', async () => {
    const budget = new TestBudget();
    const arena = new CrossThreadArena({ budget });
    arena.alloc(100);
    const pending = arena.handOver();
    const pin = Region.attach(pending.handle.chunks[0]!.region);
    const held = pin.pin();
    using mine = CrossThreadArena.attach(pending.handle);
    await pending.whenTaken();
    held.release();
    pin.free();
    expect([budget.used, mine.view(0, 100).length]).toEqual([0, 100]);
  });

  test('a handle with parts that are none is refused, and the hand-over stays open', () => {
    const budget = new TestBudget();
    const arena = new CrossThreadArena('4KiB', { budget });
    for (const byte of [3, 4, 5]) arena.view(arena.allocate(3000), 3000).fill(byte);
    const pending = arena.handOver();
    const { handle } = pending;
    const [chunk] = handle.chunks as [(typeof handle.chunks)[0]];
    const column = (length: number) => new Int32Array(length);
    const wrong: Record<string, unknown>[] = [
      { options: undefined },
      { options: null },
      { options: 5 },
      { ticket: undefined },
      { ticket: {} },
      { starts: column(2) },
      { sizes: column(4) },
      { starts: { length: 3, [Symbol.toStringTag]: 'Int32Array' } },
      { freed: -1 },
      { freed: 4 },
      { freed: 'x' },
      { chunks: [null] },
      { chunks: [5] },
      { chunks: [{}] },
      { chunks: [] },
      ...(['base', 'usedBytes', 'usedBefore', 'firstEntry', 'hugeBytes'] as const).flatMap((key) => [
        { chunks: [{ ...chunk, [key]: -1 }] },
        { chunks: [{ ...chunk, [key]: 1.5 }] },
        { chunks: [{ ...chunk, [key]: undefined }] },
      ]),
      { chunks: [{ ...chunk, usedBytes: 2 ** 30 }] },
      { chunks: [{ ...chunk, firstEntry: 4 }] },
      { chunks: [{ ...chunk, region: undefined }] },
    ];
    const { ticket: _ticket, ...rest } = handle;
    wrong.push(rest);
    const mine = new TestBudget();
    for (const part of wrong) {
      const given = part === rest ? rest : { ...handle, ...part };
      expect([part, codeOf(() => CrossThreadArena.attach(given as never, { budget: mine }))]).toEqual([
        part,
        'ERR_MEMORY_INVALID_ARGUMENT',
      ]);
    }
    expect(mine.used).toBe(0);
    using back = CrossThreadArena.attach(structuredClone(handle), { budget: mine });
    expect(back.view(0, 3000).every((byte) => byte === 3)).toBe(true);
    expect(pending.taken).toBe(true);
  });

  test('a budget that refuses leaves the hand-over open', () => {
    const arena = new CrossThreadArena();
    arena.alloc(100).fill(3);
    const pending = arena.handOver();
    const poor = new TestBudget(10);
    expect(codeOf(() => CrossThreadArena.attach(pending.handle, { budget: poor }))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
    using mine = CrossThreadArena.attach(pending.handle);
    expect(mine.view(0, 100)[99]).toBe(3);
    expect([poor.used, pending.taken]).toEqual([0, true]);
  });
});

describe('localArena', () => {
  test('is one a thread, made anew after its end', async () => {
    const arena = localArena({ name: 'mine' });
    expect(arena).toBeInstanceOf(LocalArena);
    expect(localArena()).toBe(arena);
    expect(codeOf(() => localArena({}))).toBe('ERR_MEMORY_INVALID_STATE');
    const worker = start('local');
    const exited = once(worker, 'exit'); // it may come in the same turn as the answer
    expect(await answer(worker)).toEqual({ same: true, used: 100, thread: true });
    await exited;
    arena.dispose();
    expect(localArena()).not.toBe(arena);
    localArena().dispose();
  });
});
