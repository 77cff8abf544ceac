// Several workers or processes lend from one pool and are killed at random moments; then no slot may be lost, and none may
// have been lent twice. Run by hand for longer:
//
//   node test/pools/shared/stress.cjs ThreadSafePool threads 7 1000000      kind, threads|processes, seed, operations
const { join } = require('node:path');
const { LIBRARY, killAtRandom, runByHand } = require('../../support/stress.cjs');

const WORKER = join(__dirname, 'stress-worker.cjs');
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
  let own = 0;
  const { deaths, ids, total, close } = await killAtRandom({
    Region,
    worker: WORKER,
    ...{ mode, seed, operations, workers },
    record: 16,
    limitMs: 280_000,
    setup: { library, kind, handle: pool.handle, most: Math.ceil(pool.slots / 2) },
    // At any moment once it has done something; now and then even while it is starting.
    mayDie: (done, random) => done > random(3000) || random(20) === 0,
    eachTurn: async () => {
      if (kind !== 'ThreadSafePool') return;
      // Whoever waits is served, whatever happens to the others.
      (await pool.acquire({ deadlineMs: 200_000 })).release();
      own += 1;
    },
  });
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
  close();
  pool.close();
  return result;
}

module.exports = { stress };

if (require.main === module) runByHand(stress, 'LockFreePool');
