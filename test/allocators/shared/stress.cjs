// Several workers or processes use one allocator at once and are killed at random moments; then nothing may be lost and
// nothing may have been handed out twice. Run by hand for longer:
//
//   node test/allocators/shared/stress.cjs block threads 7 2000000      kind, threads|processes, seed, operations
const { join } = require('node:path');
const { LIBRARY, killAtRandom, runByHand } = require('../../support/stress.cjs');

const WORKER = join(__dirname, 'stress-worker.cjs');

function makeAllocator(shared, kind, operations) {
  // Small, so that it is full again and again and the dead must be found to go on.
  if (kind === 'block') return shared.SharedBlockAllocator.create({ blockBytes: 256, blocks: 48, owners: 8 });
  if (kind === 'stack') return shared.SharedStackAllocator.create('8KiB', { maxBlocks: 150, owners: 8 });
  return shared.SharedBumpAllocator.create(Math.max(1 << 20, operations * 64), { owners: 8 });
}

/** Every block can be had again, each of them once. */
function checkBlocks(allocator) {
  const seen = new Set();
  for (let offset = allocator.tryAllocate(1); offset !== -1; offset = allocator.tryAllocate(1)) seen.add(offset);
  if (seen.size !== allocator.blocks) throw new Error(`${allocator.blocks - seen.size} blocks are lost`);
  for (const offset of seen) allocator.deallocate(offset, 1);
}

/** Everything up to the cursor is stamped, but for what the dead had no time to stamp. */
function checkBump(allocator, data, deaths) {
  let blank = 0;
  for (let at = 0; at < allocator.usedBytes; at += 8) if (data[at / 4] === 0) blank += 1;
  if (blank > deaths * 8) throw new Error(`${blank} granules are handed out and nobody's, after ${deaths} deaths`);
}

/**
 * @returns what happened: operations, deaths, and how often a block of a dead owner was met again
 */
async function stress({ kind, mode, seed, operations, workers = 3, library = LIBRARY }) {
  const shared = require(`${library}/allocators/shared/index.js`);
  const { Region } = require(`${library}/platform/index.js`);
  const allocator = makeAllocator(shared, kind, operations);
  const dataRegion = Region.attach(allocator.handle.data);
  const data = new Int32Array(dataRegion.buffer);
  const granuleBytes = kind === 'block' ? 256 : kind === 'stack' ? 16 : 8;
  const { deaths, ids, total, close } = await killAtRandom({
    Region,
    worker: WORKER,
    ...{ mode, seed, operations, workers },
    record: 8,
    limitMs: 160_000,
    setup: { library, kind, handle: allocator.handle, granuleBytes, most: 40 },
    // At any moment once it has begun; now and then even while it is starting.
    mayDie: (done, random) => done > 0 || random(10) === 0,
  });
  allocator.recover();
  const left = { ...allocator.stats() };
  if (kind === 'block') checkBlocks(allocator);
  if (kind === 'bump') checkBump(allocator, data, deaths + workers);
  if (kind === 'stack' && allocator.usedBytes !== 0) throw new Error(`${allocator.usedBytes} bytes are lost`);
  if (allocator.recover().owners !== 0) throw new Error('a dead owner was left');
  // Counters are exact but for one operation of each who died.
  if (kind !== 'bump' && left.liveAllocations > deaths + workers)
    throw new Error(`${left.liveAllocations} counted live`);
  const result = { operations: total(5), deaths, inherited: total(6), refusals: total(7), ids };
  dataRegion.free();
  close();
  allocator.dispose();
  return result;
}

module.exports = { stress };

if (require.main === module) runByHand(stress, 'block');
