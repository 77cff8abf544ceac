// Attaches to a shared pool in a worker or process of its own, does what it is told and says what came of it. Needs dist/.
const { resolve } = require('node:path');
const { isMainThread, parentPort, workerData } = require('node:worker_threads');

// Another build of the package can be named, to test one that is not in dist/.
const LIBRARY = process.env.NEBULA_TEST_LIBRARY ?? resolve(__dirname, '../../../dist');
const nebula = require(`${LIBRARY}/pools/shared/index.js`);

const { kind, handle, still } = isMainThread ? JSON.parse(process.env.AGENT_SETUP) : workerData;
// In a time that stands still nobody is passed over for being slow.
const pool = nebula[kind].attach(handle, still ? { clock: { nowMs: () => 1 } } : undefined);
const held = [];
const tell = (value) => (isMainThread ? process.send(value) : parentPort.postMessage(value));
const keep = (lease) => {
  if (lease !== undefined) held.push(lease);
  return lease?.slot ?? -1;
};

const ORDERS = {
  take: () => keep(pool.tryAcquire()),
  wait: (options) => pool.acquire(options).then(keep),
  block: (deadlineMs) => {
    tell({ is: 'blocking' });
    // Not without end: whoever started it may be gone.
    return keep(pool.acquireSync(deadlineMs ?? 170_000));
  },
  give: () => held.pop().release(),
  offer: () => held[held.length - 1].lease,
  adopt: (lease) => keep(pool.adopt(lease)),
  read: () => [...held[held.length - 1].bytes.subarray(0, 4)],
  close: () => {
    pool.close();
    held.length = 0;
  },
  drain: () => pool.drain(),
  shutdown: () => pool.shutdown(),
};

async function obey([order, ...values]) {
  try {
    tell({ is: 'done', result: await ORDERS[order](...values) });
  } catch (error) {
    tell({ is: 'failed', code: error.code ?? String(error) });
  }
}

if (isMainThread) process.on('message', obey);
else parentPort.on('message', obey);
tell({ is: 'ready' });
