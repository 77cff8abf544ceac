// Several workers or processes use one allocator at once and are killed at random moments; then nothing may be lost and
// nothing may have been handed out twice. Run by hand for longer:
//
//   node test/allocators/shared/stress.cjs block threads 7 2000000      kind, threads|processes, seed, operations
const { resolve, join } = require('node:path');
const { launch } = require('../../support/launch.cjs');

const WORKER = join(__dirname, 'stress-worker.cjs');
// Another build of the package can be named, to test one that is not in dist/.
const LIBRARY = process.env.NEBULA_TEST_LIBRARY ?? resolve(__dirname, '../../../dist');
const MAX_IDS = 4000;
const RECORD = 8;
const LIMIT_MS = 120_000;

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
  const desk = Region.shared(64 + MAX_IDS * RECORD * 8);
  const control = new Int32Array(desk.buffer, 0, 16);
  const records = new Float64Array(desk.buffer, 64);
  const dataRegion = Region.attach(allocator.handle.data);
  const data = new Int32Array(dataRegion.buffer);
  let state = seed >>> 0 || 1;
  const random = (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const total = (field) => {
    let sum = 0;
    for (let id = 1; id < MAX_IDS; id += 1) sum += records[id * RECORD + field];
    return sum;
  };
  let ids = 0;
  let deaths = 0;
  const granuleBytes = kind === 'block' ? 256 : kind === 'stack' ? 16 : 8;
  const begin = () => {
    ids += 1;
    const setup = { library, kind, handle: allocator.handle, desk: desk.handle, id: ids, seed, granuleBytes, most: 40 };
    return launch(WORKER, mode, setup);
  };
  const team = Array.from({ length: workers }, begin);
  const from = Date.now();
  while ((total(5) < operations || deaths < 5) && ids < MAX_IDS - workers) {
    if (Date.now() - from > LIMIT_MS) throw new Error(`only ${total(5)} operations in ${LIMIT_MS} ms`);
    await new Promise((done) => setTimeout(done, 1 + random(30)));
    const at = random(workers);
    const victim = team[at];
    const early = await Promise.race([victim.ended, Promise.resolve('running')]);
    if (early instanceof Error) throw early;
    // Killed at any moment once it has begun; now and then even while it is starting.
    if (records[victim.setup.id * RECORD + 5] === 0 && random(10) !== 0) continue;
    await victim.kill();
    const failure = await victim.ended;
    if (failure !== null) throw failure;
    deaths += 1;
    team[at] = begin();
  }
  Atomics.store(control, 0, 1);
  for (const { ended } of team) {
    const failure = await ended;
    if (failure !== null) throw failure;
  }
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
  desk.free();
  allocator.dispose();
  return result;
}

module.exports = { stress };

if (require.main === module) {
  const [, , kind = 'block', mode = 'threads', seed = '1', operations = '300000', library] = process.argv;
  stress({ kind, mode, seed: Number(seed), operations: Number(operations), library }).then(
    (result) => console.log(kind, mode, `seed ${seed}`, JSON.stringify(result)),
    (error) => {
      console.error(kind, mode, `seed ${seed}`, error);
      process.exit(1);
    },
  );
}
