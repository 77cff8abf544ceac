// Several workers or processes lend from one pool and are killed at random moments; then no slot may be lost, and none may
// have been lent twice. Run by hand for longer:
//
//   node test/pools/shared/stress.cjs ThreadSafePool threads 7 1000000      kind, threads|processes, seed, operations
const { resolve, join } = require('node:path');
const { launch } = require('../../support/launch.cjs');

const WORKER = join(__dirname, 'stress-worker.cjs');
// Another build of the package can be named, to test one that is not in dist/.
const LIBRARY = process.env.NEBULA_TEST_LIBRARY ?? resolve(__dirname, '../../../dist');
const MAX_IDS = 4000;
const RECORD = 16;
const LIMIT_MS = 280_000;
/** So few that they run out again and again, and the dead must be found to go on. */
const SLOTS = { LockFreePool: 24, ThreadSafePool: 6, WorkStealingPool: 48 };

/** Every slot can be had again, each of them once. */
function checkSlots(pool) {
  const seen = new Map();
  for (let lease = pool.tryAcquire(); lease !== undefined; lease = pool.tryAcquire()) {
    if (seen.has(lease.slot)) throw new Error(`slot ${lease.slot} was lent twice`);
    seen.set(lease.slot, lease);
  }
  if (seen.size !== pool.slots) throw new Error(`${pool.slots - seen.size} slots are lost`);
  for (const lease of seen.values()) lease.release();
}

/** @returns what happened: operations, deaths, how often a slot of a dead holder was met again */
async function stress({ kind, mode, seed, operations, workers = 3, library = LIBRARY }) {
  const nebula = require(`${library}/pools/shared/index.js`);
  const { Region } = require(`${library}/platform/index.js`);
  const pool = nebula[kind].create({ slots: SLOTS[kind], slotBytes: 64, owners: 8 });
  const desk = Region.shared(64 + MAX_IDS * RECORD * 8);
  const control = new Int32Array(desk.buffer, 0, 16);
  const records = new Float64Array(desk.buffer, 64);
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
  let own = 0;
  const begin = () => {
    ids += 1;
    Atomics.store(control, 1, ids);
    const most = Math.ceil(pool.slots / 2);
    return launch(WORKER, mode, { library, kind, handle: pool.handle, desk: desk.handle, id: ids, seed, most });
  };
  const team = Array.from({ length: workers }, begin);
  const from = Date.now();
  while ((total(5) < operations || deaths < 5) && ids < MAX_IDS - workers) {
    if (Date.now() - from > LIMIT_MS) throw new Error(`only ${total(5)} operations in ${LIMIT_MS} ms`);
    await new Promise((done) => setTimeout(done, 1 + random(30)));
    if (kind === 'ThreadSafePool') {
      // Whoever waits is served, whatever happens to the others.
      (await pool.acquire({ deadlineMs: 60_000 })).release();
      own += 1;
    }
    const at = random(workers);
    const victim = team[at];
    const early = await Promise.race([victim.ended, Promise.resolve('running')]);
    if (early instanceof Error) throw early;
    // Killed at any moment once it has done something; now and then even while it is starting.
    if (records[victim.setup.id * RECORD + 5] <= random(3000) && random(20) !== 0) continue;
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
  pool.recover();
  const { borrowed, owners, waiting } = pool.stats();
  if (owners !== 1) throw new Error(`${owners - 1} dead attachments were left`);
  if (waiting !== 0) throw new Error(`${waiting} dead wait`);
  // The counter is exact but for one operation of each who died.
  if (borrowed > deaths + workers) throw new Error(`${borrowed} counted as lent`);
  checkSlots(pool);
  const result = {
    operations: total(5),
    deaths,
    inherited: total(6),
    refusals: total(7),
    adopted: total(8),
    waited: total(9) + own,
    ids,
  };
  desk.free();
  pool.close();
  return result;
}

module.exports = { stress };

if (require.main === module) {
  const [, , kind = 'LockFreePool', mode = 'threads', seed = '1', operations = '300000', library] = process.argv;
  stress({ kind, mode, seed: Number(seed), operations: Number(operations), library }).then(
    (result) => console.log(kind, mode, `seed ${seed}`, JSON.stringify(result)),
    (error) => {
      console.error(kind, mode, `seed ${seed}`, error);
      process.exit(1);
    },
  );
}
