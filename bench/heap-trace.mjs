// What heap.mjs and heap-mix.mjs share: a trace of sizes and slots, ours and the peers on it, C programs linked with
// general allocators.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HERE, MIB, nebula, timedInBatches } from './harness.mjs';
import { peer } from './peer.mjs';

export const STEPS = 2 ** 20;
const BATCH = 1000;

/** timedInBatches() with the processor time of the whole process beside it: a busy machine disturbs that least. */
function timedOnCpu(pairs, loop) {
  const before = process.cpuUsage();
  const times = timedInBatches(pairs, BATCH, loop);
  const { user, system } = process.cpuUsage(before);
  return { ...times, cpu: ((user + system) * 1000) / pairs };
}

export function randomOf(seed) {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** `first`: sizes of the blocks that live from the beginning; each step replaces the block of `slots[i]` by one of `sizes[i]`. */
export function makeTrace(live, sizeOf, seed = 20_001) {
  const random = randomOf(seed);
  const fill = (length, value) => Int32Array.from({ length }, value);
  return {
    live,
    first: fill(live, () => sizeOf(random)),
    sizes: fill(STEPS, () => sizeOf(random)),
    slots: fill(STEPS, () => Math.floor(random() * live)),
  };
}

// Text, so that each variant has code of its own: a loop shared by all would see many kinds of objects.
const LOOP = `return function run(first, count) {
  for (let i = first; i < first + count; i += 1) {
    const at = i & ${STEPS - 1};
    const slot = slots[at];
    const size = sizes[at];
    FREE;
    held[slot] = TAKE;
    lengths[slot] = size;
  }
};`;

function loopOf(take, free, pool, held, { first, sizes, slots }) {
  const lengths = Int32Array.from(first);
  const text = LOOP.replace('TAKE', take).replace('FREE', free);
  return new Function('pool', 'held', 'lengths', 'sizes', 'slots', text)(pool, held, lengths, sizes, slots);
}

/** HeapAllocator on the trace; each sample says which share of the memory it holds is not requested bytes. */
export function heapVariant(name, trace, pairs, bytes = 512 * MIB) {
  const heap = nebula.HeapAllocator.production(bytes);
  const held = Int32Array.from(trace.first, (size) => heap.allocate(size));
  const lengths = Int32Array.from(trace.first);
  const { sizes, slots } = trace;
  const text = LOOP.replace('TAKE', 'pool.allocate(size)').replace(
    'FREE',
    'pool.deallocate(held[slot], lengths[slot])',
  );
  const loop = new Function('pool', 'held', 'lengths', 'sizes', 'slots', text)(heap, held, lengths, sizes, slots);
  return {
    name,
    run: () => {
      const times = timedOnCpu(pairs, loop);
      const { heldBytes, metadataBytes, usedBytes } = heap.fragmentation();
      const requested = lengths.reduce((sum, length) => sum + length, 0);
      return {
        ...times,
        lostPercent: 100 * (1 - requested / (heldBytes + metadataBytes)),
        roundingPercent: 100 * (1 - requested / usedBytes),
      };
    },
  };
}

export function bufferVariant(name, trace, pairs) {
  const held = Array.from(trace.first, (size) => Buffer.allocUnsafe(size));
  const loop = loopOf('Buffer.allocUnsafe(size)', '', null, held, trace);
  return { name, run: () => timedOnCpu(pairs, loop) };
}

/** `@thi.ng/malloc`, installed into a temporary folder for the run; null where it cannot be had. */
export async function thingVariant(name, trace, pairs) {
  const { MemPool } = (await peer('@thi.ng/malloc@6')) ?? {};
  if (MemPool === undefined) return null;
  const pool = new MemPool({ size: 256 * MIB });
  const held = Int32Array.from(trace.first, (size) => pool.malloc(size));
  const loop = loopOf('pool.malloc(size)', 'pool.free(held[slot])', pool, held, trace);
  let at = 0;
  return {
    name,
    run: () => {
      const times = timedInBatches(pairs, 50, (first, count) => loop(at + first, count));
      at += pairs;
      return times;
    },
  };
}

/** Calls `use` with variants of the C program, one for each general allocator that can be linked here. */
export async function withAllocatorsOfC(trace, pairs, use) {
  const folder = mkdtempSync(join(tmpdir(), 'nebula-bench-'));
  try {
    const file = join(folder, 'trace');
    const all = new Int32Array(trace.live + 2 * STEPS);
    all.set(trace.first);
    all.set(trace.sizes, trace.live);
    all.set(trace.slots, trace.live + STEPS);
    writeFileSync(file, new Uint8Array(all.buffer));
    const variants = [];
    const missing = [];
    for (const [name, ...libraries] of [['mimalloc', '-lmimalloc'], ['jemalloc', '-ljemalloc'], ['glibc malloc']]) {
      const program = join(folder, name.split(' ')[0]);
      const source = join(HERE, 'programs', 'heap.c');
      const flags = ['-O2', '-fno-builtin', '-o', program, source, '-Wl,--no-as-needed', ...libraries];
      if (spawnSync('cc', flags).status !== 0) {
        missing.push(`${name} cannot be linked here (no compiler, or no development package)`);
        continue;
      }
      const run = () => Number(execFileSync(program, [file, String(trace.live), String(pairs)], { encoding: 'utf8' }));
      variants.push({ name: `C: ${name}`, run });
    }
    return await use(variants, missing);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
