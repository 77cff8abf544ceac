// Files that lose their pages under a mapping: a bus error everywhere else.
'use strict';

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const { join } = require('node:path');
const { lib, codeOf, folder, randomFrom, settle, sleep, until, worker, message, MIB, PAGE } = require('../tools.cjs');

function file(bytes) {
  const path = join(folder(), 'file');
  fs.writeFileSync(path, '');
  fs.truncateSync(path, bytes);
  return path;
}

function mapped(mode, bytes = 16 * MIB) {
  const path = join(folder(), 'file');
  fs.writeFileSync(path, Buffer.alloc(bytes, 1));
  return { path, region: lib().Region.mapFile(path, { mode }) };
}

function sum(view, step = 1) {
  let total = 0;
  for (let i = 0; i < view.length; i += step) total += view[i];
  return total;
}

function state(region) {
  const code = () => codeOf(() => region.bytes);
  return { faults: region.faults > 0, first: code(), second: code(), free: codeOf(() => region.free()) };
}

const hotLoop = (mode) => async () => {
  const { path, region } = mapped(mode);
  const { bytes } = region;
  for (let i = 0; i < 5; i++) sum(bytes, 64); // compiled by now
  const before = sum(bytes, PAGE);
  fs.truncateSync(path, 0);
  let total = 0;
  for (let i = 0; i < 5; i++) total += sum(bytes, 64);
  bytes.fill(2);
  return { before, total, written: bytes[5 * MIB], ...state(region) };
};
exports.hotLoopShared = hotLoop('shared');
exports.hotLoopCopy = hotLoop('copy');

const inNative = (mode) => () => {
  const uses = {
    indexOf: (bytes) => Buffer.from(bytes.buffer).indexOf('needle'),
    hash: (bytes) => createHash('sha256').update(bytes).digest('hex').length,
    text: (bytes) => new TextDecoder('latin1').decode(bytes.subarray(0, MIB)).length,
    compare: (bytes) => Buffer.compare(Buffer.from(bytes.buffer), Buffer.alloc(16 * MIB)),
    copy: (bytes) => new Uint8Array(16 * MIB).set(bytes),
    fill: (bytes) => bytes.fill(3).length,
    sort: (bytes) => bytes.subarray(0, 1000).sort().length,
    deflate: (bytes) => require('node:zlib').deflateSync(bytes).length,
    atomics: (bytes) => Atomics.add(new Int32Array(bytes.buffer), 9 * PAGE, 1),
    clone: (bytes) => structuredClone(bytes.subarray(0, 10)).buffer.byteLength,
  };
  const found = {};
  for (const [name, use] of Object.entries(uses)) {
    const { path, region } = mapped(mode);
    const { bytes } = region;
    fs.truncateSync(path, 0);
    found[name] = [use(bytes) ?? 0, region.faults > 0];
    region.free();
  }
  found.deflate[0] = found.deflate[0] > 0;
  return found;
};
exports.inNativeCallsShared = inNative('shared');
exports.inNativeCallsCopy = inNative('copy');

exports.inSystemCalls = () => {
  const { path, region } = mapped('shared');
  const { bytes } = region;
  const other = fs.openSync(join(folder(), 'other'), 'w+');
  fs.truncateSync(path, 0);
  const outcome = (work) => {
    try {
      work();
      return 'done';
    } catch (error) {
      return error.code;
    }
  };
  return {
    write: outcome(() => fs.writeSync(other, bytes, 0, MIB)),
    read: outcome(() => fs.readSync(fs.openSync('/dev/zero'), bytes, 0, MIB)),
    faults: region.faults,
    after: sum(bytes),
  };
};

exports.inOwnCalls = () => {
  const { path, region } = mapped('shared');
  region.bytes[0] = 5;
  fs.truncateSync(path, 0);
  const out = new Uint8Array(PAGE);
  const next = (work) => codeOf(work);
  return {
    read: next(() => region.read(0, out)),
    byte: out[0],
    told: next(() => region.write(MIB, out)),
    zero: next(() => region.zero({ offset: 2 * MIB, length: MIB })),
    toldAgain: next(() => region.residency()),
    populate: next(() => region.populate()),
    flush: codeOf(() => region.flush()).startsWith('foreign'),
    free: codeOf(() => region.free()),
  };
};

exports.inWorker = async () => {
  const { path, region } = mapped('shared');
  region.free();
  const w = worker(({ Region, parentPort, data, require }) => {
    const region = Region.mapFile(data, { mode: 'shared' });
    const { bytes } = region;
    let total = 0;
    for (let i = 0; i < bytes.length; i += 64) total += bytes[i];
    parentPort.postMessage(total); // compiled and mapped
    parentPort.once('message', () => {
      let after = 0;
      for (let round = 0; round < 3; round++) for (let i = 0; i < bytes.length; i += 64) after += bytes[i];
      const found = Buffer.from(bytes.buffer).indexOf('needle');
      const digest = require('node:crypto').createHash('md5').update(bytes).digest('hex').length;
      let code = 'none';
      try {
        region.zero();
      } catch (error) {
        code = error.code;
      }
      parentPort.postMessage({ after, found, digest, faults: region.faults > 0, code });
      parentPort.close();
    });
  }, path);
  await message(w);
  fs.truncateSync(path, 0);
  w.postMessage('go');
  return await message(w);
};

