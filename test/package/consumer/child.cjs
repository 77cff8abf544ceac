// A forked process, and memory that is shared with it.
'use strict';

const { fork } = require('node:child_process');
const { Region } = require('nebula-memory');

if (process.send === undefined) {
  const region = Region.shared('4KiB');
  const child = fork(__filename);
  child.once('message', () => {
    console.log(region.bytes[7]);
    region.free();
    child.disconnect();
  });
  child.send(region.handle);
} else {
  process.once('message', (handle) => {
    const mine = Region.attach(handle);
    mine.bytes[7] = 43;
    mine.free();
    process.send('done');
  });
}
