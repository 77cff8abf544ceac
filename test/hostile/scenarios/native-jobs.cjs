// Native work that holds a bare pointer while its region is freed.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const { join } = require('node:path');
const net = require('node:net');
const zlib = require('node:zlib');
const { promisify } = require('node:util');
const { lib, codeOf, codeOfAsync, folder, sleep, until, worker, message, MIB, PAGE } = require('../tools.cjs');

const deflate = promisify(zlib.deflate);

/** Starts `job` on the bytes of a region, frees it at once, drains again and again until the job has ended. */
async function freedUnder(job, bytes = 32 * MIB, options = {}) {
  const { Region, memory } = lib();
  const region = Region.map(bytes, options);
  region.bytes.fill(1);
  let over = false;
  const running = Promise.resolve(job(region.bytes)).finally(() => {
    over = true;
  });
  // The job begins, on its thread; this one does not turn its loop, in which a job that was fast would end.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
  memory.configureQuarantine({ idle: 0 });
  const early = over;
  region.free();
  const held = memory.totals();
  let reserved = true;
  while (!over) {
    memory.drainQuarantine();
    const { retiredRanges, quarantinedRanges, abandonedRanges } = memory.totals();
    if (!over && retiredRanges + quarantinedRanges + abandonedRanges === 0) reserved = false;
    await sleep(5);
  }
  const outcome = await running.then(
    (value) => value ?? 'done',
    (error) => error.code ?? error.name,
  );
  await sleep(5);
  return { early, outcome, reserved, waited: held.retiredRanges + held.quarantinedRanges > 0 };
}

const wide = { chunkSize: 256 * MIB };
exports.deflate = async () => {
  const { outcome, ...rest } = await freedUnder((bytes) => deflate(bytes, { ...wide, level: 9 }));
  return { ...rest, ended: Buffer.isBuffer(outcome) || typeof outcome === 'string' };
};
exports.brotli = async () => {
  const { outcome, ...rest } = await freedUnder((bytes) =>
    promisify(zlib.brotliCompress)(bytes, { ...wide, params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } }),
  );
  return { ...rest, ended: outcome !== undefined };
};
exports.pbkdf2 = () =>
  freedUnder((bytes) => promisify(crypto.pbkdf2)(bytes, 'salt', 40_000, 32, 'sha512').then((key) => key.length));
exports.scrypt = () =>
  freedUnder(
    (bytes) => promisify(crypto.scrypt)(bytes, 'salt', 32, { N: 65536, maxmem: 256 * MIB }).then((key) => key.length),
    MIB,
  );
exports.randomFill = async () => {
  const { early, ...rest } = await freedUnder(
    (bytes) => promisify(crypto.randomFill)(bytes).then((filled) => filled.length),
    64 * MIB,
  );
  return rest;
};
exports.digest = async () => {
  const { early, waited, ...rest } = await freedUnder((bytes) =>
    crypto.webcrypto.subtle.digest('SHA-512', bytes).then((digest) => digest.byteLength),
  );
  return rest;
};
exports.sharedDeflate = async () => {
  const { outcome, early, reserved } = await freedUnder((bytes) => deflate(bytes, { ...wide, level: 9 }), 32 * MIB, {
    carrier: 'shared',
  });
  return { early, reserved, ended: Buffer.isBuffer(outcome) };
};

/** Data that fills one output chunk after the other: zlib goes back to JavaScript, and to the view, in between. */
exports.deflateInSteps = async () => {
  const { Region } = lib();
  const region = Region.map(8 * MIB);
  crypto.randomFillSync(region.bytes);
  const outcome = new Promise((resolve) => {
    process.once('uncaughtException', (error) => resolve(error.code));
    zlib.deflate(region.bytes, (error) => resolve(error === null ? 'done' : error.code));
  });
  setTimeout(() => region.free(), 10);
  return { ended: typeof (await outcome) === 'string' };
};

exports.fileRead = async () => {
  const { early, waited, outcome, ...rest } = await freedUnder((bytes) => {
    const fd = fs.openSync('/dev/zero', 'r');
    return promisify(fs.read)(fd, bytes, 0, bytes.length, 0).then(({ bytesRead }) => bytesRead > 0);
  }, 256 * MIB);
  return { ...rest, ended: outcome === true || outcome === 'EFAULT' };
};

exports.fileWrite = async () => {
  const file = join(folder(), 'out');
  const { early, waited, outcome, ...rest } = await freedUnder((bytes) => {
    const fd = fs.openSync(file, 'w');
    return promisify(fs.write)(fd, bytes, 0, bytes.length, 0).then(({ bytesWritten }) => bytesWritten > 0);
  }, 128 * MIB);
  return { ...rest, ended: outcome === true || outcome === 'EFAULT' };
};

exports.fileReadFromFifo = async () => {
  const home = folder();
  const fifo = join(home, 'fifo');
  require('node:child_process').execFileSync('mkfifo', [fifo]);
  const fd = fs.openSync(fifo, 'r+');
  const running = freedUnder(
    (bytes) => promisify(fs.read)(fd, bytes, 0, 4, null).then(({ bytesRead }) => bytesRead),
    PAGE,
  );
  setTimeout(() => fs.writeSync(fd, 'abcd'), 300); // the thread waits in read() on addresses of the freed region
  return await running;
};

