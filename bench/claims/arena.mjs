// Memory of a request: a thousand blocks that die together. An arena's offsets and views beside Buffers and plain objects,
// and how long giving everything back takes.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { claim, comparison, HERE, interleave, ratioOf, timedInBatches } from '../harness.mjs';

const { Arena } = createRequire(import.meta.url)(join(HERE, '..', 'dist', 'arenas', 'index.js'));

const REQUEST = 1000; // blocks of a request
const KEPT = 64; // requests whose blocks are still held: 64 000 blocks

/** Requests one after the other; what they made is held until 64 others have come. */
function requests(operations, make) {
  const held = Array.from({ length: KEPT }, () => new Array(REQUEST).fill(null));
  let turn = 0;
  return timedInBatches(operations, REQUEST, (_, count) => {
    const slots = held[turn % KEPT];
    turn += 1;
    make(slots, count);
  });
}

function offsets(operations) {
  const arena = new Arena('256KiB');
  const result = timedInBatches(operations, REQUEST, (_, count) => {
    let sum = 0;
    for (let i = 0; i < count; i += 1) sum ^= arena.allocate(64);
    arena.reset();
    return sum;
  });
  arena.dispose();
  return result;
}

function views(operations) {
  const arenas = Array.from({ length: KEPT }, () => new Arena('64KiB'));
  let turn = 0;
  const result = requests(operations, (slots, count) => {
    const arena = arenas[turn % KEPT];
    turn += 1;
    arena.reset();
    for (let i = 0; i < count; i += 1) slots[i] = arena.alloc(64);
  });
  for (const arena of arenas) arena.dispose();
  return result;
}

function heldOffsets(operations) {
  const arenas = Array.from({ length: KEPT }, () => new Arena('64KiB'));
  let turn = 0;
  const result = requests(operations, (slots, count) => {
    const arena = arenas[turn % KEPT];
    turn += 1;
    arena.reset();
    for (let i = 0; i < count; i += 1) slots[i] = arena.allocate(64);
  });
  for (const arena of arenas) arena.dispose();
  return result;
}

const buffers = (operations) =>
  requests(operations, (slots, count) => {
    for (let i = 0; i < count; i += 1) slots[i] = Buffer.allocUnsafe(64);
  });

const objects = (operations) =>
  requests(operations, (slots, count) => {
    for (let i = 0; i < count; i += 1) slots[i] = { a: i, b: 0.5, c: 0, d: 0, e: 0, f: 0, g: 0, h: 0 };
  });

/** Nanoseconds of a reset after so many blocks, less what reading the clock costs at that moment. */
function resets(blocks, rounds) {
  const arena = new Arena('4KiB', { maxChunkBytes: '256KiB' });
  // Compiled before the first sample, as in a service after its first seconds.
  for (let i = 0; i < 200_000; i += 1) {
    arena.allocate(16);
    if (i % 600 !== 1) arena.reset();
  }
  arena.reset();
  const samples = [];
  const clock = [];
  for (let round = 0; round < rounds; round += 1) {
    for (let i = 0; i < blocks; i += 1) arena.allocate(16);
    const before = performance.now();
    const start = performance.now();
    arena.reset();
    const end = performance.now();
    clock.push((start - before) * 1e6);
    samples.push((end - start) * 1e6);
  }
  arena.dispose();
  const sorted = (list) => list.sort((a, b) => a - b);
  const at = (list, share) => list[Math.floor(list.length * share)];
  const idle = at(sorted(clock), 0.5);
  sorted(samples);
  const value = Math.max(0, at(samples, 0.5) - idle);
  return { value, p50: value, p99: Math.max(0, at(samples, 0.99) - idle) };
}

const OFFSETS = 'Arena.allocate(64)';
const HELD = 'Arena.allocate(64), offsets kept';
const VIEWS = 'Arena.alloc(64): views kept';
const BUFFERS = 'Buffer.allocUnsafe(64), kept';
const OBJECTS = 'an object of 8 numbers, kept';
const RESETS = [10, 1000, 100_000];
const resetName = (blocks) => `Arena.reset() after ${blocks} blocks`;

export default async function run({ quick }) {
  const operations = quick ? 500_000 : 4_000_000;
  const variants = [
    { name: OFFSETS, run: () => offsets(operations) },
    { name: HELD, run: () => heldOffsets(operations) },
    { name: VIEWS, run: () => views(operations) },
    { name: BUFFERS, run: () => buffers(operations) },
    { name: OBJECTS, run: () => objects(operations) },
    ...RESETS.map((blocks) => ({
      name: resetName(blocks),
      run: () => resets(blocks, blocks > 10_000 ? 100 : 2000),
    })),
  ];
  const rows = await interleave(variants, quick ? 3 : 7);
  const row = (name) => rows.find((each) => each.name === name);
  return {
    title: 'blocks of 64 bytes, a thousand a request; 64 requests are held where it says kept',
    unit: 'ns',
    extra: { p50: 'p50 ns', p99: 'p99 ns' },
    rows,
    claims: [
      claim('Arena.allocate(64), reset included, p50: ns', row(OFFSETS).p50, '<=', 10),
      ...RESETS.map((blocks) => claim(`${resetName(blocks)}: ns`, row(resetName(blocks)).median, '<=', 200)),
      comparison('Buffer.allocUnsafe(64) / Arena.allocate(64), both kept', ratioOf(rows, BUFFERS, HELD)),
      comparison('Buffer.allocUnsafe(64) / Arena.alloc(64), both kept', ratioOf(rows, BUFFERS, VIEWS)),
      comparison('object / Arena.allocate(64), both kept', ratioOf(rows, OBJECTS, HELD)),
    ],
    notes: [
      'p50 and p99 are of requests of a thousand blocks, per block; for reset() of single ones, less two clock readings',
      'the chunks are mapped before the counted rounds: growth and page faults are not shown',
      'reset() is compiled before it is timed; in its first hundreds of calls it takes up to 1 µs',
      'nothing is written into the blocks; filling them costs the same for all',
    ],
  };
}
