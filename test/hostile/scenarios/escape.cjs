// Bytes that leave their region: transfer(), structuredClone, postMessage, marks.
'use strict';

const { MessageChannel, markAsUntransferable, receiveMessageOnPort } = require('node:worker_threads');
const { lib, codesOf, codeOf, sleep, settle, worker, message, ended, report, PAGE, MIB } = require('../tools.cjs');

const sum = (view) => {
  let total = 0;
  for (let i = 0; i < view.length; i++) total += view[i];
  return total;
};

/** Gives back every address that may go, then touches the view again and again. */
async function stress(views) {
  const { memory, Region } = lib();
  let total = 0;
  for (let i = 0; i < 20; i++) {
    globalThis.gc?.();
    await sleep(1);
    memory.drainQuarantine({ all: true });
    const next = Region.map(MIB);
    next.bytes.fill(0xff); // would be seen through an escaped view, were its addresses handed out again
    for (const view of views) {
      total += sum(view);
      view.fill(0);
    }
    next.free();
  }
  return total;
}

exports.transferredThenFreed = async () => {
  const { Region } = lib();
  const region = Region.map(MIB);
  region.bytes.fill(7);
  const { bytes } = region;
  const escaped = new Uint8Array(region.buffer.transfer());
  const before = escaped[5];
  region.free();
  return { before, stale: bytes.length, after: await stress([escaped]), length: escaped.length };
};

exports.transferredInManyWays = async () => {
  const { Region } = lib();
  const escaped = [];
  for (const [i, move] of [
    (buffer) => buffer.transferToFixedLength(),
    (buffer) => buffer.transfer(MIB), // same length: moved
    (buffer) => buffer.transfer(PAGE), // shorter: copied
    (buffer) => buffer.transfer(2 * MIB), // longer: copied
    (buffer) => buffer.transfer().transfer().transfer(),
  ].entries()) {
    const region = Region.map(MIB);
    region.bytes.fill(1);
    escaped.push(new Uint8Array(move(region.buffer)));
    if (i % 2 === 0) region.free();
  }
  const lengths = escaped.map((view) => view.length);
  await stress(escaped);
  return { lengths };
};

exports.transferredThenCollected = async () => {
  const { Region, memory } = lib();
  const escaped = (() => {
    const region = Region.map(MIB);
    region.bytes.fill(3);
    return new Uint8Array(region.buffer.transfer());
  })();
  const collected = await settle(() => memory.totals().regions === 0);
  const kept = sum(escaped) === 3 * MIB;
  await stress([escaped]);
  return { collected, kept };
};

exports.transferredAwayThenUsed = () => {
  const { Region } = lib();
  const region = Region.map(PAGE);
  region.bytes[0] = 1;
  region.buffer.transfer(0);
  return codesOf([
    ['window', () => region.window(0, 10)],
    ['bytes', () => region.bytes.fill(1)],
    ['zero', () => region.zero()],
    ['protect', () => region.protect('read')],
    ['readwrite', () => region.protect('readwrite')],
    ['again', () => region.bytes.fill(1)],
    ['free', () => region.free()],
  ]);
};

function leavingWorker(how) {
  return async () => {
    const w = worker(({ Region, parentPort, data }) => {
      const region = Region.map(1 << 20);
      region.bytes.fill(5);
      const escaped = region.buffer.transfer();
      parentPort.postMessage(escaped, [escaped]);
      if (data === 'freed' || data === 'freedExit') region.free();
      if (data === 'exit' || data === 'freedExit') setTimeout(() => process.exit(0), 30);
      if (data === 'throw')
        setTimeout(() => {
          throw new Error('uncaught');
        }, 30);
      if (data === 'terminate') setInterval(() => region.state, 5);
    }, how);
    const over = ended(w);
    const view = new Uint8Array(await message(w));
    sum(view); // while the worker ends
    if (how === 'terminate') await w.terminate();
    await over;
    const total = await stress([view]);
    const known = [0, 5 * MIB];
    return { length: view.length, after: known.includes(total) };
  };
}

exports.postedOutNaturalEnd = leavingWorker('end');
exports.postedOutExit = leavingWorker('exit');
exports.postedOutThrow = leavingWorker('throw');
exports.postedOutTerminate = leavingWorker('terminate');
exports.postedOutFreed = leavingWorker('freed');
exports.postedOutFreedExit = leavingWorker('freedExit');

exports.postedOutOfEveryWorker = async () => {
  const views = [];
  const workers = Array.from({ length: 6 }, () =>
    worker(({ Region, parentPort }) => {
      for (let i = 0; i < 20; i++) {
        const region = Region.map(65536);
        region.bytes.fill(1);
        const escaped = region.buffer.transfer();
        parentPort.postMessage(escaped, [escaped]);
        if (i % 2 === 0) region.free();
      }
      setInterval(() => {}, 1000);
    }),
  );
  const counted = new Promise((resolve) => {
    for (const w of workers) w.on('message', (buffer) => views.push(new Uint8Array(buffer)) === 120 && resolve());
  });
  await counted;
  await Promise.all(workers.map((w) => w.terminate()));
  await stress(views);
  return { views: views.length };
};

