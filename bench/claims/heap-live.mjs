// What the garbage collector does beside 10 million live blocks: a process of its own for each sample makes garbage for
// a while and reports its pauses.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { claim, comparison, HERE, interleave, nebula, ratioOf, watchCollector } from '../harness.mjs';

const NONE = 'nothing live';
const HEAP = "HeapAllocator, 10 million blocks, carrier 'shared'";
const LOCAL = "HeapAllocator, 10 million blocks, carrier 'local'";
const BUFFERS = 'Buffers, 1 million';
const BLOCKS = 10_000_000;
const BUFFER_COUNT = 1_000_000;

function make(name) {
  if (name === NONE) return null;
  if (name === BUFFERS) return Array.from({ length: BUFFER_COUNT }, () => Buffer.allocUnsafe(48));
  const region = nebula.Region.map('1GiB', { carrier: name === HEAP ? 'shared' : 'local' });
  const heap = nebula.HeapAllocator.production({ region });
  const offsets = new Int32Array(BLOCKS);
  for (let i = 0; i < BLOCKS; i += 1) offsets[i] = heap.allocate(48);
  return { heap, offsets };
}

async function sample(name, millions) {
  const kept = make(name);
  globalThis.gc();
  const collector = watchCollector();
  const start = performance.now();
  let ring = [];
  for (let i = 0; i < millions * 1e6; i += 1) {
    ring.push({ number: i, text: `${i}` });
    if (ring.length === 100_000) ring = [];
    if (i % 50_000 === 0) await new Promise((done) => setImmediate(done));
  }
  globalThis.gc(); // one full collection counts in any case
  const wallMs = performance.now() - start;
  const { count, totalMs, longestMs, major } = await collector.stop();
  return { value: totalMs, longestMs, gcs: count, major, wallMs, live: kept === null ? 0 : 1 };
}

const [, program, name, millions] = process.argv;
if (program === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(await sample(name, Number(millions))));
  process.exit(0);
}

export default async function run({ quick }) {
  const file = join(HERE, 'claims', 'heap-live.mjs');
  const variants = [NONE, HEAP, LOCAL, BUFFERS].map((variant) => ({
    name: variant,
    run: () =>
      JSON.parse(
        execFileSync(process.execPath, ['--expose-gc', ...process.execArgv, file, variant, String(quick ? 3 : 8)], {
          encoding: 'utf8',
        }),
      ),
  }));
  const rows = await interleave(variants, quick ? 3 : 5);
  const row = (name) => rows.find((one) => one.name === name);
  const best = (name) => row(name).least / row(NONE).least;
  const longest = (name) => row(name).longestMs;
  return {
    title: 'pauses of the collector while garbage is made beside live blocks of 48 bytes',
    unit: 'ms of GC',
    extra: { longestMs: 'longest ms', gcs: 'collections', major: 'major', wallMs: 'wall ms' },
    rows,
    claims: [
      claim('pauses with 10 million live blocks, to those with none, best round to best', best(HEAP), '<=', 1.25),
      comparison('the same, median of the rounds', ratioOf(rows, HEAP, NONE)),
      comparison("with carrier 'local', whose bytes V8 counts, best round to best", best(LOCAL)),
      comparison('the longest pause with a tenth as many Buffers, to that with none', longest(BUFFERS) / longest(NONE)),
    ],
    notes: [
      'the columns GC ms, GCs and RSS MiB are of the measuring process and mean nothing here',
      'two equal processes differ by a quarter and more where the machine is busy: 1.25 stands for "no longer"',
    ],
  };
}
