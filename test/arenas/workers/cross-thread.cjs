// Takes an arena over, checks what the parent wrote, goes on writing, and hands it back.
const { parentPort } = require('node:worker_threads');
const { CrossThreadArena } = require('../../../dist/arenas/index.js');

parentPort.once('message', async ({ handle, blocks }) => {
  const arena = CrossThreadArena.attach(handle);
  const right = blocks.every(([offset, bytes, stamp]) => arena.view(offset, bytes).every((byte) => byte === stamp));
  for (const [offset, bytes] of blocks) arena.view(offset, bytes).fill(0xbb);
  const mine = arena.allocate(5000);
  arena.view(mine, 5000).fill(0xcc);
  let again = 'nothing';
  try {
    CrossThreadArena.attach(handle);
  } catch (error) {
    again = error.code;
  }
  const used = arena.usedBytes;
  // The former owner notices by a timer of its own thread, which may stand still for long.
  const back = await arena.handOverWhenIdle({ timeoutMs: 170_000 });
  parentPort.postMessage({ right, mine, again, handle: back.handle, used });
  await back.whenTaken();
  parentPort.close();
});
