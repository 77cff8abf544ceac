// Allocates for ever in an attached arena; the parent terminates it at any instruction.
const { parentPort, workerData } = require('node:worker_threads');
const { ThreadSafeArena } = require('../../../dist/arenas/index.js');

const arena = ThreadSafeArena.attach(workerData.handle);
parentPort.postMessage('on');
for (let i = 0; ; i += 1) {
  const bytes = 8 + (i % 9000);
  const offset = arena.tryAllocate(bytes);
  if (offset !== -1 && i % 3 === 0) arena.deallocate(offset, bytes);
}
