// Limits of the system: each is an error, never a signal.
'use strict';

const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const { Worker } = require('node:worker_threads');
const {
  lib,
  raw,
  codeOf,
  codeOfAsync,
  codesOf,
  kinds,
  settle,
  message,
  nameOf,
  worker,
  MIB,
  PAGE,
} = require('../tools.cjs');
const { withPool } = require('../../support/pool-lock.cjs');

const mappings = () => fs.readFileSync('/proc/self/maps', 'latin1').split('\n').length;
const setLimit = (...limits) => execFileSync('prlimit', ['--pid', String(process.pid), ...limits]);

function untilRefused(make) {
  const made = [];
  for (;;) {
    try {
      made.push(make(made.length));
    } catch (error) {
      return { made, code: nameOf(error) };
    }
    if (made.length > 200_000) return { made, code: 'none' };
  }
}

async function stillWorks() {
  const objects = Array.from({ length: 300_000 }, (_, i) => ({ i, text: `${i}` }));
  const w = new Worker(
    'const { parentPort } = require("node:worker_threads"); parentPort.postMessage(Array.from({ length: 1e5 }, () => ({})).length)',
    { eval: true },
  );
  const fromWorker = await message(w);
  return objects.length + fromWorker + Buffer.alloc(50 * MIB).length === 400_000 + 50 * MIB;
}

exports.mappings = async () => {
  const { Region } = lib();
  const limit = Number(fs.readFileSync('/proc/sys/vm/max_map_count', 'latin1'));
  const { made, code } = untilRefused(() => {
    const region = Region.map(PAGE, { guard: true });
    region.bytes[0] = 1;
    return region;
  });
  const under = mappings() < limit * 0.7;
  const works = await stillWorks();
  const others = codesOf([
    ['shared', () => Region.shared(PAGE)],
    ['guard', () => Region.map(PAGE, { guard: true })],
  ]);
  for (const region of made) region.free();
  const after = codeOf(() => Region.map(PAGE, { guard: true }));
  return {
    code,
    many: made.length > limit / 10,
    under,
    works,
    others: Object.values(others).every((one) => ['MAP_LIMIT', 'none'].includes(one)),
    after,
  };
};

exports.mappingsSplitByPages = async () => {
  const { Region } = lib();
  const limit = Number(fs.readFileSync('/proc/sys/vm/max_map_count', 'latin1'));
  const region = Region.map(512 * MIB);
  const { made, code } = untilRefused((i) => region.advise('dontdump', { offset: i * 2 * PAGE, length: PAGE }));
  const under = mappings() < limit * 0.7;
  const works = await stillWorks();
  region.free();
  return { code, many: made.length > 1000, under, works, after: codeOf(() => Region.map(PAGE, { guard: true })) };
};

exports.mappingsByQuarantine = async () => {
  const { Region, memory } = lib();
  memory.configureQuarantine({ idle: '10min' });
  const codes = {};
  for (let i = 0; i < 60_000; i++) {
    const code = codeOf(() => {
      const region = Region.map(PAGE, { guard: i % 2 === 0 });
      region.bytes[0] = 1;
      region.free();
    });
    codes[code] = (codes[code] ?? 0) + 1;
  }
  const works = await stillWorks();
  memory.drainQuarantine({ all: true });
  return {
    kinds: Object.keys(codes).filter((code) => code !== 'none' && code !== 'MAP_LIMIT'),
    works,
    after: codeOf(() => Region.map(PAGE, { guard: true })),
    held: memory.totals().quarantinedRanges,
  };
};

