// Named memory, and memory of other processes.
'use strict';

const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const { lib, codeOf, codesOf, kinds, sleep, until, PAGE } = require('../tools.cjs');

const TOOLS = JSON.stringify(require.resolve('../tools.cjs'));
const NAME = `nebula-hostile-${process.pid}`;

function named(work) {
  return async () => {
    try {
      return await work(lib().Region);
    } finally {
      codeOf(() => lib().Region.unlink(NAME));
    }
  };
}

exports.badNames = () => {
  const { Region } = lib();
  const names = [
    '',
    '.',
    '..',
    '/',
    'a/b',
    '../x',
    '/dev/shm/x',
    'a\0b',
    'a b',
    'ä',
    'x'.repeat(201),
    'a\n',
    5,
    null,
    {},
    Symbol('n'),
    '%',
    '~',
    '\\',
  ];
  const codes = codesOf(
    names.flatMap((name, i) => [
      [`shared ${i}`, () => Region.shared(PAGE, { name })],
      [`open ${i}`, () => Region.open(name)],
      [`unlink ${i}`, () => Region.unlink(name)],
    ]),
  );
  return kinds(codes);
};

exports.takenAndMissing = named((Region) => {
  const first = Region.shared(PAGE, { name: NAME });
  first.bytes[0] = 3;
  const codes = codesOf([
    ['taken', () => Region.shared(PAGE, { name: NAME })],
    ['huge', () => Region.shared(PAGE, { name: NAME, pages: '2MiB' })],
    ['missing', () => Region.open(`${NAME}-missing`)],
    ['unlinkMissing', () => Region.unlink(`${NAME}-missing`)],
    ['unlink', () => Region.unlink(NAME)],
    ['unlinkTwice', () => Region.unlink(NAME)],
    ['openUnlinked', () => Region.open(NAME)],
    ['again', () => Region.shared(PAGE, { name: NAME })],
  ]);
  return { codes, byte: first.bytes[0], other: Region.open(NAME).bytes[0] };
});

exports.namedOutlivesItsRegion = named((Region) => {
  const first = Region.shared(PAGE + 1, { name: NAME });
  first.bytes[PAGE] = 9;
  first.free();
  const again = Region.open(NAME);
  return { length: again.byteLength, byte: again.bytes[PAGE] };
});

exports.emptyObject = named((Region) => {
  const { readdirSync, truncateSync } = require('node:fs');
  Region.shared(PAGE, { name: NAME }).free();
  truncateSync(`/dev/shm/${readdirSync('/dev/shm').find((entry) => entry.includes(NAME))}`, 0);
  return codeOf(() => Region.open(NAME));
});

/** Another process that runs `body` with the handle and tells by IPC when it is ready. */
async function other(body, handle) {
  const source = `
    const { Region } = require(${TOOLS}).lib();
    process.once('message', (handle) => { (${body.toString()})(Region, handle); });
    process.on('message', () => {});`;
  const child = spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  child.send(handle);
  const [answer] = await once(child, 'message');
  return { child, answer };
}

exports.killedWhileAttached = async () => {
  const { Region } = lib();
  const region = Region.shared(PAGE);
  const { child } = await other((Region, handle) => {
    const mine = Region.attach(handle);
    mine.pin();
    mine.bytes[0] = 5;
    process.send('ready');
    setInterval(() => {
      mine.bytes[1] += 1;
    }, 1);
  }, region.handle);
  child.kill('SIGKILL');
  const [, signal] = await once(child, 'exit');
  const byte = region.bytes[0];
  region.bytes.fill(1);
  return { signal, byte, free: codeOf(() => region.free()) };
};

exports.ownerGone = async () => {
  const { Region } = lib();
  const { child, answer } = await other((Region) => {
    globalThis.kept = Region.shared(4096);
    kept.bytes[0] = 7;
    process.send(kept.handle);
  }, 'go');
  const mine = Region.attach(answer);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await sleep(20);
  return { byte: mine.bytes[0], late: codeOf(() => Region.attach(answer)), free: codeOf(() => mine.free()) };
};

exports.freedInOtherProcess = async () => {
  const { Region } = lib();
  const { child, answer } = await other((Region) => {
    const region = Region.shared(4096);
    const { handle } = region;
    region.free();
    process.send(handle);
  }, 'go');
  const code = codeOf(() => Region.attach(answer));
  child.kill();
  return { refused: ['STALE_HANDLE', 'SYSCALL'].includes(code) };
};

exports.handlesOfThreadsSentToProcesses = async () => {
  const { Region } = lib();
  const region = Region.map(PAGE, { carrier: 'shared' });
  const { child, answer } = await other((Region, handle) => {
    try {
      Region.attach(handle);
      process.send('none');
    } catch (error) {
      process.send(error.code);
    }
  }, region.handle);
  child.kill();
  return { answer };
};

exports.waitingAcrossProcesses = async () => {
  const { Region } = lib();
  const region = Region.shared(PAGE);
  const { child } = await other((Region, handle) => {
    const mine = Region.attach(handle);
    process.send('waiting');
    const outcome = mine.wait(0, 0);
    process.send(outcome);
  }, region.handle);
  const answer = once(child, 'message');
  let woken = 0;
  await until(() => {
    woken = region.notify(0);
    return woken > 0;
  });
  const [outcome] = await answer;
  child.kill();
  return { woken, outcome };
};

/** A process that has its own idea of the memory's length. */
exports.shrunkByAnotherProcess = named(async (Region) => {
  const region = Region.shared(64 * PAGE, { name: NAME });
  const { bytes } = region;
  bytes.fill(1);
  const source = `const fs = require('fs'); fs.truncateSync('/dev/shm/' + fs.readdirSync('/dev/shm').find((n) => n.includes('${NAME}')), ${8 * PAGE})`;
  const { status } = spawnSync(process.execPath, ['-e', source]);
  let total = 0;
  for (let i = 0; i < bytes.length; i++) total += bytes[i];
  return { status, total, told: codeOf(() => region.bytes), free: codeOf(() => region.free()) };
});
