// Allocates in an attached arena, writes its number into each block, and reports the offsets.
const { parentPort, workerData } = require('node:worker_threads');
const { ThreadSafeArena } = require('../../../dist/arenas/index.js');

const { handle, id, count, sizes } = workerData;
const arena = ThreadSafeArena.attach(handle);
function round() {
  const blocks = [];
  for (let i = 0; i < count; i += 1) {
    const bytes = sizes[i % sizes.length];
    const offset = arena.tryAllocate(bytes);
    if (offset === -1) break;
    arena.view(offset, bytes).fill(id);
    blocks.push([offset, bytes]);
  }
  parentPort.postMessage(blocks);
}
parentPort.on('message', (what) => {
  if (what === 'again') return round();
  if (what === 'code') {
    try {
      arena.allocate(8);
      return parentPort.postMessage('nothing');
    } catch (error) {
      return parentPort.postMessage(error.code);
    }
  }
  arena.dispose();
  parentPort.close();
  return undefined;
});
round();
