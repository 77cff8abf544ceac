// node stress.cjs KIND SEED LIVES: several workers at one shared heap, ended at random; at the end nothing may be missing
// and nothing may have been handed out twice. Prints its counts as JSON.
const { join } = require('node:path');
const { Worker } = require('node:worker_threads');
const { SharedHeapAllocator, SharedSystemAllocator } = require(join(__dirname, '../../../dist/allocators/heap'));
const { MAILBOX } = require('./stress-mailbox.cjs');

const [kind, seedText, livesText] = process.argv.slice(2);
const lives = Number(livesText);
let state = Number(seedText) | 1;
const random = (below) => {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
};
const heap = (kind === 'system' ? SharedSystemAllocator : SharedHeapAllocator).create(
  kind === 'system' ? '8MiB' : '6MiB',
);
const counts = { ended: 0, finished: 0, handedOver: 0, uncertain: 0, recovered: 0 };
const boxes = [];

function drain({ box, uid }) {
  const tail = Atomics.load(box, MAILBOX.tail);
  for (let at = Atomics.load(box, MAILBOX.head); at < tail; at += 1) {
    const slot = MAILBOX.first + (at % MAILBOX.slots) * 2;
    const [offset, size] = [box[slot], box[slot + 1]];
    const view = heap.view(offset, 8);
    const found = new DataView(view.buffer, view.byteOffset, 8).getInt32(0);
    if (found !== uid) throw new Error(`block ${offset} of ${uid} was written by ${found}`);
    heap.deallocate(offset, size);
    Atomics.store(box, MAILBOX.head, at + 1);
    counts.handedOver += 1;
  }
}

async function live(uid) {
  const mail = new SharedArrayBuffer(MAILBOX.words * 4);
  const entry = { box: new Int32Array(mail), uid };
  entry.box[MAILBOX.intent] = -1;
  boxes.push(entry);
  const ends = random(4) !== 0;
  const largest = kind === 'system' ? 100_000 : 200_000;
  const worker = new Worker(join(__dirname, 'stress-worker.cjs'), {
    workerData: {
      handle: heap.handle,
      kind,
      uid,
      seed: random(2 ** 31),
      mail,
      operations: ends ? 1e9 : 3000,
      largest,
    },
  });
  let failure = null;
  const over = new Promise((resolve) => {
    worker.on('error', (error) => {
      failure = error;
    });
    worker.on('exit', resolve);
  });
  await new Promise((resolve) => {
    worker.once('message', resolve);
    worker.once('exit', resolve);
  });
  const timer = setInterval(() => drain(entry), 2);
  if (ends) {
    await new Promise((resolve) => setTimeout(resolve, random(30)));
    await worker.terminate();
    counts.ended += 1;
  }
  await over;
  clearInterval(timer);
  if (failure !== null) throw failure;
  drain(entry);
  if (!ends) counts.finished += 1;
  if (random(2) === 0) counts.recovered += heap.recover().blocks;
}

async function chain(first, step) {
  for (let uid = first; uid <= lives; uid += step) await live(uid);
}

Promise.all([chain(1, 3), chain(2, 3), chain(3, 3)]).then(() => {
  counts.recovered += heap.recover().blocks;
  for (const entry of boxes) drain(entry);
  // Ended between disowning a block and telling so: the block must be there, and nothing but such blocks.
  for (const { box, uid } of boxes) {
    const offset = box[MAILBOX.intent];
    if (offset < 0 || !heap.owns(offset)) continue;
    const view = heap.view(offset, 8);
    if (new DataView(view.buffer, view.byteOffset, 8).getInt32(0) !== uid) continue;
    heap.deallocate(offset, box[MAILBOX.intentSize]);
    counts.uncertain += 1;
  }
  heap.recover();
  const audit = kind === 'system' ? null : heap.audit();
  heap.trim?.();
  // Everything is one free run again.
  const all = heap.capacityBytes;
  const whole = heap.tryAllocate(all);
  const after = kind === 'system' ? null : heap.audit();
  if (whole >= 0) heap.deallocate(whole, all);
  console.log(JSON.stringify({ ...counts, whole, audit, after, stats: heap.stats() }));
  heap.dispose();
});
