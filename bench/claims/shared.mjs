// Blocks that several workers take from one pool at once: SharedBlockAllocator beside the same pool behind a lock.
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { claim, comparison, HERE, interleave, nebula, ratioOf } from '../harness.mjs';
import { LockedList } from '../locked-list.mjs';

const shared = nebula.SharedBlockAllocator;
const BLOCKS = 4096;
const BLOCK_BYTES = 4096;
const LIVE = 16;

/** The peer: blocks behind a lock. */
class LockedPool {
  constructor(buffer, fresh) {
    this.list = new LockedList(buffer, BLOCKS, fresh);
  }

  allocate() {
    const block = this.list.pop();
    return block === -1 ? -1 : block * BLOCK_BYTES;
  }

  deallocate(offset) {
    this.list.push(offset / BLOCK_BYTES);
  }
}

/** Nanoseconds for a pair of allocate and deallocate, with a few blocks live. */
function pairs(pool, count) {
  const live = [];
  for (let i = 0; i < LIVE; i += 1) live.push(pool.allocate(BLOCK_BYTES));
  const start = performance.now();
  for (let i = 0; i < count; i += 1) {
    const at = i & (LIVE - 1);
    pool.deallocate(live[at], BLOCK_BYTES);
    live[at] = pool.allocate(BLOCK_BYTES);
  }
  const nanoseconds = ((performance.now() - start) * 1e6) / count;
  for (const offset of live) pool.deallocate(offset, BLOCK_BYTES);
  return nanoseconds;
}

if (!isMainThread && workerData?.claim === 'shared') {
  const pools = { ours: shared.attach(workerData.handle), locked: new LockedPool(workerData.list, false) };
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
  const allocator = shared.create({ blockBytes: BLOCK_BYTES, blocks: BLOCKS });
  const list = new SharedArrayBuffer(LockedList.bytesFor(BLOCKS));
  const gate = new SharedArrayBuffer(64);
  const locked = new LockedPool(list, true);
  const bump = nebula.SharedBumpAllocator.create('64MiB');
  const stack = nebula.SharedStackAllocator.create('1MiB');
  const file = join(HERE, 'claims', 'shared.mjs');
  const setup = { claim: 'shared', handle: allocator.handle, list, gate };
  const workers = [0, 1].map(() => new Worker(file, { workerData: setup }));
  let turn = 0;
  const contend = async (pool) => {
    turn += 1;
    const answers = workers.map(answerOf);
    for (const worker of workers) worker.postMessage({ pool, count, turn });
    return Math.max(...(await Promise.all(answers)));
  };
  const bumps = () => {
    const start = performance.now();
    for (let i = 0; i < count; i += 1) if (bump.tryAllocate(64) === -1) bump.reset();
    return ((performance.now() - start) * 1e6) / count;
  };
  const rows = await interleave(
    [
      { name: 'SharedBlockAllocator, alone', run: () => pairs(allocator, count) },
      { name: 'a lock around a list, alone', run: () => pairs(locked, count) },
      { name: 'SharedBlockAllocator, two workers', run: () => contend('ours') },
      { name: 'a lock around a list, two workers', run: () => contend('locked') },
      { name: 'SharedBumpAllocator, allocate only', run: bumps },
      {
        name: 'SharedStackAllocator, alone',
        run: () => {
          const start = performance.now();
          for (let i = 0; i < count; i += 1) stack.deallocate(stack.allocate(64), 64);
          return ((performance.now() - start) * 1e6) / count;
        },
      },
    ],
    quick ? 3 : 7,
  );
  await Promise.all(workers.map((worker) => worker.terminate()));
  const recovered = allocator.recover();
  for (const each of [allocator, bump, stack]) each.dispose();
  const alone = rows.find(({ name }) => name === 'SharedBlockAllocator, alone');
  return {
    title: `one pool of ${BLOCKS} blocks for several workers: a pair of allocate and deallocate`,
    unit: 'ns',
    rows,
    claims: [
      claim('ns a pair alone', alone.median, '<=', 80),
      claim(
        'times faster than a lock when two workers contend',
        ratioOf(rows, 'a lock around a list, two workers', 'SharedBlockAllocator, two workers'),
        '>=',
        2,
      ),
      comparison(
        'times faster than a lock that nobody else wants',
        ratioOf(rows, 'a lock around a list, alone', 'SharedBlockAllocator, alone'),
      ),
    ],
    notes: [
      'the lock checks nothing and a worker that ends inside it stops the others for ever; ours notices double and foreign frees and survives',
      `places of the terminated workers that recover() took back: ${recovered.owners}`,
      'two workers contend only with two CPUs to spare; on a busy machine they take turns, hardly ever meet, and the ratio nears 1',
    ],
  };
}