exports.pinnedDeflate = async () => {
  const { Region, memory } = lib();
  const region = Region.map(4 * MIB);
  crypto.randomFillSync(region.bytes.subarray(0, MIB));
  const expected = zlib.deflateSync(Buffer.from(region.bytes));
  const running = region.use((bytes) => deflate(bytes));
  const during = codeOf(() => region.free());
  const waiting = region.freeWhenIdle();
  const same = (await running).equals(expected);
  const keep = setInterval(() => {}, 100);
  await waiting;
  clearInterval(keep);
  return { during, same, state: region.state, regions: memory.totals().regions };
};

exports.pinnedByFlush = async () => {
  const { Region } = lib();
  const file = join(folder(), 'file');
  const region = Region.mapFile(file, { mode: 'shared', create: true, length: 16 * MIB });
  region.bytes.fill(3);
  const flushing = region.flushAsync();
  const during = codeOf(() => region.free());
  const failed = await codeOfAsync(() => flushing);
  return { during, failed, after: codeOf(() => region.free()), byte: fs.readFileSync(file)[MIB] };
};

exports.socketWrite = async () => {
  const { Region, memory } = lib();
  memory.configureQuarantine({ idle: 0 });
  const server = net.createServer((socket) => socket.pause());
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve)); // no name with several addresses, tried in turn
  const socket = net.connect(server.address().port, '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  const region = Region.map(32 * MIB);
  region.bytes.fill(1);
  let outcome = 'pending';
  socket.on('error', (error) => {
    outcome = error.code;
  });
  socket.write(region.bytes);
  await sleep(20);
  region.free();
  for (let i = 0; i < 10; i++) {
    await sleep(5);
    memory.drainQuarantine();
  }
  const kept = memory.totals().retiredRanges + memory.totals().quarantinedRanges;
  socket.destroy();
  server.close();
  return { outcome, kept };
};

/** The session keeps pointers while the peer's window is closed, although no request is in flight. */
exports.http2Write = async () => {
  const http2 = require('node:http2');
  const { Region, memory } = lib();
  const psk = Buffer.alloc(32, 1);
  const server = http2.createSecureServer({
    ciphers: 'PSK-AES128-GCM-SHA256',
    maxVersion: 'TLSv1.2',
    pskCallback: () => psk,
  });
  let stream;
  server.on('stream', (opened) => {
    stream = opened;
    stream.pause();
    stream.respond({ ':status': 200 });
  });
  server.on('sessionError', () => {});
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = http2.connect(`https://127.0.0.1:${server.address().port}`, {
    ciphers: 'PSK-AES128-GCM-SHA256',
    maxVersion: 'TLSv1.2',
    pskCallback: () => ({ psk, identity: 'client' }),
    checkServerIdentity: () => undefined,
  });
  client.on('error', () => {});
  const region = Region.map(8 * MIB);
  region.bytes.fill(7);
  const request = client.request({ ':method': 'POST' }, { endStream: false });
  request.on('error', () => {});
  request.write(region.bytes);
  await until(() => stream !== undefined);
  await sleep(100);
  region.free();
  for (let i = 0; i < 30; i++) {
    await sleep(10);
    memory.drainQuarantine();
  }
  let received = 0;
  stream.on('data', (data) => {
    received += data.length;
  });
  stream.resume();
  await until(() => received > 0);
  for (let i = 0; i < 200 && received < 8 * MIB; i++) await sleep(10);
  client.destroy();
  server.close();
  return { received: received > 0 };
};

/** The user empties the buffer while a job runs on it, and only then frees the region. */
exports.userTransfersAway = async () => {
  const { Region, memory } = lib();
  const region = Region.map(64 * MIB);
  region.bytes.fill(1);
  let over = false;
  const running = deflate(region.bytes, { ...wide, level: 9 }).finally(() => {
    over = true;
  });
  await sleep(5);
  region.buffer.transfer(0);
  for (let i = 0; i < 5; i++) {
    globalThis.gc();
    await new Promise((resolve) => setImmediate(resolve));
  }
  memory.configureQuarantine({ idle: 0 });
  region.free();
  while (!over) {
    memory.drainQuarantine();
    await sleep(5);
  }
  return { length: (await running).length > 0 };
};

/** As above, and the region is dropped instead of freed. */
exports.userTransfersAwayAndDrops = async () => {
  const { Region, memory } = lib();
  let running;
  (() => {
    const region = Region.map(64 * MIB);
    region.bytes.fill(1);
    running = deflate(region.bytes, { ...wide, level: 9 });
    region.buffer.transfer(0);
  })();
  let over = false;
  running.finally(() => {
    over = true;
  });
  memory.configureQuarantine({ idle: 0 });
  while (!over) {
    globalThis.gc();
    memory.drainQuarantine();
    await sleep(5);
  }
  return { length: (await running).length > 0 };
};

exports.inWorkerThatEnds = async () => {
  const outcomes = [];
  for (const how of ['terminate', 'exit', 'end']) {
    const w = worker(({ Region, parentPort, data, require }) => {
      const region = Region.map(32 << 20);
      require('node:zlib').deflate(region.bytes, { chunkSize: 64 << 20, level: 9 }, () => {});
      const held = Region.map(8 << 20);
      require('node:crypto').pbkdf2(held.bytes, 's', 20_000, 32, 'sha512', () => {});
      parentPort.postMessage('started');
      held.free();
      if (data === 'exit') process.exit(0);
    }, how);
    const exit = new Promise((resolve) => w.once('exit', resolve));
    await message(w);
    if (how === 'terminate') await w.terminate();
    await exit;
    outcomes.push(how);
    lib().memory.drainQuarantine();
  }
  return { outcomes, regions: lib().memory.totals().regions };
};
