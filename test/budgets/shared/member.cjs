// A member of a shared budget, in a worker or a process of its own: reserves and releases at random until it is told to
// stop, is terminated or killed. Needs dist/.
const { resolve } = require('node:path');
const { isMainThread, parentPort, workerData } = require('node:worker_threads');

const setup = isMainThread ? JSON.parse(process.env.MEMBER_SETUP) : workerData;
const { Region, SharedBudget } = require(setup.library ?? resolve(__dirname, '../../../dist'));

/** Words of the desk: what all do together, then the bytes that each has. */
const STOP = 0;
const TOTAL = 1;
const KILLS = 2;
const PASSED = 3;
const DONE = 4;
const WAITED = 5;
const OWN = 16;

const desk = Region.attach(setup.desk);
const words = new Int32Array(desk.buffer, 0, 512);
const budget =
  setup.open === undefined
    ? SharedBudget.attach(setup.handle, { quantumBytes: setup.quantumBytes })
    : SharedBudget.open(setup.open, { limitBytes: setup.limitBytes, quantumBytes: setup.quantumBytes });
const own = OWN + setup.id;
let state = (setup.seed + setup.id * 7919) >>> 0;
const random = (below) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};

// What this member was granted is entered after it was granted and taken out before it is given back; so the total is
// never more than what is granted, and a total above the limit proves that the limit was passed. What somebody had who is
// killed leaves it late: while that goes on, from before the sum was made or until after it, it may be as much more.
function entered(bytes) {
  Atomics.add(words, own, bytes);
  const kills = Atomics.load(words, KILLS);
  const total = Atomics.add(words, TOTAL, bytes) + bytes;
  const isCalm = kills % 2 === 0 && Atomics.load(words, KILLS) === kills;
  if (total > setup.limitBytes + (isCalm ? 0 : setup.most)) Atomics.add(words, PASSED, 1);
  Atomics.add(words, DONE, 1);
}

function leave(bytes) {
  Atomics.sub(words, TOTAL, bytes);
  Atomics.sub(words, own, bytes);
  budget.release(bytes);
}

let held = 0;

function step() {
  if (held > 0 && random(2) === 0) {
    const bytes = 1 + random(held);
    held -= bytes;
    leave(bytes);
    return;
  }
  const bytes = 1 + random(setup.most);
  if (held + bytes <= setup.most && budget.tryReserve(bytes)) {
    held += bytes;
    entered(bytes);
  }
}

async function run() {
  tell('begun');
  while (Atomics.load(words, STOP) === 0) {
    for (let i = 0; i < setup.batch; i += 1) step();
    if (setup.waits && random(4) === 0) {
      const bytes = 1 + random(setup.most);
      if (held > 0) leave(held);
      held = 0;
      const got = await budget.acquire(bytes);
      entered(bytes);
      Atomics.add(words, WAITED, 1);
      Atomics.sub(words, TOTAL, bytes);
      Atomics.sub(words, own, bytes);
      got.cancel();
    }
    await new Promise((next) => setImmediate(next));
  }
  if (held > 0) leave(held);
  budget.close();
  desk.free();
}

function tell(text) {
  if (isMainThread) process.send(text);
  else parentPort.postMessage(text);
}

// Waiting keeps no process alive: this does, until the end.
const alive = setInterval(() => {}, 1000);
run().then(
  () => {
    clearInterval(alive);
    if (isMainThread) process.disconnect();
  },
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
