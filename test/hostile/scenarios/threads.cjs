// Threads that use the same regions at the same time.
'use strict';

const { lib, codeOf, codeOfAsync, codesOf, kinds, sleep, until, worker, message, PAGE, MIB } = require('../tools.cjs');

const quiet = () => until(() => lib().memory.totals().regions === 0);

exports.freedUnderHotLoop = async () => {
  const { Region, memory } = lib();
  const flag = new Int32Array(new SharedArrayBuffer(8));
  const region = Region.map(8 * MIB, { carrier: 'shared' });
  region.bytes.fill(1);
  const w = worker(
    ({ parentPort, data }) => {
      const { bytes, flag } = data;
      parentPort.postMessage('running');
      let wrong = 0;
      while (Atomics.load(flag, 0) === 0) {
        for (let i = 0; i < bytes.length; i += 64) if (bytes[i] > 1) wrong += 1;
        Atomics.add(flag, 1, 1);
      }
      parentPort.postMessage([wrong, bytes[0], bytes.length]);
    },
    { bytes: region.bytes, flag },
  );
  await message(w);
  await sleep(20);
  region.free();
  const rounds = Atomics.load(flag, 1);
  const others = [];
  for (let i = 0; i < 20; i++) {
    memory.drainQuarantine({ all: true });
    const other = Region.map(8 * MIB);
    other.bytes.fill(200); // would be seen by the worker, were its addresses handed out again
    others.push(other);
    await sleep(2);
  }
  await until(() => Atomics.load(flag, 1) > rounds + 2);
  Atomics.store(flag, 0, 1);
  const [wrong, first, length] = await message(w);
  for (const other of others) other.free();
  return { wrong, first, length };
};

exports.attachedFreedUnderHotLoop = async () => {
  const { Region } = lib();
  const region = Region.shared(MIB);
  const w = worker(({ Region, parentPort, data }) => {
    const mine = Region.attach(data);
    const { bytes } = mine;
    parentPort.on('message', () => {
      let total = 0;
      for (let i = 0; i < bytes.length; i++) total += bytes[i];
      mine.free();
      parentPort.postMessage(total);
      parentPort.close();
    });
    parentPort.postMessage('ready');
  }, region.handle);
  await message(w);
  region.bytes.fill(1);
  region.free(); // the worker still holds the memory
  w.postMessage('go');
  return { total: await message(w), gone: await quiet() };
};

exports.attachmentsInAnyOrder = async () => {
  const { Region, memory } = lib();
  const workers = Array.from({ length: 3 }, () =>
    worker(({ Region, parentPort }) => {
      const mine = new Map();
      parentPort.on('message', ([what, id, handle]) => {
        if (what === 'attach') mine.set(id, Region.attach(handle)).get(id).bytes[0] += 1;
        if (what === 'free') mine.get(id).free();
        parentPort.postMessage(id);
        if (what === 'end') parentPort.close();
      });
    }),
  );
  const tell = async (i, ...order) => {
    const answer = message(workers[i]);
    workers[i].postMessage(order);
    await answer;
  };
  const orders = [
    [0, 1, 2, 3],
    [3, 2, 1, 0],
    [1, 3, 0, 2],
    [2, 0, 3, 1],
  ]; // 3 is the main thread
  let live = 0;
  for (const [id, order] of orders.entries()) {
    const region = Region.shared(PAGE);
    for (let i = 0; i < 3; i++) await tell(i, 'attach', id, region.handle);
    for (const [step, who] of order.entries()) {
      live += memory.totals().regions;
      if (who === 3) region.free();
      else await tell(who, 'free', id);
      if (step === 3) live += memory.totals().regions * 100;
    }
  }
  for (let i = 0; i < 3; i++) await tell(i, 'end');
  return { live };
};

