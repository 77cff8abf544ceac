import { CachedProvider, HeapAllocator } from '../../lib/allocators';
import { MemoryBudget } from '../../lib/budgets';
import { Reclaimer, type ReclaimTarget } from '../../lib/manager';
import { ManualSource, MemoryMonitor } from '../../lib/monitor';
import { codeOf } from '../platform/region/support';
import { rejects, unhandledOf } from '../system/unhandled';

/** Gives what it has, and notes who was asked for how much. */
function holder(name: string, bytes: number, priority: number, asked: [string, number][]) {
  return {
    name,
    priority,
    bytes,
    reclaimableBytes() {
      return this.bytes;
    },
    reclaim(target: number) {
      asked.push([name, target]);
      const given = Math.min(target, this.bytes);
      this.bytes -= given;
      return given;
    },
  };
}

const clock = { nowMs: () => 5 };

test('asks by priority, then the one with most, until it is enough', () => {
  const asked: [string, number][] = [];
  const reclaimer = new Reclaimer({ clock });
  for (const target of [
    holder('last', 1000, 90, asked),
    holder('small', 10, 20, asked),
    holder('large', 100, 20, asked),
    holder('empty', 0, 1, asked),
  ]) {
    reclaimer.register(target);
  }
  expect(reclaimer.reclaimableBytes()).toBe(1110);
  expect(reclaimer.reclaim(105, 'test')).toBe(105);
  expect(asked).toEqual([
    ['large', 105],
    ['small', 5],
  ]);
  expect(reclaimer.journal()).toEqual([
    {
      atMs: 5,
      reason: 'test',
      targetBytes: 105,
      freedBytes: 105,
      asked: [
        { name: 'large', freedBytes: 100 },
        { name: 'small', freedBytes: 5 },
      ],
      failed: [],
    },
  ]);
  expect(reclaimer.reclaim()).toBe(1005);
  expect(reclaimer.stats()).toEqual({ targets: 4, rounds: 2, freedBytes: 1110, failures: 0, reentered: 0, pending: 0 });
});

test('one that throws or answers nonsense stops nobody', () => {
  const asked: [string, number][] = [];
  const reclaimer = new Reclaimer({ clock });
  const bad = (name: string, reclaim: () => unknown): ReclaimTarget =>
    ({ name, priority: 1, reclaimableBytes: () => 10, reclaim }) as never;
  reclaimer.register(
    bad('throws', () => {
      throw new RangeError('no');
    }),
  );
  reclaimer.register(bad('nothing', () => undefined));
  reclaimer.register(bad('negative', () => -5));
  reclaimer.register(bad('NaN', () => Number.NaN));
  reclaimer.register(bad('endless', () => Number.POSITIVE_INFINITY));
  reclaimer.register({ name: 'unasked', reclaimableBytes: () => Number.NaN, reclaim: () => 1 });
  reclaimer.register(holder('good', 50, 80, asked));
  expect(reclaimer.reclaim(10)).toBe(10);
  const [round] = reclaimer.journal();
  expect(round?.failed).toEqual(expect.arrayContaining(['throws', 'nothing', 'negative', 'NaN', 'endless']));
  expect(reclaimer.stats()).toMatchObject({ failures: 5, freedBytes: 10 });
});

test('a round inside of a round does nothing', () => {
  const reclaimer = new Reclaimer();
  const inner: number[] = [];
  const target = {
    name: 'recursive',
    reclaimableBytes: () => 100,
    reclaim: () => {
      inner.push(reclaimer.reclaim(50));
      return 7;
    },
  };
  reclaimer.register(target);
  expect(reclaimer.reclaim(5)).toBe(7);
  expect(inner).toEqual([0]);
  expect(reclaimer.stats()).toMatchObject({ rounds: 1, reentered: 1, freedBytes: 7 });
});

test('a target that answers later is not asked before it has', async () => {
  const reclaimer = new Reclaimer();
  let answer: (bytes: number) => void = () => {};
  let asked = 0;
  reclaimer.register({
    name: 'slow',
    reclaimableBytes: () => 10,
    reclaim: () => {
      asked += 1;
      return new Promise<number>((resolve) => {
        answer = resolve;
      });
    },
  });
  expect([reclaimer.reclaim(5), reclaimer.reclaim(5)]).toEqual([0, 0]);
  expect([asked, reclaimer.stats().pending, reclaimer.reclaimableBytes()]).toEqual([1, 1, 0]);
  answer(8);
  await new Promise((resolve) => setImmediate(resolve));
  expect(reclaimer.stats()).toMatchObject({ pending: 0, freedBytes: 8 });
  reclaimer.reclaim(5);
  expect(asked).toBe(2);
});

test('a promise that fails is a failure', async () => {
  const reclaimer = new Reclaimer();
  reclaimer.register({ name: 'fails', reclaimableBytes: () => 1, reclaim: () => Promise.reject(new Error('no')) });
  reclaimer.reclaim(1);
  await new Promise((resolve) => setImmediate(resolve));
  expect(reclaimer.stats()).toMatchObject({ failures: 1, pending: 0 });
});

