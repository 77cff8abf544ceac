// A first use of the package, as an application would; prints what run.mjs compares. Also what a worker runs.
'use strict';

const { isMainThread, parentPort } = require('node:worker_threads');
const { memory, MemoryError, Region } = require('nebula-memory');

function use() {
  const region = Region.map('64KiB');
  const view = region.bytes;
  view.set([1, 2, 3], 4096);
  const sum = view.reduce((total, byte) => total + byte, 0);
  region.free();
  let code = 'none';
  try {
    region.free();
  } catch (error) {
    code = error instanceof MemoryError ? error.code : String(error);
  }
  return [sum, view.length, code, memory.totals().regions].join(' ');
}

if (isMainThread) console.log(use());
else parentPort.postMessage(use());
