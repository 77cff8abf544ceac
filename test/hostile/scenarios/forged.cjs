// Things that pretend to be a region, or a handle of one.
'use strict';

const { execFileSync } = require('node:child_process');
const { closeSync, fstatSync, openSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { lib, codeOf, codesOf, kinds, folder, worker, message, nameOf, PAGE } = require('../tools.cjs');

/** Every member of Region.prototype, asked of `self`; one code for each. */
async function onAll(self) {
  const { Region } = lib();
  const codes = {};
  const keys = Reflect.ownKeys(Region.prototype).filter((key) => key !== 'constructor');
  for (const key of keys) {
    const { get, value } = Object.getOwnPropertyDescriptor(Region.prototype, key);
    try {
      await (get ?? value).call(self, 0, 0);
      codes[String(key)] = 'none';
    } catch (error) {
      codes[String(key)] = nameOf(error);
    }
  }
  return { members: keys.length > 30, kinds: kinds(codes) };
}

exports.thisEmptyObject = () => onAll({});
exports.thisNull = () => onAll(null);
exports.thisUndefined = () => onAll(undefined);
exports.thisPrimitive = () => onAll(4096);
exports.thisProxy = () => onAll(new Proxy(lib().Region.map(PAGE), {}));
exports.thisHeir = () => onAll(Object.create(lib().Region.map(PAGE)));
exports.thisPrototype = () => onAll(lib().Region.prototype);
exports.thisImpostor = () => {
  const impostor = Object.setPrototypeOf({ holder: {}, freed: false }, lib().Region.prototype);
  return onAll(impostor);
};
exports.thisRevoked = () => {
  const { proxy, revoke } = Proxy.revocable(lib().Region.map(PAGE), {});
  revoke();
  return onAll(proxy);
};

exports.handlesOutOfRange = () => {
  const { Region, memory } = lib();
  const shared = Region.shared(PAGE);
  const good = shared.handle;
  const wrong = {
    slot: [1, 7, 1024, 2 ** 20, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + good.slot, 2 ** 53 - 1],
    generation: [0, 2, 3, good.generation + 1, good.generation + 2, 2 ** 32 + good.generation, 2 ** 53 - 1],
  };
  const codes = {};
  for (const [key, values] of Object.entries(wrong)) {
    for (const value of values)
      codes[`${key} ${value}`] = codeOf(() => Region.attach({ ...good, [key]: value, remote: null }));
  }
  return { kinds: kinds(codes), live: shared.state, regions: memory.totals().regions };
};

exports.handlesOfWrongShape = () => {
  const { Region } = lib();
  const good = Region.shared(PAGE).handle;
  const shapes = [
    undefined,
    null,
    5,
    'handle',
    {},
    [],
    { type: 'nebula-memory.region' },
    { ...good, type: 'other' },
    () => good,
  ];
  for (const bad of [-1, 1.5, Number.NaN, '1', null, {}, 5n, Infinity]) {
    for (const key of ['slot', 'generation', 'token', 'byteLength']) shapes.push({ ...good, [key]: bad });
    shapes.push({ ...good, remote: { ...good.remote, pid: bad } }, { ...good, remote: { ...good.remote, file: bad } });
  }
  return kinds(Object.fromEntries(shapes.map((shape, i) => [i, codeOf(() => Region.attach(shape))])));
};

exports.handlesOfOtherProcesses = () => {
  const { Region } = lib();
  const good = Region.shared(PAGE).handle;
  const foreign = (remote) => () => Region.attach({ ...good, token: good.token + 2, remote });
  return codesOf([
    ['withoutRemote', foreign(null)],
    ['deadProcess', foreign({ pid: 2 ** 22 + 5, file: 3, identity: 1 })],
    ['hugeProcess', foreign({ pid: 2 ** 53 - 1, file: 2 ** 53 - 1, identity: 0 })],
    ['closedFile', foreign({ pid: process.pid, file: 9999, identity: 1 })],
    ['wrongIdentity', foreign({ ...good.remote, identity: good.remote.identity + 1 })],
    ['standardInput', foreign({ pid: process.pid, file: 0, identity: 0 })],
    ['tooLong', () => Region.attach({ ...good, token: good.token + 2, byteLength: 2 ** 40 })],
  ]);
};

exports.handlesThatPointAtOtherFiles = () => {
  const { Region } = lib();
  const home = folder();
  const fifo = join(home, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const file = join(home, 'file');
  writeFileSync(file, 'x'.repeat(PAGE));
  const good = Region.shared(PAGE).handle;
  const fifoFile = openSync(fifo, 'r+');
  const textFile = openSync(file, 'r');
  const pointing = (fd) => () => {
    const identity = fstatSync(fd).ino;
    Region.attach({ ...good, token: good.token + 2, remote: { pid: process.pid, file: fd, identity } });
  };
  const codes = codesOf([
    ['fifo', pointing(fifoFile)],
    ['text', pointing(textFile)],
  ]);
  closeSync(fifoFile);
  closeSync(textFile);
  return codes;
};

exports.handlesOfFreedRegions = () => {
  const { Region } = lib();
  const codes = [];
  for (let i = 0; i < 50; i++) {
    const region = Region.map(PAGE, { carrier: 'shared' });
    const { handle } = region;
    region.free();
    const next = Region.map(PAGE, { carrier: 'shared' }); // most likely in the same slot
    codes.push(
      codeOf(() => Region.attach(handle)),
      codeOf(() => region.handle),
    );
    next.free();
  }
  return kinds(codes);
};

exports.handlesFreedOnTheWay = async () => {
  const { Region } = lib();
  const w = worker(({ Region, parentPort }) => {
    parentPort.on('message', (handle) => {
      try {
        Region.attach(handle);
        parentPort.postMessage('none');
      } catch (error) {
        parentPort.postMessage(error.code);
      }
    });
  });
  const codes = [];
  for (let i = 0; i < 20; i++) {
    const region = Region.shared(PAGE);
    w.postMessage({ ...region.handle, remote: null });
    region.free();
    codes.push(await message(w));
  }
  await w.terminate();
  return kinds(codes);
};

exports.handlesOfLocalRegions = () => {
  const { Region } = lib();
  const region = Region.map(PAGE);
  return codesOf([
    ['handle', () => region.handle],
    ['wait', () => region.wait(0, 0)],
    ['notify', () => region.notify(0)],
  ]);
};

exports.pinsReleasedTwice = () => {
  const { Region } = lib();
  const region = Region.map(PAGE);
  const [first, second] = [region.pin(), region.pin()];
  first.release();
  first.release();
  first[Symbol.dispose]();
  const held = codeOf(() => region.free());
  second.release.call(undefined);
  return { held, freed: codeOf(() => region.free()), after: codeOf(() => second.release()) };
};

exports.regionsPosted = () => {
  const { Region } = lib();
  const region = Region.map(PAGE);
  region.bytes[0] = 4;
  const copy = structuredClone(region);
  return { region: copy instanceof Region, methods: typeof copy.free, byte: region.bytes[0] };
};