exports.cloned = () => {
  const { Region } = lib();
  const region = Region.map(PAGE);
  region.bytes.fill(6);
  const copies = [
    structuredClone(region.buffer),
    structuredClone(region.bytes).buffer,
    structuredClone(region.window(0, 8)).buffer,
  ];
  region.free();
  return {
    copies: copies.map((copy) => [copy.byteLength, new Uint8Array(copy)[7]]),
    stale: codeOf(() => structuredClone(region)),
  };
};

exports.clonedShared = () => {
  const { Region } = lib();
  const region = Region.map(PAGE, { carrier: 'shared' });
  const { port1, port2 } = new MessageChannel();
  region.bytes.fill(6);
  port1.postMessage(region.bytes); // structuredClone refuses shared memory on some versions, ports do not
  const copy = receiveMessageOnPort(port2).message;
  port1.close();
  copy[1] = 9;
  const same = region.bytes[1] === 9;
  region.free();
  return { same, after: copy[1], length: copy.length };
};

exports.transferLists = async () => {
  const { Region } = lib();
  const { port1, port2 } = new MessageChannel();
  const attempts = {
    structuredClone: (buffer) => structuredClone(buffer, { transfer: [buffer] }),
    postMessage: (buffer) => port1.postMessage(buffer, [buffer]),
    worker: (buffer) => worker(() => {}, buffer, { transferList: [buffer] }),
    view: (buffer) => port1.postMessage(new Uint8Array(buffer, 8, 8), [buffer]),
  };
  const found = {};
  for (const [name, attempt] of Object.entries(attempts)) {
    const region = Region.map(PAGE);
    region.bytes.fill(2);
    let outcome = 'done';
    try {
      attempt(region.buffer);
    } catch (error) {
      outcome = error.name;
    }
    found[name] = [outcome, region.bytes.length, region.bytes[0]];
    region.free();
  }
  while (receiveMessageOnPort(port2) !== undefined);
  port1.close();
  return found;
};

exports.marked = () => {
  const { Region } = lib();
  const region = Region.map(PAGE);
  const { buffer } = region;
  markAsUntransferable(buffer);
  region.bytes.fill(5);
  region.free();
  const left = buffer.byteLength === 0 ? 0 : sum(new Uint8Array(buffer));
  report({ left, state: region.state });
  process.exit(0);
};

exports.markedNaturalEnd = () => {
  const { Region } = lib();
  const region = Region.map(PAGE);
  globalThis.kept = region.buffer;
  markAsUntransferable(region.buffer);
  region.free();
  return { state: region.state };
};

exports.markedInWorker = async () => {
  const w = worker(({ Region, parentPort, require }) => {
    const region = Region.map(4096);
    globalThis.kept = region.buffer;
    require('node:worker_threads').markAsUntransferable(region.buffer);
    region.free();
    parentPort.postMessage(region.state);
  });
  const over = ended(w);
  return { state: await message(w), code: await over };
};

exports.slicedAndResized = () => {
  const { Region } = lib();
  const region = Region.map(PAGE);
  region.bytes.fill(4);
  const copy = region.buffer.slice(0, 16);
  const codes = codesOf([
    ['resize', () => region.buffer.resize?.(10)],
    ['slice', () => ArrayBuffer.prototype.slice.call(region.buffer, -5, 2 ** 53)],
    [
      'species',
      () => {
        class Odd extends Uint8Array {
          static get [Symbol.species]() {
            return class {
              constructor() {
                region.free();
                return new Uint8Array(PAGE);
              }
            };
          }
        }
        new Odd(region.buffer).map((byte) => byte);
      },
    ],
  ]);
  return {
    copy: [...new Uint8Array(copy)].every((byte) => byte === 4),
    free: codeOf(() => region.free()),
    resize: codes.resize === 'none' || codes.resize.startsWith('foreign TypeError'),
  };
};

exports.freedInsideSort = () => {
  const { Region } = lib();
  const region = Region.map(PAGE);
  const { bytes } = region;
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 7) % 251;
  let calls = 0;
  bytes.sort((a, b) => {
    calls += 1;
    if (calls === 10) region.free();
    return a - b;
  });
  const shared = Region.map(PAGE, { carrier: 'shared' });
  const view = shared.bytes;
  view.sort((a, b) => {
    if (shared.state === 'live') shared.free();
    return a - b;
  });
  return { state: region.state, shared: shared.state };
};
