// What the garbage collector does when gigabytes are mapped beside a heap of 300 MB: regions with either carrier, and
// plain ArrayBuffers. Each sample is a process of its own, so that no variant inherits another one's heap.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { claim, HERE, interleave, MIB, nebula, watchCollector } from '../harness.mjs';

const EACH = 64 * MIB;
const SHARED = "Region, carrier 'shared'";
const LOCAL = "Region, carrier 'local' (an external ArrayBuffer)";
const PLAIN = 'new ArrayBuffer';
const NONE = 'nothing mapped';
const MAKERS = {
  [NONE]: () => null,
  [SHARED]: () => nebula.Region.map(EACH, { carrier: 'shared' }),
  [LOCAL]: () => nebula.Region.map(EACH, { carrier: 'local' }),
  [PLAIN]: () => ({ bytes: new Uint8Array(new ArrayBuffer(EACH)) }),
};

async function sample(name, count) {
  const heap = Array.from({ length: 4_300_000 }, (_, i) => ({ number: i, text: `${i}` }));
  globalThis.gc();
  globalThis.gc();
  const collector = watchCollector();
  const start = performance.now();
  const held = [];
  for (let i = 0; i < count; i += 1) {
    const made = MAKERS[name]();
    if (made !== null) made.bytes[0] = 1;
    held.push(made);
    // The loop is let go of, as a service would: incremental marking needs it.
    if (i % 16 === 15) await new Promise((done) => setImmediate(done));
  }
  const wallMs = performance.now() - start;
  const { count: gcs, totalMs, longestMs, major } = await collector.stop();
  const heapMiB = process.memoryUsage().heapUsed / MIB;
  return { value: totalMs, gcs, major, longestMs, wallMs, heapMiB, kept: heap.length + held.length };
}

const [, program, name, count] = process.argv;
if (program === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(await sample(name, Number(count))));
  process.exit(0);
}

export default async function run({ quick }) {
  const total = (quick ? 4 : 16) * 1024 * MIB;
  const file = join(HERE, 'claims', 'region-gc.mjs');
  const variants = Object.keys(MAKERS).map((variant) => ({
    name: variant,
    run: () =>
      JSON.parse(
        execFileSync(
          process.execPath,
          ['--expose-gc', '--max-old-space-size=4096', file, variant, String(total / EACH)],
          { encoding: 'utf8' },
        ),
      ),
  }));
  const rows = await interleave(variants, quick ? 2 : 3);
  const offered = nebula.memory.capabilities().sharedCarrier;
  const row = (variant) => rows.find(({ name: label }) => label === variant);
  return {
    title: `${total / (1024 * MIB)} GiB mapped in regions of 64 MiB beside a heap of 300 MB: pauses in all`,
    unit: 'ms of GC',
    extra: { gcs: 'collections', major: 'major', longestMs: 'longest ms', wallMs: 'wall ms', heapMiB: 'heap MiB' },
    rows,
    claims: offered.available
      ? [
          claim(
            "collections with carrier 'shared' beyond those with nothing mapped",
            row(SHARED).gcs - row(NONE).gcs,
            '<=',
            0,
          ),
        ]
      : [],
    notes: [
      'the columns GC ms, GCs and RSS MiB are of the measuring process and mean nothing here',
      `shared carrier on this Node.js: ${offered.available ? offered.reason : `none (${offered.reason})`}`,
    ],
  };
}
