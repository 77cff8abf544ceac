// Workers that end at bad moments.
'use strict';

const { lib, codeOf, folder, sleep, settle, until, worker, message, ended, PAGE, MIB } = require('../tools.cjs');

const quiet = () => until(() => lib().memory.totals().regions === 0);

exports.terminatedInWait = async () => {
  const { Region } = lib();
  const region = Region.shared(PAGE);
  const w = worker(({ Region, parentPort, data }) => {
    const mine = Region.attach(data);
    parentPort.postMessage('waiting');
    mine.wait(0, 0);
  }, region.handle);
  await message(w);
  await sleep(80);
  const code = await w.terminate();
  region.free();
  return { code, gone: await quiet() };
};

exports.terminatedInHotLoop = async () => {
  const { Region } = lib();
  const region = Region.map(MIB, { carrier: 'shared' });
  const w = worker(({ Region, parentPort, data }) => {
    const { bytes } = Region.attach(data);
    parentPort.postMessage('running');
    for (let i = 0; ; i = (i + 1) % bytes.length) bytes[i] += 1;
  }, region.handle);
  await message(w);
  const written = await until(() => region.bytes[0] !== 0);
  const code = await w.terminate();
  region.free();
  return { code, written, gone: await quiet() };
};

exports.terminatedWithPins = async () => {
  const { Region } = lib();
  const region = Region.shared(PAGE);
  const w = worker(({ Region, parentPort, data }) => {
    const mine = Region.attach(data);
    const pins = Array.from({ length: 10 }, () => mine.pin());
    parentPort.postMessage(pins.length);
    setInterval(() => mine.state, 1000);
  }, region.handle);
  await message(w);
  const protect = codeOf(() => region.protect('none'));
  await w.terminate();
  await until(() => codeOf(() => region.protect('none')) === 'none');
  return { protect, free: codeOf(() => region.free()), gone: await quiet() };
};

exports.terminatedWithAttachments = async () => {
  const { Region, memory } = lib();
  const regions = Array.from({ length: 40 }, (_, i) =>
    i % 2 === 0 ? Region.shared(PAGE) : Region.map(PAGE, { carrier: 'shared' }),
  );
  const handles = regions.map((region) => region.handle);
  const workers = Array.from({ length: 3 }, () =>
    worker(({ Region, parentPort, data }) => {
      const mine = data.flatMap((handle) => [Region.attach(handle), Region.attach(handle)]);
      for (const region of mine) region.bytes[0] += 1;
      parentPort.postMessage('ready');
      setInterval(() => mine.length, 1000);
    }, handles),
  );
  await Promise.all(workers.map((w) => message(w)));
  for (const region of regions) region.free();
  const held = memory.totals().regions;
  await Promise.all(workers.map((w) => w.terminate()));
  return { held, gone: await quiet() };
};

exports.addonOnlyInWorkers = async () => {
  const buffers = [];
  for (let i = 0; i < 4; i++) {
    const w = worker(({ Region, parentPort }) => {
      const region = Region.map(1 << 20, { carrier: 'shared' });
      region.bytes.fill(9);
      const shared = region.placement.got.carrier === 'shared';
      parentPort.postMessage(shared ? region.buffer : region.bytes.slice().buffer);
    });
    const over = ended(w);
    buffers.push(await message(w));
    await over;
  }
  const nines = (() => buffers.filter((buffer) => new Uint8Array(buffer).every((byte) => byte === 9)).length)();
  buffers.length = 0; // their finalizers are code of the addon, which no thread has loaded any more
  for (let i = 0; i < 10; i++) {
    globalThis.gc();
    await sleep(5);
  }
  const late = worker(({ memory, parentPort }) => {
    parentPort.on('message', () => parentPort.postMessage(memory.totals()));
  });
  let seen;
  // The engine sweeps on threads of its own, in its own time.
  for (let i = 0; i < 1000 && (seen === undefined || seen.regions + seen.retiredRanges > 0); i++) {
    globalThis.gc();
    const answer = message(late);
    late.postMessage('look');
    seen = await answer;
  }
  await late.terminate();
  return { nines, regions: seen.regions, retiredRanges: seen.retiredRanges };
};

exports.oneWorkerAfterTheOther = async () => {
  for (let i = 0; i < 10; i++) {
    const w = worker(({ Region }) => {
      for (let j = 0; j < 20; j++) Region.map(65536).bytes.fill(j);
      const kept = Region.shared(4096);
      kept.bytes[0] = 1;
    });
    await ended(w);
  }
  const { regions, mappedBytes } = lib().memory.totals();
  return { regions, mappedBytes };
};

exports.uncaughtInWorker = async () => {
  const { Region } = lib();
  const shared = Region.shared(PAGE);
  const w = worker(({ Region, data }) => {
    const mine = Region.attach(data);
    mine.pin();
    const own = Region.map(4096);
    own.bytes[0] = 1;
    throw new Error('uncaught');
  }, shared.handle);
  const code = await ended(w);
  return { code, free: codeOf(() => shared.free()), gone: await quiet() };
};

exports.terminatedWithPendingFlush = async () => {
  const { join } = require('node:path');
  const file = join(folder(), 'file');
  for (const how of ['terminate', 'exit']) {
    const w = worker(
      ({ Region, parentPort, data }) => {
        for (let i = 0; i < 8; i++) {
          const region = Region.mapFile(data.file + i, { mode: 'shared', create: true, length: 4 << 20 });
          region.bytes.fill(i);
          region.flushAsync();
        }
        parentPort.postMessage('flushing');
        if (data.how === 'exit') process.exit(0);
      },
      { file, how },
    );
    const over = ended(w);
    await message(w);
    if (how === 'terminate') await w.terminate();
    await over;
  }
  return { gone: await quiet() };
};

exports.terminatedWhileMapping = async () => {
  for (let i = 0; i < 8; i++) {
    const w = worker(({ Region, parentPort }) => {
      parentPort.postMessage('go');
      for (;;) {
        const region = Region.map(65536, { carrier: Math.random() < 0.5 ? 'local' : 'shared', guard: true });
        region.bytes.fill(1);
        region.protect('read');
        if (Math.random() < 0.9) region.free();
      }
    });
    await message(w);
    await sleep(10 + i * 5);
    await w.terminate();
  }
  const { Region, memory } = lib();
  const gone = await settle(() => memory.totals().regions === 0);
  Region.map(PAGE).bytes[0] = 1;
  return { gone };
};

/** The addon is loaded by the first call; nothing that it asks of the engine is answered any more. */
exports.terminatedWhileLoading = async () => {
  let gone = 0;
  for (let i = 0; i < 40; i++) {
    const w = worker(({ Region, parentPort }) => {
      parentPort.postMessage('go');
      Region.map(4096).bytes[0] = 1;
    });
    const over = ended(w);
    await message(w);
    const end = process.hrtime.bigint() + BigInt(i * 40_000);
    while (process.hrtime.bigint() < end);
    await w.terminate();
    await over;
    gone += 1;
  }
  return { gone };
};
