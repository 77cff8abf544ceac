// Slots that workers lend from one pool: LockFreePool, ThreadSafePool and WorkStealingPool beside a list behind a lock.
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { claim, comparison, HERE, interleave, nebula, ratioOf } from '../harness.mjs';
import { LockedList } from '../locked-list.mjs';

const SLOTS = 4096;
const SLOT_BYTES = 4096;
const LIVE = 16;
const { LockFreePool, ThreadSafePool, WorkStealingPool } = nebula;
const KINDS = { lockFree: LockFreePool, threadSafe: ThreadSafePool, stealing: WorkStealingPool };

/** The peer: slots behind a lock, and a view for each of them. */
class LockedPool {
  constructor(list, memory, fresh) {
    this.list = new LockedList(list, SLOTS, fresh);
    this.views = Array.from({ length: SLOTS }, (_, slot) => new Uint8Array(memory, slot * SLOT_BYTES, SLOT_BYTES));
  }

  tryAcquire() {
    const slot = this.list.pop();
    return slot === -1 ? undefined : { pool: this, slot, bytes: this.views[slot] };
  }

  release({ slot }) {
    this.list.push(slot);
  }
}

/** Nanoseconds for a loan and its return, with a few more on loan. */
function pairs(pool, count) {
  const live = [];
  for (let i = 0; i < LIVE; i += 1) live.push(pool.tryAcquire());
  const start = performance.now();
  for (let i = 0; i < count; i += 1) {
    const at = i & (LIVE - 1);
    pool.release(live[at]);
    live[at] = pool.tryAcquire();
  }
  const nanoseconds = ((performance.now() - start) * 1e6) / count;
  for (const lease of live) pool.release(lease);
  return nanoseconds;
}

/** The same, and looks at a byte of each. */
function touches(pool, count) {
  let seen = 0;
  const start = performance.now();
  for (let i = 0; i < count; i += 1) {
    const lease = pool.tryAcquire();
    seen += lease.bytes[0];
    pool.release(lease);
  }
  const nanoseconds = ((performance.now() - start) * 1e6) / count;
  if (seen < 0) throw new Error('bytes are not negative');
  return nanoseconds;
}

/** How long a view costs: the mean of `count` looks at the bytes of one loan. */
function views(pool, count) {
  const leases = Array.from({ length: LIVE }, () => pool.tryAcquire());
  for (const lease of leases) lease.bytes[0] = 1;
  let seen = 0;
  const start = performance.now();
  for (let i = 0; i < count; i += 1) seen += leases[i & (LIVE - 1)].bytes.length;
  const nanoseconds = ((performance.now() - start) * 1e6) / count;
  for (const lease of leases) pool.release(lease);
  if (seen !== count * SLOT_BYTES) throw new Error('views of another length');
  return nanoseconds;
}

if (!isMainThread && workerData?.claim === 'shared-pool') {
  const pools = { locked: new LockedPool(workerData.list, workerData.memory, false) };
  for (const [key, handle] of Object.entries(workerData.handles)) pools[key] = KINDS[key].attach(handle);
  const gate = new Int32Array(workerData.gate);
  parentPort.on('message', ({ pool, count, turn }) => {
    // Both begin together.
    Atomics.add(gate, 0, 1);
    while (Atomics.load(gate, 0) < turn * 2);
    parentPort.postMessage(pairs(pools[pool], count));
  });
}

function answerOf(worker) {
  // A worker that fails ends this process: nobody catches its error.
  return new Promise((done) => worker.once('message', done));
}