exports.whileThreadsRead = async () => {
  const { Region } = lib();
  const path = file(32 * MIB);
  const region = Region.mapFile(path, { mode: 'shared', carrier: 'shared' });
  const flag = new Int32Array(new SharedArrayBuffer(12)); // stop, and the rounds of each
  const read = ({ Region, parentPort, data }) => {
    const { bytes } = Region.attach(data.handle);
    parentPort.postMessage('reading');
    let rounds = 0;
    while (Atomics.load(data.flag, 0) === 0) {
      for (let i = 0; i < bytes.length; i += 4096) bytes[i] += 1;
      rounds += 1;
      Atomics.store(data.flag, data.id, rounds);
    }
    parentPort.postMessage(rounds > 0);
    parentPort.close();
  };
  const workers = [1, 2].map((id) => worker(read, { handle: region.handle, flag, id }));
  await Promise.all(workers.map((w) => message(w)));
  await until(() => Atomics.load(flag, 1) > 0 && Atomics.load(flag, 2) > 0);
  for (let i = 0; i < 30; i++) {
    fs.truncateSync(path, i % 2 === 0 ? i * MIB : 32 * MIB);
    await sleep(3);
  }
  region.free();
  const answers = Promise.all(workers.map((w) => message(w)));
  Atomics.store(flag, 0, 1);
  const rounds = await answers;
  return { rounds, gone: await until(() => lib().memory.totals().regions === 0) };
};

const BIG = 1024 * MIB;
const PAGES = BIG / PAGE;
const touching =
  (order, keepFirst = 0, count = PAGES) =>
  () => {
    const { Region } = lib();
    const path = file(BIG);
    const region = Region.mapFile(path, { mode: 'shared' });
    const { bytes } = region;
    fs.truncateSync(path, keepFirst);
    let total = 0;
    for (let i = 0; i < count; i++) total += bytes[order(i) * PAGE];
    new Array(100_000).fill({}); // the engine can still map memory
    return { total, ...state(region) };
  };
const next = randomFrom(7);
exports.bigAscending = touching((i) => i);
// Every eighth page, so that none merges with its neighbor.
exports.bigDescending = touching((i) => PAGES - 1 - 8 * i, 0, PAGES / 8);
exports.bigRandom = touching(() => next() % PAGES);
exports.bigPartly = touching(() => next() % PAGES, 512 * MIB + 100);

const collected = (options) => async () => {
  const { Region, memory } = lib();
  const path = file(BIG);
  const { bytes } = Region.mapFile(path, { mode: 'shared', ...options });
  bytes[5] = 1;
  await settle(() => memory.totals().regions === 0);
  fs.truncateSync(path, 0);
  let total = 0;
  for (let i = 0; i < 200_000; i++) total += bytes[(next() % PAGES) * PAGE];
  new Array(100_000).fill({});
  return { regions: memory.totals().regions, total };
};
exports.bigRandomAfterCollection = collected({});
exports.bigRandomAfterCollectionShared = collected({ carrier: 'shared' });

exports.tailOfLastPage = () => {
  const { Region } = lib();
  const path = file(PAGE + 100);
  const region = Region.mapFile(path, { mode: 'shared' });
  const { bytes } = region;
  bytes.fill(9);
  fs.truncateSync(path, PAGE + 50);
  const [kept, tail] = [bytes[PAGE + 49], bytes[PAGE + 60]];
  const before = region.faults;
  fs.truncateSync(path, 50);
  const gone = [bytes[49], bytes[60], bytes[PAGE + 49]];
  return { kept, tail, before, gone, ...state(region) };
};

exports.grownAgain = () => {
  const { path, region } = mapped('shared', MIB);
  const { bytes } = region;
  fs.truncateSync(path, 0);
  const zero = bytes[0];
  fs.writeFileSync(path, Buffer.alloc(MIB, 8));
  const told = codeOf(() => region.flush());
  region.free();
  const fresh = lib().Region.mapFile(path);
  return { zero, told, fresh: fresh.bytes[0], faults: fresh.faults };
};

exports.othersAreNotTold = () => {
  const { path, region } = mapped('shared', MIB);
  const other = lib().Region.map(PAGE);
  const { bytes } = region;
  fs.truncateSync(path, 0);
  const zero = bytes[0];
  return {
    zero,
    other: codeOf(() => other.bytes),
    told: codeOf(() => region.bytes),
    again: codeOf(() => other.zero()),
  };
};

exports.sharedObjectShrunk = () => {
  const { Region } = lib();
  const name = `nebula-hostile-${process.pid}`;
  const region = Region.shared(4 * MIB, { name });
  try {
    const { bytes } = region;
    bytes.fill(1);
    const path = join(
      '/dev/shm',
      fs.readdirSync('/dev/shm').find((entry) => entry.includes(name)),
    );
    fs.truncateSync(path, 0);
    return { total: sum(bytes), ...state(region) };
  } finally {
    Region.unlink(name);
  }
};
