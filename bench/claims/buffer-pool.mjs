// Buffers of 4 KiB and 64 KiB from BufferPool, in each mode, beside those of Node.js: dropped, kept in use, and written to.
import { claim, comparison, interleave, nebula, ratioOf, timed } from '../harness.mjs';

const { BufferPool } = nebula;
const LIVE = 64;
const SIZES = { '4 KiB': 4096, '64 KiB': 65_536 };
const MAKERS = { allocUnsafe: Buffer.allocUnsafe, allocUnsafeSlow: Buffer.allocUnsafeSlow, alloc: Buffer.alloc };

// Loops of a text of their own each: functions of the same text share what the compiler learned.
let loops = 0;
function ownLoop(names, body) {
  loops += 1;
  return new Function(...names, `// ${loops}\nreturn function run(times) { ${body} };`);
}

const PAIR = `let sum = 0;
  for (let i = 0; i < times; i += 1) {
    const lease = pool.acquire(size);
    const bytes = lease.bytes;
    bytes[0] = i;
    sum += bytes.length;
    lease.release();
  }
  return sum;`;
// LIVE leases out at any time, the oldest one given back.
const CHURN = `for (let i = 0; i < times; i += 1) {
    const at = i & ${LIVE - 1};
    live[at].release();
    const lease = pool.acquire(size);
    lease.bytes[0] = i;
    live[at] = lease;
  }`;
const FILL = `for (let i = 0; i < times; i += 1) {
    const lease = pool.acquire(size);
    lease.bytes.fill(i);
    lease.release();
  }`;
const DROP = `let sum = 0;
  for (let i = 0; i < times; i += 1) {
    const bytes = make(size);
    bytes[0] = i;
    sum += bytes.length;
  }
  return sum;`;
const KEEP = `for (let i = 0; i < times; i += 1) {
    const bytes = make(size);
    bytes[0] = i;
    live[i & ${LIVE - 1}] = bytes;
  }`;
const DROP_FILL = 'for (let i = 0; i < times; i += 1) make(size).fill(i);';
const VIEWS = `let sum = 0;
  for (let i = 0; i < times; i += 1) sum += new Uint8Array(memory, (i & 15) * size, size).length;
  return sum;`;

function poolVariants(label, size, reuse, times) {
  const make = () => new BufferPool({ reuse, decayMs: null });
  const name = `BufferPool ${reuse}, ${label}`;
  const churned = make();
  const live = Array.from({ length: LIVE }, () => churned.acquire(size));
  const loop = {
    pair: ownLoop(['pool', 'size'], PAIR)(make(), size),
    churn: ownLoop(['pool', 'size', 'live'], CHURN)(churned, size, live),
    fill: ownLoop(['pool', 'size'], FILL)(make(), size),
  };
  const filled = Math.min(times, 100_000);
  return [
    { name, run: () => timed(times, loop.pair) },
    { name: `${name}, ${LIVE} in use`, run: () => timed(times, loop.churn) },
    { name: `${name}, filled`, run: () => timed(filled, loop.fill) },
  ];
}

function bufferVariants(label, size, kind, times) {
  const make = MAKERS[kind];
  const name = `Buffer.${kind}, ${label}`;
  const loop = {
    drop: ownLoop(['make', 'size'], DROP)(make, size),
    keep: ownLoop(['make', 'size', 'live'], KEEP)(make, size, new Array(LIVE)),
    fill: ownLoop(['make', 'size'], DROP_FILL)(make, size),
  };
  return [
    { name, run: () => timed(times, loop.drop) },
    { name: `${name}, ${LIVE} in use`, run: () => timed(times, loop.keep) },
    { name: `${name}, filled`, run: () => timed(times, loop.fill) },
  ];
}

export default async function run({ quick }) {
  const scale = quick ? 1 : 4;
  const counts = { fast: 2_000_000, batch: 100_000, safe: 4000 };
  const variants = [];
  for (const [label, size] of Object.entries(SIZES)) {
    for (const [reuse, times] of Object.entries(counts)) {
      variants.push(...poolVariants(label, size, reuse, times * scale));
    }
    for (const kind of Object.keys(MAKERS)) variants.push(...bufferVariants(label, size, kind, 20_000 * scale));
    const memory = new ArrayBuffer(16 * size);
    const views = ownLoop(['memory', 'size'], VIEWS)(memory, size);
    variants.push({ name: `new Uint8Array over memory, ${label}`, run: () => timed(300_000 * scale, views) });
  }
  const rows = await interleave(variants, quick ? 5 : 9);
  const [small, large] = Object.keys(SIZES);
  const fast = (label, how = '') => `BufferPool fast, ${label}${how}`;
  const inUse = `, ${LIVE} in use`;
  const claims = [];
  for (const label of [small, large]) {
    const ratio = (kind, how) => ratioOf(rows, `Buffer.${kind}, ${label}${how}`, fast(label, how));
    claims.push(
      claim(`times faster than Buffer.allocUnsafe, ${label}`, ratio('allocUnsafe', ''), '>=', 20),
      comparison(`times faster than Buffer.allocUnsafe, ${LIVE} in use, ${label}`, ratio('allocUnsafe', inUse)),
      comparison(`times faster than Buffer.allocUnsafe filled, ${label}`, ratio('allocUnsafe', ', filled')),
    );
  }
  claims.push(
    claim(`times faster than Buffer.alloc, ${large}`, ratioOf(rows, `Buffer.alloc, ${large}`, fast(large)), '>=', 200),
    comparison(
      `times faster than Buffer.alloc, ${LIVE} in use, ${large}`,
      ratioOf(rows, `Buffer.alloc, ${large}${inUse}`, fast(large, inUse)),
    ),
    claim(
      'ns for a recycled view: acquire, bytes, release',
      rows.find(({ name }) => name === fast(large)).median,
      '<=',
      30,
    ),
  );
  for (const reuse of ['batch', 'safe']) {
    for (const label of [small, large]) {
      claims.push(
        comparison(
          `Buffer.allocUnsafe in use to BufferPool ${reuse}, ${label}`,
          ratioOf(rows, `Buffer.allocUnsafe, ${label}${inUse}`, `BufferPool ${reuse}, ${label}${inUse}`),
        ),
        comparison(
          `Buffer.alloc in use to BufferPool ${reuse}, ${label}`,
          ratioOf(rows, `Buffer.alloc, ${label}${inUse}`, `BufferPool ${reuse}, ${label}${inUse}`),
        ),
      );
    }
  }
  return {
    title: 'buffers of 4 KiB and 64 KiB: taken, one byte written, given back',
    unit: 'ns',
    rows,
    claims,
    notes: [
      'fast: guarded by the lease alone; batch (the default): pages move when a whole slab came back; safe: at every release',
      '"filled" writes every byte, which costs the same on both sides once the memory is there: fresh Buffers pay page faults too',
      'the claims compare a pair of acquire and release with a Buffer that is dropped at once; with buffers in use malloc can serve 64 KiB from what was freed, and the ratio is smaller',
      'nothing is zeroed by the pool (`zero: never`), as with allocUnsafe; Buffer.alloc zeroes',
    ],
  };
}
