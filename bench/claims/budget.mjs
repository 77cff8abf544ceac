// A budget's hot path beside a plain counter: what a hard limit on three levels costs.
import { claim, comparison, interleave, nebula, ratioOf, timedInBatches } from '../harness.mjs';

const { MemoryBudget } = nebula;

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

function leafOf(quantumBytes) {
  const options = quantumBytes === undefined ? {} : { quantumBytes };
  return new MemoryBudget('root', { limitBytes: '1GiB', ...options }).child('middle', options).child('leaf', options);
}

const pairs = (budget) => (first, count) => {
  for (let i = first; i < first + count; i += 1) {
    const bytes = 64 + (i & 1023);
    if (!budget.tryReserve(bytes)) throw new Error('refused');
    budget.release(bytes);
  }
};

async function queue(waiters) {
  const budget = new MemoryBudget('queue', { limitBytes: 10 });
  const first = await budget.acquire(10);
  const started = performance.now();
  const all = [];
  for (let i = 0; i < waiters; i += 1) all.push(budget.acquire(10).then((got) => got.cancel()));
  first.cancel();
  await Promise.all(all);
  return ((performance.now() - started) * 1e6) / waiters;
}

export default async function run({ quick }) {
  const operations = quick ? 500_000 : 5_000_000;
  const variant = (name, budget) => ({ name, run: () => timedInBatches(operations, 1000, pairs(budget)) });
  const rows = await interleave(
    [
      variant('plain counter', new Counter(2 ** 30)),
      variant('leaf, 3 deep', leafOf()),
      variant('every level', leafOf(1)),
    ],
    quick ? 5 : 9,
  );
  const waiters = quick ? 10_000 : 100_000;
  const waiting = await interleave([{ name: `acquire, ${waiters} waiting`, run: () => queue(waiters) }], 3);
  const find = (name) => rows.find((row) => row.name === name).median;
  return {
    title: 'tryReserve + release',
    unit: 'ns',
    rows: [...rows, ...waiting],
    extra: { p50: 'p50', p99: 'p99' },
    claims: [
      claim('a pair on a leaf, ns', find('leaf, 3 deep'), '<=', 15),
      claim('a pair that asks every level, ns', find('every level'), '<=', 60),
      claim('100 000 waiters served in order, seconds', (waiting[0].median * 100_000) / 1e9, '<=', 1),
      comparison('leaf to plain counter', ratioOf(rows, 'leaf, 3 deep', 'plain counter')),
    ],
    notes: ['one thread; a plain counter knows no parents, no waiters and no reclaimers'],
  };
}