export default async function run({ quick }) {
  const count = quick ? 200_000 : 1_000_000;
  const options = { slots: SLOTS, slotBytes: SLOT_BYTES };
  const pools = {
    lockFree: LockFreePool.create(options),
    threadSafe: ThreadSafePool.create(options),
    stealing: WorkStealingPool.create(options),
  };
  const few = LockFreePool.create({ slots: 64, slotBytes: 64 });
  const many = LockFreePool.create({ slots: 2 ** 20, slotBytes: 64 });
  const list = new SharedArrayBuffer(LockedList.bytesFor(SLOTS));
  const memory = new SharedArrayBuffer(SLOTS * SLOT_BYTES);
  const gate = new SharedArrayBuffer(64);
  const locked = new LockedPool(list, memory, true);
  const file = join(HERE, 'claims', 'shared-pool.mjs');
  const handles = Object.fromEntries(Object.entries(pools).map(([key, pool]) => [key, pool.handle]));
  const setup = { claim: 'shared-pool', handles, list, memory, gate };
  const workers = [0, 1].map(() => new Worker(file, { workerData: setup }));
  let turn = 0;
  const contend = async (pool) => {
    turn += 1;
    const answers = workers.map(answerOf);
    for (const worker of workers) worker.postMessage({ pool, count, turn });
    return Math.max(...(await Promise.all(answers)));
  };
  const rows = await interleave(
    [
      { name: 'LockFreePool, alone', run: () => pairs(pools.lockFree, count) },
      { name: 'WorkStealingPool, alone', run: () => pairs(pools.stealing, count) },
      { name: 'ThreadSafePool, alone', run: () => pairs(pools.threadSafe, count) },
      { name: 'a lock around a list, alone', run: () => pairs(locked, count) },
      { name: 'LockFreePool, two workers', run: () => contend('lockFree') },
      { name: 'WorkStealingPool, two workers', run: () => contend('stealing') },
      { name: 'ThreadSafePool, two workers', run: () => contend('threadSafe') },
      { name: 'a lock around a list, two workers', run: () => contend('locked') },
      { name: 'LockFreePool of 64 slots', run: () => touches(few, count) },
      { name: 'LockFreePool of 2^20 slots', run: () => touches(many, count) },
      { name: 'bytes of a lease', run: () => views(pools.lockFree, count) },
    ],
    quick ? 3 : 7,
  );
  await Promise.all(workers.map((worker) => worker.terminate()));
  const recovered = Object.values(pools).map((pool) => pool.recover().owners);
  for (const pool of [...Object.values(pools), few, many]) pool.close();
  const median = (name) => rows.find((row) => row.name === name).median;
  return {
    title: `one pool of ${SLOTS} slots for several workers: a loan and its return`,
    unit: 'ns',
    rows,
    claims: [
      claim('LockFreePool: ns a pair alone', median('LockFreePool, alone'), '<=', 80),
      claim(
        'LockFreePool: times faster than a lock when two workers contend',
        ratioOf(rows, 'a lock around a list, two workers', 'LockFreePool, two workers'),
        '>=',
        2,
      ),
      claim(
        'LockFreePool: cost with 2^20 slots beside 64',
        ratioOf(rows, 'LockFreePool of 2^20 slots', 'LockFreePool of 64 slots'),
        '<=',
        1.5,
      ),
      claim('ThreadSafePool: ns a pair alone, nobody waits', median('ThreadSafePool, alone'), '<=', 120),
      claim('bytes of a lease: ns', median('bytes of a lease'), '<=', 30),
      comparison(
        'WorkStealingPool: times faster than a lock when two workers contend',
        ratioOf(rows, 'a lock around a list, two workers', 'WorkStealingPool, two workers'),
      ),
      comparison(
        'LockFreePool: times faster than a lock that nobody else wants',
        ratioOf(rows, 'a lock around a list, alone', 'LockFreePool, alone'),
      ),
    ],
    notes: [
      'the lock checks nothing, and a worker that ends inside it stops the others for ever; ours notice double, foreign and stale returns and take back what the dead held',
      `attachments of the terminated workers that recover() took back: ${recovered.join(', ')}`,
      'two workers contend only with two CPUs to spare; on a busy machine they take turns, hardly ever meet, and the ratio nears 1',
      'WorkStealingPool is LockFreePool with a larger share for each attachment; with few slots on loan both run in their shares',
    ],
  };
}
