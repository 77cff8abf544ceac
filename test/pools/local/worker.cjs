const { parentPort, threadId } = require('node:worker_threads');
const { localPool } = require('../../../dist');

let before = 'a pool';
try {
  localPool('buffers');
} catch (error) {
  before = error.code;
}
const pool = localPool('buffers', () => ({ text: 'worker' }));
const object = pool.acquire();
const answer = { before, ownThread: pool.threadId === threadId && threadId > 0, size: pool.size, text: object.text };
pool.release(object);
parentPort.postMessage(answer);
