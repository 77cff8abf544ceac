// Blocks of one size, taken and given back, beside an unchecked free list and beside Buffers.
import { claim, comparison, interleave, nebula, ratioOf, timed } from '../harness.mjs';

const { BlockAllocator } = nebula;
const BLOCK = 4096;
const BLOCKS = 4096;
const LIVE = 256;

/** A free list without any check: what a pool costs at least. */
class UncheckedList {
  next = new Int32Array(BLOCKS).map((_, block) => block + 1);
  head = 0;
  allocate() {
    const block = this.head;
    if (block === BLOCKS) throw new Error('empty');
    this.head = this.next[block];
    return block * BLOCK;
  }
  deallocate(offset) {
    const block = offset / BLOCK;
    this.next[block] = this.head;
    this.head = block;
  }
}

const PAIRS = `return function run(times) {
  let sum = 0;
  for (let i = 0; i < times; i += 1) {
    const offset = pool.allocate(4096);
    sum ^= offset;
    pool.deallocate(offset, 4096);
  }
  return sum;
};`;

// LIVE blocks out at any time, the oldest of a shuffled order given back: what a service does.
const CHURN = `return function run(times) {
  const slots = live;
  let at = 0;
  for (let i = 0; i < times; i += 1) {
    at = (at + 97) & (slots.length - 1);
    pool.deallocate(slots[at], 4096);
    slots[at] = pool.allocate(4096);
  }
  return slots[0];
};`;

function percentiles(once) {
  const samples = new Float64Array(1000);
  for (let i = 0; i < samples.length; i += 1) {
    const start = process.hrtime.bigint();
    once(1000);
    samples[i] = Number(process.hrtime.bigint() - start) / 1000;
  }
  samples.sort();
  return { p50: samples[500], p99: samples[990] };
}

function variant(name, times, loop) {
  return { name, run: () => ({ value: timed(times, loop), ...percentiles(loop) }) };
}

// Loops of a text of their own each: functions of the same text share what the compiler learned, and would see many
// kinds of objects.
let loops = 0;
function ownLoop(...names) {
  const body = names.pop();
  loops += 1;
  return new Function(...names, `// ${loops}\n${body}`);
}
const pairs = (pool) => ownLoop('pool', PAIRS)(pool);
function churn(pool) {
  const live = Array.from({ length: LIVE }, () => pool.allocate(BLOCK));
  return ownLoop('pool', 'live', CHURN)(pool, live);
}

export default async function run({ quick }) {
  const times = quick ? 3_000_000 : 10_000_000;
  const make = (more) => new BlockAllocator({ blockBytes: BLOCK, blocks: BLOCKS, ...more });
  const leases = make();
  const leaseLoop = (count) => {
    for (let i = 0; i < count; i += 1) leases.lease().release();
  };
  const ring = Array.from({ length: LIVE }, () => Buffer.allocUnsafe(BLOCK));
  const buffers = (count) => {
    for (let i = 0; i < count; i += 1) ring[i & (LIVE - 1)] = Buffer.allocUnsafe(BLOCK);
  };
  const rows = await interleave(
    [
      variant('unchecked free list, a pair', times, pairs(new UncheckedList())),
      variant('BlockAllocator, a pair', times, pairs(make())),
      variant('BlockAllocator, a pair, stats: false', times, pairs(make({ stats: false }))),
      variant(`unchecked free list, ${LIVE} live`, times, churn(new UncheckedList())),
      variant(`BlockAllocator, ${LIVE} live`, times, churn(make())),
      variant('BlockAllocator, lease + release', times / 10, leaseLoop),
      variant(`Buffer.allocUnsafe(4096), ${LIVE} live`, times / 100, buffers),
    ],
    quick ? 7 : 11,
  );
  const ours = rows.find(({ name }) => name === 'BlockAllocator, a pair');
  const churned = rows.find(({ name }) => name === `BlockAllocator, ${LIVE} live`);
  return {
    title: 'blocks of 4 KiB, taken and given back',
    unit: 'ns',
    extra: { p50: 'p50 of 1000', p99: 'p99 of 1000' },
    rows,
    claims: [
      claim('ns for allocate + deallocate, the newest', ours.median, '<=', 15),
      claim(`ns for allocate + deallocate, ${LIVE} live`, churned.median, '<=', 15),
      claim('counting to not counting', ratioOf(rows, ours.name, 'BlockAllocator, a pair, stats: false'), '<=', 1.1),
      comparison(
        'BlockAllocator to the unchecked list, a pair',
        ratioOf(rows, ours.name, 'unchecked free list, a pair'),
      ),
      comparison(
        `Buffer.allocUnsafe(4096) to BlockAllocator, ${LIVE} live`,
        ratioOf(rows, `Buffer.allocUnsafe(4096), ${LIVE} live`, churned.name),
      ),
    ],
    notes: [
      'p50 and p99 are of means over 1000 pairs each: the clock itself takes longer than one pair',
      'offsets only: no byte of a block is touched, while Buffers of this size come from calloc or malloc untouched as well',
    ],
  };
}
