// Each adaptor around a heap, beside the bare heap: what a block freed and another one allocated cost more.
import { createRequire } from 'node:module';
import { join, sep } from 'node:path';
import { compileFunction } from 'node:vm';
import { claim, comparison, HERE, interleave, median, nebula, ratioOf, timedInBatches } from '../harness.mjs';
import { randomOf } from '../heap-trace.mjs';

const LIVE = 1024;
const BATCH = 64;
const STEPS = 2 ** 16;
/** Pairs between two looks at the clock: some stacks are in each, where one allocation in 1024 takes one. */
const TIMED = 64 * BATCH;
const BARE = 'HeapAllocator';
const COUNTERS = 'Tracked simple, counters only';
const SIMPLE = 'Tracked simple';

const require = createRequire(import.meta.url);
const TRACKING = join(HERE, '..', 'dist', 'tracking');

/** A copy of the adaptors' code for each variant: a program uses one or two of them, and their code learns from that. */
function adaptors() {
  for (const file of Object.keys(require.cache)) if (file.startsWith(TRACKING + sep)) delete require.cache[file];
  return require(join(TRACKING, 'index.js'));
}

const VARIANTS = [
  [BARE, 1, (_, heap) => heap],
  ['Monitored', 1, ({ MonitoredAllocator }, heap) => new MonitoredAllocator(heap, { signal: { level: 'none' } })],
  ['Retrying', 1, ({ RetryingAllocator }, heap) => new RetryingAllocator(heap, { onFailure: () => false })],
  ['FailureInjecting', 1, (all, heap) => new all.FailureInjectingAllocator(heap, { every: 2 ** 40 })],
  ['Budgeted, a limit', 1, ({ BudgetedAllocator }, heap) => new BudgetedAllocator(heap, { limitBytes: '1GiB' })],
  ['Budgeted, a MemoryBudget', 1, budgeted],
  ['Fallback', 1, ({ FallbackAllocator }, heap) => new FallbackAllocator(heap, newHeap())],
  ['Tracked off', 1, ({ TrackedAllocator }, heap) => new TrackedAllocator(heap, { level: 'off' })],
  [COUNTERS, 1, ({ TrackedAllocator }, heap) => new TrackedAllocator(heap, { sampleInterval: null })],
  [SIMPLE, 1, ({ TrackedAllocator }, heap) => new TrackedAllocator(heap)],
  ['Tracked advanced', 1 / 4, ({ TrackedAllocator }, heap) => new TrackedAllocator(heap, { level: 'advanced' })],
  ['Tracked paranoid', 1 / 64, ({ TrackedAllocator }, heap) => new TrackedAllocator(heap, { level: 'paranoid' })],
  ['Guarded', 1 / 64, ({ GuardedAllocator }, heap) => new GuardedAllocator(heap)],
  ['Recording, a sink that drops', 1 / 16, (all, heap) => new all.RecordingAllocator(heap, { sink: () => {} })],
];

function newHeap() {
  return new nebula.HeapAllocator('64MiB');
}

function budgeted({ BudgetedAllocator }, heap) {
  return new BudgetedAllocator(heap, { budget: new nebula.MemoryBudget('bench', { limitBytes: '1GiB' }) });
}

// Frees and allocations in functions of their own, as in a program: in one, what is compiled into it would depend on the
// sum of both. From a file by name, because stacks of code without one are taken in another way.
const FREE = `return function free(first) {
  for (let slot = first; slot < first + ${BATCH}; slot += 1) pool.deallocate(held[slot], lengths[slot]);
};`;
const TAKE = `return function take(first, at) {
  for (let i = 0; i < ${BATCH}; i += 1) {
    const size = sizes[(at + i) & ${STEPS - 1}];
    held[first + i] = pool.allocate(size);
    lengths[first + i] = size;
  }
};`;
let texts = 0;

/** `count` pairs, a batch of neighbors in a shuffled order freed and taken anew. */
function pairs(pool) {
  const random = randomOf(20_001);
  const sizes = Int32Array.from({ length: STEPS }, () => 16 + Math.floor(random() * 1001));
  const starts = Int32Array.from({ length: 1024 }, () => Math.floor(random() * (LIVE - BATCH + 1)));
  const lengths = sizes.slice(0, LIVE);
  const held = Float64Array.from(lengths, (size) => pool.allocate(size));
  const own = (text) => {
    texts += 1;
    const names = ['pool', 'held', 'lengths', 'sizes'];
    return compileFunction(`// ${texts}\n${text}`, names, { filename: `adaptors-${texts}.js` })(
      pool,
      held,
      lengths,
      sizes,
    );
  };
  const [free, take] = [own(FREE), own(TAKE)];
  return (first, count) => {
    for (let at = first; at < first + count; at += BATCH) {
      const start = starts[(at / BATCH) & 1023];
      free(start);
      take(start, at);
    }
  };
}

/** What others do on the machine disturbs the median of the batches least, and an adaptor costs a few nanoseconds. */
function medianFirst({ value, p50, p99 }) {
  return { value: p50, mean: value, p99 };
}

export default async function run({ quick }) {
  const operations = quick ? 2 ** 18 : 2 ** 21;
  const rows = await interleave(
    VARIANTS.map(([name, share, make]) => {
      const loop = pairs(make(adaptors(), newHeap()));
      return { name, run: () => medianFirst(timedInBatches(operations * share, TIMED, loop)) };
    }),
    quick ? 5 : 11,
  );
  const bare = rows.find(({ name }) => name === BARE);
  for (const row of rows) row.over = median(row.samples.map((sample, round) => sample - bare.samples[round]));
  return {
    title: `a block freed and another allocated, random 16-1016 bytes, ${LIVE} live, through an adaptor`,
    unit: 'ns',
    extra: { over: 'over the heap', mean: 'mean', p99: 'p99' },
    rows,
    claims: [
      claim('Tracked, counters only, to the bare heap', ratioOf(rows, COUNTERS, BARE), '<=', 1.1),
      ...rows
        .filter(({ name }) => name !== BARE && name !== COUNTERS)
        .map(({ name }) => comparison(`${name} to the bare heap`, ratioOf(rows, name, BARE))),
    ],
    notes: [
      'medians and p99 are of batches of 4096 pairs, per pair',
      'an adaptor that the compiler takes into the caller together with the heap costs least; past a certain length it calls one of both',
      'Guarded fills and checks every byte: its cost grows with the blocks',
    ],
  };
}
