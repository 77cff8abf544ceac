// A worker of stress.cjs: allocates, checks that nobody wrote into its blocks, frees, hands blocks over, until it is ended.
const { workerData, parentPort } = require('node:worker_threads');
const { join } = require('node:path');
const { SharedHeapAllocator, SharedSystemAllocator } = require(join(__dirname, '../../../dist/allocators/heap'));
const { MAILBOX } = require('./stress-mailbox.cjs');

const { handle, kind, uid, seed, mail, operations, largest } = workerData;
const heap = (kind === 'system' ? SharedSystemAllocator : SharedHeapAllocator).attach(handle);
const box = new Int32Array(mail);
let state = seed | 1;
const random = (below) => {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
};
const live = [];
let serial = 0;

function ends(offset, size) {
  const head = heap.view(offset, 8);
  const tail = heap.view(offset + size - 8, 8);
  return [new DataView(head.buffer, head.byteOffset, 8), new DataView(tail.buffer, tail.byteOffset, 8)];
}
function check(block) {
  for (const view of ends(block.offset, block.size)) {
    if (view.getInt32(0) !== uid || view.getInt32(4) !== block.serial) {
      throw new Error(`block ${block.offset}+${block.size} of ${uid} was written by ${view.getInt32(0)}`);
    }
  }
}

parentPort.postMessage('ready');
for (let i = 0; i < operations; i += 1) {
  if (live.length < 200 && random(5) < 3) {
    const size = random(10) === 0 ? 16 + random(largest) : 16 + random(2000);
    const offset = heap.tryAllocate(size);
    if (offset < 0) continue;
    serial += 1;
    for (const view of ends(offset, size)) {
      view.setInt32(0, uid);
      view.setInt32(4, serial);
    }
    live.push({ offset, size, serial });
  } else if (live.length > 0) {
    const at = random(live.length);
    const block = live[at];
    live[at] = live[live.length - 1];
    live.pop();
    check(block);
    const tail = Atomics.load(box, MAILBOX.tail);
    if (random(4) === 0 && tail - Atomics.load(box, MAILBOX.head) < MAILBOX.slots) {
      const slot = MAILBOX.first + (tail % MAILBOX.slots) * 2;
      Atomics.store(box, MAILBOX.intentSize, block.size);
      Atomics.store(box, MAILBOX.intent, block.offset);
      heap.disown(block.offset);
      box[slot] = block.offset;
      box[slot + 1] = block.size;
      Atomics.store(box, MAILBOX.tail, tail + 1);
      Atomics.store(box, MAILBOX.intent, -1);
    } else {
      heap.deallocate(block.offset, block.size);
    }
  }
}
for (const block of live) {
  check(block);
  if (random(2) === 0) heap.deallocate(block.offset, block.size); // the rest comes back by dispose()
}
heap.dispose();
parentPort.postMessage('done');