test('trims providers, allocators and caches', () => {
  const reclaimer = new Reclaimer();
  using provider = new CachedProvider(undefined, { decayMs: null });
  provider.release(provider.acquire(2 ** 20));
  provider.release(provider.acquire(2 ** 20));
  reclaimer.register(provider);
  using heap = new HeapAllocator('4MiB');
  const offset = heap.allocate(2 ** 20);
  heap.view(offset, 2 ** 20).fill(1);
  heap.deallocate(offset, 2 ** 20);
  reclaimer.register(heap);
  const cache = {
    name: 'cache',
    usedBytes: 1000,
    trim(keepBytes = 0) {
      const given = this.usedBytes - keepBytes;
      this.usedBytes = keepBytes;
      return given;
    },
  };
  reclaimer.register(cache, { priority: 90 });
  const before = provider.stats().cachedBytes;
  expect(reclaimer.reclaimableBytes()).toBe(before + 2 ** 20 + 1000);
  expect(reclaimer.reclaim(before + 2 ** 20 + 400)).toBe(before + 2 ** 20 + 400);
  expect([provider.stats().cachedBytes, cache.usedBytes]).toEqual([0, 600]);
});

test.each([
  ['no object', () => new Reclaimer().register(5 as never)],
  ['no methods', () => new Reclaimer().register({ name: 'x' } as never)],
  ['reclaim alone', () => new Reclaimer().register({ name: 'x', reclaim: () => 1 } as never)],
  ['no name', () => new Reclaimer().register({ trim: () => 0 })],
  ['an unknown option', () => new Reclaimer().register({ name: 'x', trim: () => 0 }, { prio: 5 } as never)],
  ['bytes that are none', () => new Reclaimer().reclaim('5' as never)],
  ['a budget that is none', () => new Reclaimer().attachBudget({} as never)],
  ['a monitor that is none', () => new Reclaimer().attachMonitor({} as never)],
  ['a listener that is none', () => new Reclaimer().listen(5 as never)],
  ['a clock that is none', () => new Reclaimer({ clock: {} as never })],
])('refuses %s', (_, work) => {
  expect(codeOf(work)).toBe('ERR_MEMORY_INVALID_ARGUMENT');
});

test('registers once, unregisters by both ways', () => {
  const reclaimer = new Reclaimer();
  const target = { name: 'x', usedBytes: 5, trim: () => 5 };
  const remove = reclaimer.register(target);
  expect(codeOf(() => reclaimer.register(target))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  remove();
  expect(reclaimer.stats().targets).toBe(0);
  reclaimer.register(target);
  remove(); // of the former registration
  expect(reclaimer.stats().targets).toBe(1);
  expect([reclaimer.unregister(target), reclaimer.unregister(target)]).toEqual([true, false]);
  expect(codeOf(() => reclaimer.register(target, { priority: 101 }))).toBe('ERR_MEMORY_OUT_OF_RANGE');
});

test('the journal keeps the latest rounds, listeners hear of all', () => {
  const reclaimer = new Reclaimer({ journalLength: 2, clock });
  const heard: string[] = [];
  const stop = reclaimer.listen(({ reason }) => heard.push(reason));
  reclaimer.listen(() => {
    throw new RangeError('a listener');
  });
  for (const reason of ['one', 'two', 'three']) reclaimer.reclaim(1, reason);
  stop();
  reclaimer.reclaim(1, 'four');
  expect(heard).toEqual(['one', 'two', 'three']);
  expect(reclaimer.journal().map(({ reason }) => reason)).toEqual(['three', 'four']);
});

test('a budget asks it before it refuses, but not those that it does not charge', () => {
  const budget = new MemoryBudget('images', { limitBytes: 100, quantumBytes: 1 });
  const reclaimer = new Reclaimer();
  const asked: [string, number][] = [];
  reclaimer.register(holder('elsewhere', 500, 1, asked), { forBudgets: false });
  let entries = 80;
  budget.reserve(80);
  reclaimer.register({
    name: 'entries',
    reclaimableBytes: () => entries,
    reclaim(bytes) {
      const given = Math.min(bytes, entries);
      entries -= given;
      budget.release(given);
      return given;
    },
  });
  const detach = reclaimer.attachBudget(budget);
  budget.reserve(50);
  expect([entries, budget.usedBytes, asked]).toEqual([50, 100, []]);
  expect(reclaimer.journal()[0]?.reason).toBe('budget images');
  detach();
  expect(budget.tryReserve(10)).toBe(false);
});

test('a monitor asks it while memory is short', () => {
  const source = new ManualSource('test');
  using monitor = new MemoryMonitor({ sources: [source], stepRatio: 0.5, actionIntervalMs: 0 });
  const asked: [string, number][] = [];
  const reclaimer = new Reclaimer();
  reclaimer.register(holder('cache', 1000, 50, asked));
  const detach = reclaimer.attachMonitor(monitor, { name: 'reclaim', from: 'high' });
  monitor.start();
  source.set('medium');
  monitor.poll();
  expect(asked).toEqual([]);
  source.set('high');
  monitor.poll();
  expect(asked).toEqual([['cache', 500]]);
  expect(reclaimer.journal()[0]?.reason).toBe('pressure high');
  detach();
  monitor.poll();
  expect(asked.length).toBe(1);
});

test('a listener whose promise fails is counted, and ends no process', async () => {
  const reclaimer = new Reclaimer();
  reclaimer.listen(rejects('listener') as () => void);
  expect(await unhandledOf(() => reclaimer.reclaim(1))).toEqual([]);
  expect(reclaimer.stats().failures).toBe(1);
});
