// Regions after free(), and freeing at bad moments.
'use strict';

const {
  lib,
  codeOf,
  codeOfAsync,
  codesOf,
  kinds,
  nameOf,
  settle,
  until,
  worker,
  message,
  PAGE,
  MIB,
} = require('../tools.cjs');

function makers() {
  const { Region } = lib();
  return {
    map: () => Region.map(2 * PAGE),
    sharedCarrier: () => Region.map(2 * PAGE, { carrier: 'shared' }),
    guarded: () => Region.map(2 * PAGE, { guard: true }),
    file: () => Region.mapFile('/etc/passwd'),
    shared: () => Region.shared(2 * PAGE),
    secret: () => Region.secret(2 * PAGE),
  };
}

exports.everyCall = async () => {
  const { Region } = lib();
  const readable = new Set(['kind', 'state', 'name', 'byteLength', 'access', 'placement', 'protection', 'free']);
  const found = {};
  for (const [kind, make] of Object.entries(makers())) {
    const region = make();
    region.bytes[0] = 1;
    region.free();
    const codes = {};
    for (const key of Object.getOwnPropertyNames(Region.prototype)) {
      if (key === 'constructor' || readable.has(key)) continue;
      const args =
        {
          window: [0, 1],
          read: [0, new Uint8Array(1)],
          write: [0, new Uint8Array(1)],
          use: [() => 1],
          advise: ['normal'],
          protect: ['read'],
          remap: [PAGE],
          bind: ['local'],
          migrate: [0],
          wait: [0, 0],
        }[key] ?? [];
      try {
        const { get, value } = Object.getOwnPropertyDescriptor(Region.prototype, key);
        await (get ?? value).apply(region, args);
        codes[key] = 'none';
      } catch (error) {
        codes[key] = nameOf(error);
      }
    }
    const odd = Object.entries(codes)
      .filter(([, code]) => code !== 'FREED')
      .map(([key, code]) => `${key} ${code}`);
    found[kind] = odd;
  }
  return found;
};

exports.twice = () => {
  const found = {};
  for (const [kind, make] of Object.entries(makers())) {
    const region = make();
    region.bytes[0] = 1;
    region.free();
    found[kind] = codeOf(() => region.free());
  }
  return found;
};

exports.disposedTwice = () => {
  const region = lib().Region.map(PAGE);
  region[Symbol.dispose]();
  return {
    again: codeOf(() => region[Symbol.dispose]()),
    state: region.state,
    length: region.byteLength,
    free: codeOf(() => region.free()),
  };
};

exports.localViews = () => {
  const region = lib().Region.map(PAGE);
  const { buffer, bytes } = region;
  const views = [bytes, region.window(10, 20), new Float64Array(buffer), new DataView(buffer), Buffer.from(buffer)];
  bytes.fill(9);
  region.free();
  bytes[0] = 1;
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) sum += bytes[i];
  const threw = [() => bytes.fill(1), () => views[3].getInt8(0), () => new Uint8Array(buffer, 0, 1)].map(
    (work) => codeOf(work) !== 'none',
  );
  return {
    lengths: views.slice(0, 3).map((view) => view.length),
    buffer: buffer.byteLength,
    read: typeof bytes[0],
    sum,
    threw,
  };
};

exports.sharedViews = () => {
  const region = lib().Region.map(PAGE, { carrier: 'shared' });
  const { bytes } = region;
  const shared = region.placement.got.carrier === 'shared';
  bytes.fill(9);
  region.free();
  const zero = bytes.every((byte) => byte === 0);
  bytes.fill(3); // goes nowhere
  return shared ? { zero, length: bytes.length } : { zero, length: bytes.length === 0 ? PAGE : -1 };
};

exports.whilePinned = async () => {
  const region = lib().Region.map(PAGE);
  const view = region.bytes;
  view[0] = 8;
  const pin = region.pin();
  const keep = setInterval(() => {}, 1000); // the waits below do not keep the process alive
  const codes = codesOf([
    ['free', () => region.free()],
    ['dispose', () => region[Symbol.dispose]()],
    ['protect', () => region.protect('none')],
    ['remap', () => region.remap(2 * PAGE)],
  ]);
  const timeout = await codeOfAsync(() => region.freeWhenIdle({ timeoutMs: 30 }));
  const controller = new AbortController();
  const aborted = codeOfAsync(() => region.freeWhenIdle({ signal: controller.signal }));
  controller.abort();
  const abort = await aborted;
  const idle = region.freeWhenIdle();
  const before = [view[0], view.length];
  pin.release();
  await idle;
  clearInterval(keep);
  return { ...codes, timeout, abort, before, state: region.state, length: view.length };
};

