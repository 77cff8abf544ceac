// What a request costs on its way through a MemorySystem: the same blocks from the same allocator, directly and through the
// system, with the sum of gates, budget, routing and books as the difference.
import { claim, comparison, interleave, nebula, ratioOf, timedInBatches } from '../harness.mjs';

const { HeapAllocator, MemorySystem, ScratchStack } = nebula;

const LIVE = 256;

/** Blocks of some sizes, each freed when its turn comes round again. */
function ring(sizeOf, allocate, free) {
  const handles = new Float64Array(LIVE);
  const sizes = new Int32Array(LIVE);
  for (let i = 0; i < LIVE; i += 1) {
    sizes[i] = sizeOf(i);
    handles[i] = allocate(sizes[i]);
  }
  return (first, count) => {
    for (let i = first; i < first + count; i += 1) {
      const at = i & (LIVE - 1);
      free(handles[at], sizes[at]);
      const size = sizeOf(i);
      sizes[at] = size;
      handles[at] = allocate(size);
    }
  };
}

/** One block at a time, as a stack likes it. */
function pairs(sizeOf, allocate, free) {
  return (first, count) => {
    for (let i = first; i < first + count; i += 1) {
      const size = sizeOf(i);
      free(allocate(size), size);
    }
  };
}

const small = (i) => 16 + ((i * 61) & 1007);
const middle = (i) => 1025 + ((i * 61) & 8191);

// Each variant's functions are made from text of their own: otherwise the first one's types would be in the way of the second's.
function through(system) {
  const make = new Function('system', 'return [(n) => system.allocate(n), (h, n) => system.free(h, n)]');
  return make(system);
}

function direct(allocator) {
  const make = new Function('a', 'return [(n) => a.allocate(n), (h, n) => a.deallocate(h, n)]');
  return make(allocator);
}

function leases(system) {
  return (first, count) => {
    for (let i = first; i < first + count; i += 1) system.request(middle(i)).free();
  };
}

export default async function run({ quick }) {
  const operations = quick ? 500_000 : 5_000_000;
  const opened = [];
  const keep = (thing) => {
    opened.push(thing);
    return thing;
  };
  const budget = { limitBytes: '1GiB' };
  const plugin = { name: 'bench', onAllocation() {}, onDeallocation() {} };
  const variant = (name, loop) => ({ name, run: () => timedInBatches(operations, 1000, loop) });
  const slower = (name, loop) => ({ name, run: () => timedInBatches(operations / 10, 1000, loop) });
  const rows = await interleave(
    [
      variant('heap directly', ring(middle, ...direct(keep(new HeapAllocator('64MiB'))))),
      variant('heap through a system', ring(middle, ...through(keep(new MemorySystem())))),
      variant('the same with a budget', ring(middle, ...through(keep(new MemorySystem({ budget }))))),
      variant('stack directly', pairs(small, ...direct(keep(new ScratchStack('1MiB'))))),
      variant('stack through a system', pairs(small, ...through(keep(new MemorySystem())))),
      variant('stack with a budget', pairs(small, ...through(keep(new MemorySystem({ budget }))))),
      variant(
        'tenant',
        ring(middle, ...through(keep(new MemorySystem({ budget })).tenant('t', { limitBytes: '64MiB' }))),
      ),
      slower('request() and free(), with a budget', leases(keep(new MemorySystem({ budget })))),
      slower(
        'number form with a plugin',
        ring(middle, ...through(keep(new MemorySystem({ budget, plugins: [plugin] })))),
      ),
    ],
    quick ? 5 : 9,
  );
  for (const thing of opened) thing.dispose();
  const difference = (name, base) => {
    const find = (wanted) => rows.find((row) => row.name === wanted).samples;
    const [upper, lower] = [find(name), find(base)];
    const all = upper.map((value, round) => value - lower[round]).sort((a, b) => a - b);
    return all[all.length >> 1];
  };
  return {
    title: 'allocate + free through MemorySystem',
    unit: 'ns',
    rows,
    extra: { p50: 'p50', p99: 'p99' },
    claims: [
      claim('over the heap itself, ns', difference('heap through a system', 'heap directly'), '<=', 30),
      claim('over the heap itself, with a budget, ns', difference('the same with a budget', 'heap directly'), '<=', 30),
      claim('over the stack itself, with a budget, ns', difference('stack with a budget', 'stack directly'), '<=', 30),
      comparison('system with a budget to the heap itself', ratioOf(rows, 'the same with a budget', 'heap directly')),
      comparison('system with a budget to the stack itself', ratioOf(rows, 'stack with a budget', 'stack directly')),
      comparison(
        'a lease to the number form',
        ratioOf(rows, 'request() and free(), with a budget', 'the same with a budget'),
      ),
    ],
    notes: [
      `one thread; heap rows keep ${LIVE} blocks of 1025 to 9216 bytes, stack rows free each of 16 to 1023 bytes at once`,
    ],
  };
}