exports.freedAtTheSameTime = async () => {
  const { Region, memory } = lib();
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const regions = Array.from({ length: 200 }, () => Region.shared(PAGE));
  const race = ({ Region, parentPort, data }) => {
    const mine = data.handles.map((handle) => Region.attach(handle));
    for (const region of mine) region.bytes[0] = 1;
    parentPort.postMessage('ready');
    Atomics.wait(data.flag, 0, 0);
    const codes = new Set();
    for (const region of mine) {
      try {
        region.free();
      } catch (error) {
        codes.add(error.code);
      }
    }
    parentPort.postMessage([...codes]);
  };
  const workers = Array.from({ length: 2 }, () =>
    worker(race, { handles: regions.map((region) => region.handle), flag }),
  );
  await Promise.all(workers.map((w) => message(w)));
  for (const region of regions) region.bytes[1] = 1;
  const answers = Promise.all(workers.map((w) => message(w)));
  Atomics.store(flag, 0, 1);
  Atomics.notify(flag, 0);
  const mine = codesOf(regions.map((region, i) => [i, () => region.free()]));
  const codes = [...kinds(mine), ...(await answers).flat()];
  return {
    odd: codes.filter((code) => !['none', 'ERR_MEMORY_IN_USE', 'IN_USE'].includes(code)),
    gone: await quiet(),
    mapped: memory.totals().mappedBytes,
  };
};

exports.decommittedWhileWritten = async () => {
  const { Region } = lib();
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const region = Region.shared(MIB);
  const w = worker(
    ({ Region, parentPort, data }) => {
      const mine = Region.attach(data.handle);
      const { bytes } = mine;
      parentPort.postMessage('running');
      for (let n = 0; Atomics.load(data.flag, 0) === 0; n++) for (let i = 0; i < bytes.length; i += 512) bytes[i] = n;
      mine.free();
      parentPort.postMessage('done');
    },
    { handle: region.handle, flag },
  );
  await message(w);
  let given = 0;
  for (let i = 0; i < 300; i++) given += region.decommit({ offset: 0, length: MIB });
  for (let i = 0; i < 100; i++) region.zero();
  Atomics.store(flag, 0, 1);
  await message(w);
  region.free();
  return { given: given === 300 * MIB, gone: await quiet() };
};

exports.protectedWhileAttached = async () => {
  const { Region } = lib();
  const region = Region.shared(PAGE);
  const w = worker(({ Region, parentPort, data }) => {
    const mine = Region.attach(data);
    parentPort.on('message', () => {
      mine.free();
      parentPort.postMessage('freed');
      parentPort.close();
    });
    parentPort.postMessage('ready');
  }, region.handle);
  await message(w);
  const attached = codesOf([
    ['protect', () => region.protect('read')],
    ['remap', () => region.remap(2 * PAGE)],
    ['readwrite', () => region.protect('readwrite')],
  ]);
  w.postMessage('free');
  await message(w);
  const alone = codesOf([
    ['remap', () => region.remap(2 * PAGE)],
    ['protect', () => region.protect('read')],
  ]);
  region.free();
  return { attached, alone };
};

exports.waitAndNotify = async () => {
  const { Region } = lib();
  const region = Region.shared(PAGE);
  const words = new Int32Array(region.buffer);
  words[0] = 7;
  const outcomes = [region.wait(0, 8), region.wait(0, 7, { timeout: 20 }), region.notify(0)];
  const codes = codesOf([
    ['odd', () => region.wait(2, 0)],
    ['end', () => region.wait(PAGE - 2, 0)],
    ['expected', () => region.wait(0, 2 ** 33)],
    ['timeout', () => region.wait(0, 7, { timeout: -1 })],
    ['count', () => region.notify(0, -1)],
    ['fraction', () => region.notify(0, 1.5)],
  ]);
  const w = worker(({ Region, parentPort, data }) => {
    const mine = Region.attach(data);
    parentPort.postMessage('waiting');
    parentPort.postMessage(mine.wait(0, 7));
  }, region.handle);
  await message(w);
  await sleep(30);
  const free = codeOf(() => region.free()); // not the last holder: nothing is taken from the waiter
  const last = message(w);
  const again = codeOf(() => region.notify(0));
  const rejected = await codeOfAsync(async () => region.wait(0, 7));
  await w.terminate();
  await Promise.race([last.catch(() => {}), sleep(10)]);
  return { outcomes, kinds: kinds(codes), free, again, rejected };
};