exports.insideUse = async () => {
  const region = lib().Region.map(PAGE);
  const inside = region.use(() => codeOf(() => region.free()));
  const threw = codeOf(() =>
    region.use(() => {
      throw new Error('from work');
    }),
  );
  const rejected = await codeOfAsync(() => region.use(() => Promise.reject(new Error('later'))));
  const thenable = codeOf(() =>
    region.use(() => ({
      // biome-ignore lint/suspicious/noThenProperty: that is what is tried
      get then() {
        throw new Error('no then');
      },
    })),
  );
  const nested = region.use(() => region.use((bytes) => bytes.length));
  const slow = region.use(() => new Promise((resolve) => setTimeout(resolve, 20, 'done')));
  const during = codeOf(() => region.free());
  return { inside, threw, rejected, thenable, nested, during, slow: await slow, after: codeOf(() => region.free()) };
};

exports.inFinalizers = async () => {
  const { Region, memory } = lib();
  const codes = [];
  const registry = new FinalizationRegistry((region) =>
    codes.push(
      codeOf(() => region.free()),
      codeOf(() => region.free()),
    ),
  );
  for (let i = 0; i < 20; i++) {
    const region = Region.map(PAGE);
    region.bytes[0] = 1;
    registry.register({}, region);
  }
  await settle(() => codes.length === 40);
  return { kinds: kinds(codes), count: codes.length, regions: memory.totals().regions };
};

exports.neighboursStay = () => {
  const { Region } = lib();
  const regions = Array.from({ length: 300 }, (_, i) => {
    const region = Region.map(PAGE, { carrier: i % 2 === 0 ? 'local' : 'shared', guard: i % 3 === 0 });
    region.bytes.fill(i % 251);
    return region;
  });
  for (let i = 0; i < 300; i += 2) regions[i].free();
  const fresh = Array.from({ length: 150 }, () => Region.map(PAGE));
  for (const region of fresh) region.bytes.fill(255);
  const intact = regions.every((region, i) => i % 2 === 0 || region.bytes.every((byte) => byte === i % 251));
  return { intact };
};

function drop(count, touch, carrier) {
  const { Region, memory } = lib();
  let limit = 0;
  for (let i = 0; i < count; i++) {
    try {
      const region = Region.map(PAGE, { carrier });
      if (touch) region.bytes[0] = i;
    } catch (error) {
      if (nameOf(error) !== 'MAP_LIMIT') throw error;
      limit += 1;
    }
  }
  return { memory, limited: limit > 0 };
}

async function dropAndSettle(touch, carrier) {
  const { memory } = drop(100_000, touch, carrier);
  memory.configureQuarantine({ idle: 0, busy: 0 });
  const gone = await settle(() => {
    memory.drainQuarantine();
    const { regions, retiredRanges, quarantinedRanges } = memory.totals();
    return regions === 0 && retiredRanges === 0 && quarantinedRanges === 0;
  });
  const next = lib().Region.map(MIB);
  next.bytes[MIB - 1] = 1;
  return { gone, mapped: memory.totals().mappedBytes };
}

exports.droppedUntouched = () => dropAndSettle(false, 'local');
exports.droppedTouched = () => dropAndSettle(true, 'local');
exports.droppedShared = () => dropAndSettle(true, 'shared');

exports.droppedWhileViewed = async () => {
  const { Region, memory } = lib();
  const views = Array.from({ length: 50 }, (_, i) => {
    const { bytes } = Region.map(PAGE, { carrier: i % 2 === 0 ? 'local' : 'shared' });
    return bytes.fill(i + 1);
  });
  const collected = await settle(() => memory.totals().regions === 0);
  const kept = views.every((view, i) => view.length === PAGE && view.every((byte) => byte === i + 1));
  views.length = 0;
  const gone = await settle(() => {
    memory.drainQuarantine({ all: true });
    return memory.totals().retiredRanges === 0;
  });
  return { collected, kept, gone };
};

exports.pinDropped = async () => {
  const { Region, memory } = lib();
  (() => void Region.map(PAGE).pin())();
  return { gone: await settle(() => memory.totals().regions === 0) };
};

exports.whileAnotherHolds = async () => {
  const { Region } = lib();
  const region = Region.shared(PAGE);
  region.bytes[0] = 42;
  const w = worker(({ Region, parentPort, data }) => {
    const mine = Region.attach(data);
    parentPort.postMessage(mine.bytes[0]);
    parentPort.once('message', () => {
      const seen = mine.bytes[0];
      mine.free();
      parentPort.postMessage([seen, mine.state]);
      parentPort.close();
    });
  }, region.handle);
  const first = await message(w);
  const { handle } = region;
  region.free();
  w.postMessage('go');
  const second = await message(w);
  return {
    first,
    second,
    handle: codeOf(() => Region.attach({ ...handle, remote: null })),
    gone: await until(() => lib().memory.totals().regions === 0),
  };
};