exports.descriptors = async () => {
  const { Region, memory } = lib();
  const plain = Region.map(PAGE);
  plain.bytes[0] = 1;
  const files = [];
  try {
    for (;;) files.push(fs.openSync('/dev/null', 'r'));
  } catch (error) {
    files.code = error.code;
  }
  const codes = codesOf([
    ['shared', () => Region.shared(PAGE)],
    ['file', () => Region.mapFile('/etc/passwd')],
    ['open', () => Region.open('nebula-missing')],
    ['secret', () => Region.secret(PAGE)],
    ['populate', () => Region.map(PAGE, { populate: true })],
    ['pageStats', () => plain.pageStats()],
    ['nodes', () => plain.nodes()],
    ['limits', () => memory.limits()],
    ['topology', () => memory.topology()],
    ['capabilities', () => memory.capabilities()],
    ['free', () => plain.free()],
  ]);
  for (const file of files) fs.closeSync(file);
  const after = codesOf([
    ['shared', () => Region.shared(PAGE)],
    ['file', () => Region.mapFile('/etc/passwd')],
  ]);
  const foreign = Object.values(codes).filter((code) => code.startsWith('foreign'));
  return { full: files.code, shared: codes.shared, file: codes.file, free: codes.free, foreign, after };
};

/** Node.js itself needs most of it, so the limit is set to what it has now and a little more. */
exports.addressSpace = () => {
  const { Region } = lib();
  Region.map(PAGE).bytes[0] = 1;
  const now = Number(/VmSize:\s+(\d+)/.exec(fs.readFileSync('/proc/self/status', 'latin1'))[1]) * 1024;
  setLimit(`--as=${now + 96 * MIB}:`); // the soft one: it can be taken back
  const codes = codesOf([
    ['map', () => Region.map(512 * MIB)],
    ['populate', () => Region.map(512 * MIB, { populate: true })],
    ['shared', () => Region.shared(512 * MIB)],
    ['secret', () => Region.secret(512 * MIB)],
    ['file', () => Region.mapFile(process.execPath, { length: 90 * MIB }).remap(512 * MIB)],
    ['thp', () => Region.map(512 * MIB, { pages: 'thp' })],
  ]);
  const small = Region.map(MIB);
  small.bytes.fill(3);
  codes.remap = codeOf(() => small.remap(512 * MIB));
  const [last, length] = [small.bytes[MIB - 1], small.byteLength];
  setLimit('--as=unlimited:');
  small.free();
  return { kinds: kinds(codes), last, length, after: codeOf(() => Region.map(512 * MIB)) };
};

exports.lockedMemory = () => {
  setLimit('--memlock=65536:65536');
  if (process.getuid() === 0) process.setuid(65534); // root may lock what it likes
  const { Region } = lib();
  const region = Region.map(MIB);
  region.bytes[0] = 4;
  const asked = Region.map(MIB, { lock: true });
  const secret = Region.secret(MIB);
  secret.bytes[0] = 1;
  return {
    lock: codeOf(() => region.lock()),
    byte: region.bytes[0],
    placement: [asked.placement.got.locked, asked.placement.fallbacks.map((one) => one.code)],
    strict: codeOf(() => Region.map(MIB, { lock: true, strict: true })),
    secret: [secret.protection.locked, secret.protection.zeroedOnFree],
    strictSecret: codeOf(() => Region.secret(MIB, { strict: true })),
    free: codesOf([
      ['region', () => region.free()],
      ['asked', () => asked.free()],
      ['secret', () => secret.free()],
    ]),
  };
};

exports.hugePages = () => withPool(huge);
function huge() {
  const { Region, memory } = lib();
  const before = memory.totals().regions;
  const found = {};
  for (const pages of ['2MiB', '1GiB', 'huge', 'thp']) {
    const region = Region.map(2 * MIB, { pages });
    region.bytes.fill(1);
    const { got, fallbacks } = region.placement;
    found[pages] =
      got.pages === pages || fallbacks.every(({ reason, code }) => reason !== '' && code.startsWith('ERR_MEMORY_'));
    region.free();
  }
  const tooMany = codeOf(() => Region.map('64TiB', { pages: '2MiB', strict: true }));
  const shared = Region.shared('2MiB', { pages: '2MiB' });
  shared.bytes.fill(1);
  const strict = codeOf(() => Region.shared('64TiB', { pages: '2MiB', strict: true }));
  shared.free();
  return { found, tooMany, strict, left: memory.totals().regions - before };
}

