// Both kinds of module in workers, and memory that is shared with one.
'use strict';

const { join } = require('node:path');
const { Worker } = require('node:worker_threads');
const { Region } = require('nebula-memory');

const answer = (worker) => new Promise((done, fail) => worker.once('message', done).once('error', fail));

async function main() {
  const said = [];
  for (const file of ['use.cjs', 'use.mjs']) said.push(await answer(new Worker(join(__dirname, file))));
  const region = Region.shared('4KiB');
  const source = `const { parentPort, workerData } = require('node:worker_threads');
    const mine = require('nebula-memory').Region.attach(workerData);
    mine.bytes[7] = 42;
    mine.free();
    parentPort.postMessage('done');`;
  await answer(new Worker(source, { eval: true, workerData: region.handle }));
  console.log([new Set(said).size, said[0], region.bytes[7]].join(' '));
  region.free();
}

main();
