// Sends a lease to a process that is killed: after it has adopted the block, with the message in its hands, or before it
// took it. Prints how many blocks are held afterwards, and again after looking for the dead.
const { fork } = require('node:child_process');

if (process.argv[2] === 'child') {
  const [, , , library, what] = process.argv;
  const { Channel, SharedBlockAllocator } = require(library);
  process.on('message', async ({ pool, handle }) => {
    const blocks = SharedBlockAllocator.attach(pool);
    const receiver = Channel.attach(handle, { blocks }).receiver().ref();
    if (what !== 'in the channel') {
      const message = await receiver.receive();
      globalThis.kept = what === 'adopted' ? message.adopt() : message;
    }
    process.send('ready');
  });
} else {
  const [, , library, what] = process.argv;
  const { Channel, SharedBlockAllocator } = require(library);
  const blocks = SharedBlockAllocator.create({ blockBytes: 64, blocks: 4 });
  const channel = Channel.create({ blocks });
  channel.receiver();
  channel.sender().trySend(blocks.acquire());
  const child = fork(__filename, ['child', library, what]);
  child.send({ pool: blocks.handle, handle: channel.handle });
  child.once('message', () => child.kill('SIGKILL'));
  child.once('exit', (_code, signal) => {
    channel.recover();
    blocks.recover();
    const held = blocks.stats().liveAllocations;
    channel.recover();
    console.log(JSON.stringify({ signal, held, again: blocks.stats().liveAllocations }));
    channel.close();
    blocks.dispose();
  });
}