/** The pool is there when the memory is reserved, and gone when its pages are needed. Needs the right to size the pool. */
exports.hugePagesDrained = () => withPool(drained);
function drained() {
  const pool = '/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages';
  const before = fs.readFileSync(pool, 'latin1').trim();
  try {
    fs.writeFileSync(pool, String(Number(before) + 8));
  } catch {
    return { ended: true };
  }
  try {
    const { Region } = lib();
    const holders = [];
    const codes = [];
    for (let i = 0; i < 12; i++) {
      if (i === 4) fs.writeFileSync(pool, before);
      codes.push(
        codeOf(() => {
          const region = Region.map(4 * MIB, { pages: '2MiB' });
          region.bytes.fill(i);
          holders.push(region);
        }),
      );
    }
    // Reserved by nobody: holes of the pool are filled when touched, or not at all.
    const hole = raw().mapShared(64 * MIB, 2 * MIB);
    const populated = raw().populate(hole, 0, 64 * MIB);
    for (const region of holders) region.free();
    return {
      ended:
        kinds(codes).every((code) => code === 'none') &&
        (populated === undefined || typeof populated.failed === 'number'),
    };
  } finally {
    fs.writeFileSync(pool, before);
  }
}

exports.moreThanTheMachineHas = async () => {
  fs.writeFileSync('/proc/self/oom_score_adj', '1000'); // should it go wrong, only this process pays
  const { Region } = lib();
  const size = Math.floor(require('node:os').totalmem() * 0.98);
  const region = Region.map(size);
  return {
    ...codesOf([
      ['populate', () => Region.map(size, { populate: true })],
      ['lock', () => Region.map(size, { lock: true })],
      ['later', () => region.populate()],
      ['lockLater', () => region.lock()],
      ['shared', () => Region.shared(size, { populate: true })],
      ['secret', () => Region.secret(size)],
    ]),
    free: codeOf(() => region.free()),
  };
};

exports.moreThanOneBufferSpans = async () => {
  const { Region, memory } = lib();
  const region = Region.map('5GiB');
  const window = region.window('4GiB', 4096);
  window[4095] = 5;
  const { buffer } = window;
  const out = new Uint8Array(1);
  region.read(4 * 2 ** 30 + 4095, out);
  const whole = codeOf(() => region.bytes);
  region.free();
  const gone = await settle(() => {
    memory.drainQuarantine({ all: true });
    return memory.totals().mappings < 10;
  });
  return { byte: out[0], stale: buffer.byteLength, window: window.length, whole, gone };
};

exports.heapLimit = () => {
  const source = `
    const { Region } = require(${JSON.stringify(require.resolve('../tools.cjs'))}).lib();
    const regions = Array.from({ length: 200 }, (_, i) => Region.map('16MiB', { carrier: i % 2 ? 'local' : 'shared' }));
    for (const region of regions) region.bytes[0] = 1;
    console.log(regions.length);`;
  const child = spawnSync(process.execPath, ['--max-old-space-size=24', '-e', source], { encoding: 'utf8' });
  return { out: child.stdout.trim(), status: child.status, signal: child.signal };
};

exports.workerHeapLimit = async () => {
  const { Region, memory } = lib();
  const shared = Region.shared(PAGE);
  const w = worker(
    ({ Region, data }) => {
      const mine = Region.attach(data);
      mine.pin();
      const kept = [];
      for (;;) kept.push(Region.map(65536), mine.bytes, new Array(10_000).fill(0.5));
    },
    shared.handle,
    { resourceLimits: { maxOldGenerationSizeMb: 24 } },
  );
  const code = await new Promise((resolve) => w.once('error', (error) => resolve(error.code)));
  await new Promise((resolve) => (w.threadId === -1 ? resolve() : w.once('exit', resolve)));
  const gone = await settle(() => memory.totals().regions === 1);
  return { code, gone, free: await codeOfAsync(async () => shared.free()) };
};
