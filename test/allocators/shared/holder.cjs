// Attaches to a shared block allocator, takes blocks and waits to be ended.
const { resolve } = require('node:path');
const { isMainThread, parentPort, workerData } = require('node:worker_threads');

// Another build of the package can be named, to test one that is not in dist/.
const LIBRARY = process.env.NEBULA_TEST_LIBRARY ?? resolve(__dirname, '../../../dist');
const { environments } = require(`${LIBRARY}/platform/index.js`);

const setup = isMainThread ? JSON.parse(process.env.HOLDER_SETUP) : workerData;
const tell = (value) => (isMainThread ? process.send(value) : parentPort.postMessage(value));
if (setup.serial) {
  tell(environments.current().serial);
} else {
  const { SharedBlockAllocator } = require(`${LIBRARY}/allocators/shared/index.js`);
  const allocator = SharedBlockAllocator.attach(setup.handle);
  for (let i = 0; i < setup.blocks; i += 1) allocator.allocate(64);
  globalThis.kept = allocator;
  tell(allocator.owner);
}
setInterval(() => {}, 1000);
