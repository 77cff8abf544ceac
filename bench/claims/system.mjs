// What a request costs on its way through a MemorySystem: the same blocks from the same allocator, directly and through the
// system, with the sum of gates, budget, routing and books as the difference.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
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

const budget = { limitBytes: '1GiB' };
const plugin = { name: 'bench', onAllocation() {}, onDeallocation() {} };
const through = (owner) => [(n) => owner.allocate(n), (h, n) => owner.free(h, n)];
const direct = (allocator) => [(n) => allocator.allocate(n), (h, n) => allocator.deallocate(h, n)];

function leases(system) {
  return (first, count) => {
    for (let i = first; i < first + count; i += 1) system.request(middle(i)).free();
  };
}

const VARIANTS = {
  'heap directly': () => ring(middle, ...direct(new HeapAllocator('64MiB'))),
  'heap through a system': () => ring(middle, ...through(new MemorySystem())),
  'heap, system with a budget': () => ring(middle, ...through(new MemorySystem({ budget }))),
  'stack directly': () => pairs(small, ...direct(new ScratchStack('1MiB'))),
  'stack through a system': () => pairs(small, ...through(new MemorySystem())),
  'stack, system with a budget': () => pairs(small, ...through(new MemorySystem({ budget }))),
  'heap of a tenant': () => ring(middle, ...through(new MemorySystem({ budget }).tenant('t', { limitBytes: '64MiB' }))),
  'request() and free(), with a budget': () => leases(new MemorySystem({ budget })),
  'number form, with a plugin': () => ring(middle, ...through(new MemorySystem({ budget, plugins: [plugin] }))),
};

/** In a process of its own: what one variant teaches the compiler about types would slow down the next. */
function inChild(name, operations) {
  const file = fileURLToPath(import.meta.url);
  const output = execFileSync(process.execPath, ['--expose-gc', file, name, String(operations)], { encoding: 'utf8' });
  return JSON.parse(output);
}

export default async function run({ quick }) {
  const operations = quick ? 300_000 : 3_000_000;
  const names = Object.keys(VARIANTS);
  const rows = await interleave(
    names.map((name) => ({ name, run: () => inChild(name, operations) })),
    quick ? 5 : 9,
  );
  const typical = (name) => rows.find((row) => row.name === name).p50;
  const over = (name, base) => typical(name) - typical(base);
  return {
    title: 'allocate + free through MemorySystem',
    unit: 'ns',
    rows,
    extra: { p50: 'p50', p99: 'p99' },
    claims: [
      claim('over the heap itself, ns', over('heap through a system', 'heap directly'), '<=', 30),
      claim('over the heap itself, with a budget, ns', over('heap, system with a budget', 'heap directly'), '<=', 30),
      claim(
        'over the stack itself, with a budget, ns',
        over('stack, system with a budget', 'stack directly'),
        '<=',
        30,
      ),
      comparison(
        'system with a budget to the heap itself',
        ratioOf(rows, 'heap, system with a budget', 'heap directly'),
      ),
      comparison(
        'system with a budget to the stack itself',
        ratioOf(rows, 'stack, system with a budget', 'stack directly'),
      ),
      comparison(
        'a lease to the number form',
        ratioOf(rows, 'request() and free(), with a budget', 'heap, system with a budget'),
      ),
    ],
    notes: [
      `one thread, a process for each sample; heap rows keep ${LIVE} blocks of 1025 to 9216 bytes, stack rows free each of 16 to 1023 bytes at once`,
      'differences are of the medians of batches of 1000',
    ],
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name, operations] = process.argv.slice(2);
  const loop = VARIANTS[name]();
  loop(0, 200_000);
  console.log(JSON.stringify(timedInBatches(Number(operations), 1000, loop)));
}
