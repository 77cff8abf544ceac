// One worker or process of the stress test: lends, waits, hands over and gives back at random until it is told to stop, or
// is killed. Each slot that it holds carries its number; what it finds in one must be nobody's, or of somebody who is dead.
const { isMainThread, parentPort, workerData } = require('node:worker_threads');

const setup = isMainThread ? JSON.parse(process.env.STRESS_SETUP) : workerData;
const { library, kind, handle, desk, id, seed, most } = setup;
const nebula = require(`${library}/pools/shared/index.js`);
const { environments, Region } = require(`${library}/platform/index.js`);

/** In a slot that was handed over and has not arrived. */
const OFFERED = -1;
/** More than there are slots. */
const MOST_SLOTS = 4096;

// The desk: word 0 stop; from byte 64 on a record of 128 bytes for each worker: whether it is there, four numbers that say
// who it is, operations, inherited slots, refusals, adoptions, waits, and what it offers: slot + 1 and generation * MOST_SLOTS
// in one number, for the generation of another offer may fit a slot that was never offered.
const deskRegion = Region.attach(desk);
const control = new Int32Array(deskRegion.buffer, 0, 16);
const records = new Float64Array(deskRegion.buffer, 64);
const RECORD = 16;
const me = environments.current();
const mine = id * RECORD;
records.set([1, me.pid, me.startTicks, me.namespace, me.serial, 0, 0, 0, 0, 0, 0], mine);

const pool = nebula[kind].attach(handle, { wrap: (bytes) => new Int32Array(bytes.buffer, bytes.byteOffset, 2) });

let state = (seed * 2654435761 + id * 40503) >>> 0 || 1;
function random(below) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  state >>>= 0;
  return state % below;
}

function isDead(stamp) {
  const at = stamp * RECORD;
  const [, pid, startTicks, namespace, serial] = records.subarray(at, at + RECORD);
  return !environments.isAlive({ pid, startTicks, namespace, serial });
}

function stamp(lease) {
  const was = Atomics.exchange(lease.value, 0, id);
  if (was === 0 || was === OFFERED) return;
  if (was === id || !isDead(was)) throw new Error(`${id} was lent slot ${lease.slot}, which ${was} holds and is alive`);
  records[mine + 6] += 1;
}

function unstamp(lease, after) {
  const was = Atomics.exchange(lease.value, 0, after);
  if (was !== id) throw new Error(`slot ${lease.slot} of ${id} carries the number of ${was}`);
}

const held = [];
let offered;

function release() {
  const [lease] = held.splice(random(held.length), 1);
  unstamp(lease, 0);
  lease.release();
}

function take(lease) {
  if (lease === undefined) {
    records[mine + 7] += 1;
    return;
  }
  stamp(lease);
  held.push(lease);
}

/** Lets another one adopt a slot, or takes back what nobody has adopted. */
function offer() {
  if (offered !== undefined) {
    records[mine + 10] = 0;
    try {
      offered.release();
    } catch (error) {
      if (error.code !== 'ERR_MEMORY_STALE_HANDLE') throw error; // it was adopted
    }
    offered = undefined;
  } else if (held.length > 0) {
    offered = held.pop();
    unstamp(offered, OFFERED);
    const { slot, generation } = offered.lease;
    records[mine + 10] = generation * MOST_SLOTS + slot + 1;
  }
}

function adopt() {
  const at = (1 + random(control[1])) * RECORD;
  const offer = records[at + 10];
  if (at === mine || offer === 0) return;
  try {
    const lease = pool.adopt({
      type: 'nebula-memory.shared-lease',
      offset: ((offer - 1) % MOST_SLOTS) * pool.slotBytes,
      byteLength: pool.slotBytes,
      generation: Math.floor((offer - 1) / MOST_SLOTS),
    });
    take(lease);
    records[mine + 8] += 1;
  } catch (error) {
    if (error.code !== 'ERR_MEMORY_STALE_HANDLE') throw error;
  }
}

/** Blocks its thread, or waits without doing so, for a while. */
async function wait() {
  const deadlineMs = 1 + random(20);
  try {
    take(random(2) === 0 ? pool.acquireSync(deadlineMs) : await pool.acquire({ deadlineMs, priority: random(101) }));
    records[mine + 9] += 1;
  } catch (error) {
    if (error.code !== 'ERR_MEMORY_TIMEOUT') throw error;
    records[mine + 7] += 1;
  }
}

function step() {
  const what = random(100);
  if (what === 0 && random(50) === 0) pool.recover();
  else if (what < 3) offer();
  else if (what < 10 && held.length < most) adopt();
  else if (what < 62 && held.length < most) take(pool.tryAcquire());
  else if (held.length > 0) release();
}

async function run() {
  for (let operations = 1; Atomics.load(control, 0) === 0; operations += 1) {
    step();
    if (kind === 'ThreadSafePool' && random(100) === 0) await wait();
    records[mine + 5] = operations;
    if (operations % 1000 === 0) await new Promise((next) => setImmediate(next));
  }
  // Half of them leave as they should; the others keep what they hold and just end.
  if (id % 2 === 0) {
    if (offered !== undefined) offer();
    while (held.length > 0) release();
    pool.close();
  }
}

// Whoever started it has ended without a word.
if (isMainThread) process.once('disconnect', () => process.exit(1));

run().then(
  () => (isMainThread ? process.exit(0) : parentPort.postMessage('done')),
  (error) => {
    if (!isMainThread) throw error;
    console.error(error);
    process.exit(1);
  },
);
