// Random garbage from a fixed seed: into the raw functions of the addon, and into every public call.
'use strict';

const { lib, raw, randomFrom, folder, PAGE } = require('../tools.cjs');

const SEED = 20261121;

function garbage(next, extra) {
  const values = [
    undefined,
    null,
    true,
    false,
    0,
    -0,
    1,
    -1,
    2,
    3,
    7,
    8,
    64,
    0.5,
    -0.5,
    Number.NaN,
    Infinity,
    -Infinity,
    PAGE,
    2 * PAGE,
    PAGE + 1,
    2 ** 31,
    2 ** 32,
    2 ** 40,
    2 ** 53 - 1,
    2 ** 53,
    2 ** 63,
    2 ** 64,
    1e300,
    5n,
    '',
    'x',
    'none',
    '4KiB',
    '\0',
    'y'.repeat(5000),
    'missing/name',
    Symbol('s'),
    {},
    [],
    [1, 2],
    () => 1,
    new Date(0),
    /x/,
    new Map(),
    new Proxy({}, {}),
    Object.create(null),
    new Uint8Array(0),
    new Uint8Array(16),
    new Uint8Array(16).subarray(3, 9),
    new Float64Array(4),
    new DataView(new ArrayBuffer(8)),
    new ArrayBuffer(8),
    new SharedArrayBuffer(8),
    Buffer.alloc(5),
    { offset: 0, length: 8 },
    { offset: -1 },
    { type: 'nebula-memory.region' },
    new Error('e'),
    Promise.resolve(1),
    ...extra,
  ];
  return values[next() % values.length];
}

exports.rawFunctions = async () => {
  process.chdir(folder()); // mapFile may make files
  const native = raw();
  const next = randomFrom(SEED);
  const isFailure = (value) => typeof value === 'object' && value !== null && typeof value.failed === 'number';
  const open = [
    native.mapAnonymous(4 * PAGE, 0, 0, false, -1),
    native.mapShared(2 * PAGE, 0),
    native.mapAnonymous(PAGE, 0, 0, true, -1),
  ];
  const freed = native.mapAnonymous(PAGE, 0, 0, false, -1);
  native.release(freed, false, false, false);
  const holders = [...open, ...open, freed];
  let calls = 0;
  let failures = 0;
  const thrown = {};
  const makers = new Set(['mapAnonymous', 'mapFile', 'mapShared', 'mapNamed', 'mapRemote', 'mapSecret', 'attach']);
  const names = Object.keys(native).filter((name) => name !== 'drain' && name !== 'runOn' && name !== 'detach');
  const pending = [];
  for (let round = 0; round < 400; round++) {
    for (const name of names) {
      const args = Array.from({ length: next() % 10 }, () => garbage(next, holders));
      if (next() % 2 === 0) args[0] = holders[next() % holders.length];
      if (name === 'wait') args[3] = 1000; // it would wait as long as it was told
      // It makes every page present.
      if (name === 'mapSecret' && typeof args[0] === 'number' && args[0] > 2 ** 20) continue;
      try {
        const result = native[name](...args);
        calls += 1;
        if (isFailure(result)) failures += 1;
        else if (makers.has(name)) native.release(result, false, false, false);
        if (result instanceof Promise) pending.push(result);
      } catch (error) {
        thrown[name] = `${error.name}: ${error.message}`;
      }
    }
  }
  native.configureMappingLimit(0);
  native.configureQuarantine(1000, 600_000);
  await Promise.all(pending);
  const garbageOnly = ['runOn', 'detach', 'drain'].map((name) => {
    for (const value of [undefined, {}, 'x', 1, new Uint8Array(3), new SharedArrayBuffer(4)]) native[name](value);
    return name;
  });
  const alive = native.mapAnonymous(PAGE, 0, 0, false, -1);
  return { many: calls > 10_000, failures: failures > 5000, thrown, garbageOnly, alive: !isFailure(alive) };
};

exports.publicCalls = async () => {
  process.chdir(folder());
  const { Region, isMemoryError } = lib();
  const next = randomFrom(SEED + 1);
  const fresh = () => (next() % 2 === 0 ? Region.map(4 * PAGE) : Region.shared(4 * PAGE));
  let region = fresh();
  const bystander = Region.map(PAGE);
  bystander.bytes.fill(5);
  const own = Object.getOwnPropertyNames(Region.prototype).filter((name) => name !== 'constructor');
  const foreign = {};
  let calls = 0;
  const note = (name, error) => {
    if (!isMemoryError(error)) foreign[name] = `${error?.name}: ${error?.message}`;
  };
  for (let round = 0; round < 250; round++) {
    for (const name of own) {
      if (region.state === 'freed') region = fresh();
      const target = region;
      const args = Array.from({ length: next() % 4 }, () => garbage(next, []));
      if (name === 'wait') args[2] = { timeout: 0 };
      if (name === 'use') args[0] = typeof args[0] === 'function' ? args[0] : undefined;
      // Sizes that the machine could really map are left to the scenarios of limits.
      if (name === 'remap' && typeof args[0] === 'number' && args[0] > 2 ** 30) continue;
      calls += 1;
      try {
        const found = target[name];
        const result = typeof found === 'function' ? found.apply(target, args) : found;
        if (name === 'pin') result.release();
        if (result instanceof Promise) await result.catch((error) => note(name, error));
      } catch (error) {
        note(name, error);
      }
    }
  }
  const statics = {
    map: Region.map,
    shared: Region.shared,
    open: Region.open,
    unlink: Region.unlink,
    attach: Region.attach,
    mapFile: Region.mapFile,
  };
  for (let round = 0; round < 500; round++) {
    for (const [name, make] of Object.entries(statics)) {
      calls += 1;
      try {
        make(garbage(next, []), next() % 2 === 0 ? undefined : garbage(next, []))?.free();
      } catch (error) {
        note(name, error);
      }
    }
  }
  return { many: calls > 8000, foreign, bystander: bystander.bytes.every((byte) => byte === 5) };
};
