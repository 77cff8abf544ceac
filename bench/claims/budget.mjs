// What a hard limit costs: a tree of budgets and a budget that threads and processes share, beside counters; and a crowd
// that waits, beside a semaphore of npm.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { claim, comparison, interleave, nebula, ratioOf, timedInBatches } from '../harness.mjs';

const { MemoryBudget, SharedBudget } = nebula;

/** The least that could be called a limit. */
class Counter {
  used = 0;
  constructor(limit) {
    this.limit = limit;
  }
  tryReserve(bytes) {
    if (this.used + bytes > this.limit) return false;
    this.used += bytes;
    return true;
  }
  release(bytes) {
    this.used -= bytes;
  }
}

/** The least that could be called a limit over threads; what a thread had that dies is lost. */
class AtomicCounter {
  word = new Int32Array(new SharedArrayBuffer(4));
  constructor(limit) {
    this.limit = limit;
  }
  tryReserve(bytes) {
    for (;;) {
      const used = Atomics.load(this.word, 0);
      if (used + bytes > this.limit) return false;
      if (Atomics.compareExchange(this.word, 0, used, used + bytes) === used) return true;
    }
  }
  release(bytes) {
    Atomics.sub(this.word, 0, bytes);
  }
}

function leafOf(quantumBytes) {
  const options = quantumBytes === undefined ? {} : { quantumBytes };
  return new MemoryBudget('root', { limitBytes: '1GiB', ...options }).child('middle', options).child('leaf', options);
}

// A loop of its own from a text of its own for each: functions of the same text share what the compiler learned.
let loops = 0;
function pairs(budget) {
  loops += 1;
  return new Function(
    'budget',
    `// ${loops}
    return function run(first, count) {
      for (let i = first; i < first + count; i += 1) {
        const bytes = 64 + (i & 1023);
        if (!budget.tryReserve(bytes)) throw new Error('refused');
        budget.release(bytes);
      }
    };`,
  )(budget);
}

/** Nanoseconds a waiter, from asking to being served; throws where the order is not that of arrival. */
async function queue(waiters, acquire) {
  const first = await acquire();
  const started = performance.now();
  let next = 0;
  const all = [];
  for (let i = 0; i < waiters; i += 1) {
    all.push(
      acquire().then((release) => {
        if (next !== i) throw new Error(`waiter ${i} was served as number ${next}`);
        next += 1;
        release();
      }),
    );
  }
  first();
  await Promise.all(all);
  return ((performance.now() - started) * 1e6) / waiters;
}

function byBudget(budget) {
  return async () => {
    const reservation = await budget.acquire(10);
    return () => reservation.cancel();
  };
}

/** `async-mutex`, installed into a temporary folder for the run; null where it cannot be had. */
async function semaphore() {
  const folder = mkdtempSync(join(tmpdir(), 'nebula-bench-'));
  try {
    const flags = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts'];
    const done = spawnSync('npm', ['install', '--prefix', folder, ...flags, 'async-mutex@0.5'], { stdio: 'ignore' });
    if (done.status !== 0) return null;
    const { Semaphore } = await import(join(folder, 'node_modules/async-mutex/index.mjs'));
    return new Semaphore(10);
  } catch {
    return null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export default async function run({ quick }) {
  const operations = quick ? 500_000 : 5_000_000;
  const shared = (quantum) => SharedBudget.create('bench', { limitBytes: '1GiB', ...quantum });
  const budgets = {
    'plain counter': [new Counter(2 ** 30), 1],
    'counter of Atomics': [new AtomicCounter(2 ** 30), 1],
    'leaf, 3 deep': [leafOf(), 1],
    'every level': [leafOf(1), 1],
    SharedBudget: [shared({}), 1],
    'SharedBudget, every call to the others': [shared({ quantumBytes: 1 }), 10],
  };
  const variants = Object.entries(budgets).map(([name, [budget, share]]) => {
    const loop = pairs(budget);
    return { name, run: () => timedInBatches(operations / share, 1000, loop) };
  });
  const rows = await interleave(variants, quick ? 5 : 9);

  const waiters = quick ? 10_000 : 100_000;
  const crowd = (name) => `${name}, ${waiters} waiting`;
  const peer = await semaphore();
  const turn = async () => {
    const [, release] = await peer.acquire(10);
    return release;
  };
  const waiting = await interleave(
    [
      { name: crowd('MemoryBudget'), run: () => queue(waiters, byBudget(new MemoryBudget('q', { limitBytes: 10 }))) },
      {
        name: crowd('SharedBudget'),
        run: () => queue(waiters, byBudget(SharedBudget.create('q', { limitBytes: 10 }))),
      },
      ...(peer === null ? [] : [{ name: crowd('async-mutex'), run: () => queue(waiters, turn) }]),
    ],
    3,
  );
  const find = (name) => [...rows, ...waiting].find((row) => row.name === name).median;
  const seconds = (name) => (find(crowd(name)) * 100_000) / 1e9;
  return {
    title: 'tryReserve + release',
    unit: 'ns',
    rows: [...rows, ...waiting],
    extra: { p50: 'p50', p99: 'p99' },
    claims: [
      claim('a pair on a leaf, ns', find('leaf, 3 deep'), '<=', 15),
      claim('a pair that asks every level, ns', find('every level'), '<=', 60),
      claim('a pair on a SharedBudget, ns', find('SharedBudget'), '<=', 150),
      claim('100 000 waiters served in order, seconds', seconds('MemoryBudget'), '<=', 1),
      comparison('the same, SharedBudget', seconds('SharedBudget')),
      comparison('leaf to plain counter', ratioOf(rows, 'leaf, 3 deep', 'plain counter')),
      comparison('SharedBudget to a counter of Atomics', ratioOf(rows, 'SharedBudget', 'counter of Atomics')),
      ...(peer === null
        ? []
        : [
            comparison(
              'waiting: MemoryBudget to async-mutex',
              ratioOf(waiting, crowd('MemoryBudget'), crowd('async-mutex')),
            ),
          ]),
    ],
    notes: [
      'one thread; a plain counter knows no parents, no waiters, no reclaimers and no dead members',
      ...(peer === null ? ['async-mutex cannot be installed here: its row is missing'] : []),
    ],
  };
}
