// Maps, uses, shares and frees regions of every kind at random, and looks whether everything is back at the end:
//   node --expose-gc test/soak/soak.mjs [--regions 100000] [--seed N] [--workers 2] [--live 150]
// The seed is printed; the same seed makes the same choices. Tolerances at the end, after collections and a drained
// quarantine: RSS 48 MiB over the start (V8's heap and malloc breathe), 256 lines of /proc/self/maps (a V8 heap and the
// arenas of two workers come and go in steps of sixty), 0 descriptors,
// and nothing at all in the package's own books.
import { mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';

const require = createRequire(import.meta.url);
const { randomFrom } = require('../hostile/tools.cjs');
const { Region, memory, isMemoryError } = require('../../dist/index.js');

const PAGE = 4096;
const RSS_TOLERANCE = 48 * 2 ** 20;
const MAPS_TOLERANCE = 256;

const { values } = parseArgs({
  options: {
    regions: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    workers: { type: 'string', default: '2' },
    live: { type: 'string', default: '150' },
  },
});
const total = Number(values.regions);
const seed = Number(values.seed);
const most = Number(values.live);
const next = randomFrom(seed);
const chance = (percent) => next() % 100 < percent;
const pick = (list) => list[next() % list.length];

const folder = mkdtempSync(join(tmpdir(), 'nebula-soak-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'file');
writeFileSync(file, Buffer.alloc(16 * PAGE, 1));

// ---- making ----------------------------------------------------------------------------------------------------------

let serial = 0;
const makers = {
  anonymous() {
    const options = { carrier: pick(['local', 'local', 'shared']) };
    if (chance(20)) options.guard = true;
    if (chance(20)) options.pages = pick(['base', 'thp', 'huge', '2MiB']);
    if (chance(10)) options.populate = true;
    if (chance(3)) options.lock = true;
    if (chance(10)) options.dump = false;
    if (chance(10)) options.fork = pick(['inherit', 'exclude', 'wipe']);
    if (chance(10)) options.name = 'soak';
    if (chance(10)) options.numa = 'local';
    return Region.map((1 + (next() % 64)) * 1024, options);
  },
  large: () =>
    Region.map((1 + (next() % 8)) * 2 ** 20, { carrier: pick(['local', 'shared']), pages: pick(['base', 'thp']) }),
  copy: () => Region.mapFile(file, { length: (1 + (next() % 16)) * PAGE }),
  file() {
    const path = join(folder, `made-${serial++}`);
    const region = Region.mapFile(path, {
      mode: 'shared',
      create: true,
      length: (1 + (next() % 8)) * PAGE,
      carrier: pick(['local', 'shared']),
    });
    unlinkSync(path);
    return region;
  },
  shared: () => Region.shared((1 + (next() % 16)) * PAGE),
  named() {
    const name = `nebula-soak-${process.pid}-${serial++}`;
    const region = Region.shared(PAGE, { name });
    const again = Region.open(name);
    Region.unlink(name);
    again.free();
    return region;
  },
  secret: () => Region.secret(1 + (next() % PAGE)),
};
const KINDS = [
  'anonymous',
  'anonymous',
  'anonymous',
  'anonymous',
  'copy',
  'file',
  'shared',
  'shared',
  'named',
  'secret',
  'large',
];

// ---- using -----------------------------------------------------------------------------------------------------------

const isShareable = (region) => region.placement.asked.carrier === 'shared';
const uses = {
  fill: (region) => region.bytes.fill(next()),
  touch(region) {
    region.bytes[next() % region.byteLength] = 1;
  },
  window: (region) => region.window(0, Math.min(64, region.byteLength)).fill(2),
  zero: (region) => region.zero(),
  decommit: (region) => region.decommit(),
  advise: (region) => region.advise(pick(['normal', 'random', 'willneed', 'dontdump', 'dodump', 'cold'])),
  protect(region) {
    region.protect(pick(['read', 'none']));
    if (chance(80)) region.protect('readwrite');
  },
  remap: (region) => region.remap((1 + (next() % 32)) * PAGE),
  residency: (region) => region.residency(),
  copy(region) {
    const out = new Uint8Array(Math.min(100, region.byteLength));
    region.read(0, out);
    region.write(0, out);
  },
  pinned(region) {
    const pin = region.pin();
    region.bytes[0] = 1;
    pin.release();
  },
  used: (region) => region.use((bytes) => bytes[0]),
  flush: (region) => region.flush(),
  flushAsync: (region) => void region.flushAsync().catch(() => {}),
  attach(region) {
    if (!isShareable(region)) return;
    const again = Region.attach(region.handle);
    again.bytes[0] = 1;
    if (chance(80)) again.free(); // else left to the collector
  },
  transfer(region) {
    const { buffer } = region;
    if (typeof buffer.transfer === 'function') new Uint8Array(buffer.transfer()).fill(3); // and dropped
  },
  share(region) {
    if (isShareable(region) && crew.length > 0) pick(crew).postMessage([region.handle, chance(70)]);
  },
};

/** States that a random order leads to; anything else ends the soak. */
const EXPECTED = new Set(
  ['INVALID_STATE', 'IN_USE', 'UNSUPPORTED', 'OUT_OF_RANGE', 'SYSCALL', 'STALE_HANDLE', 'LOCK_LIMIT'].map(
    (code) => `ERR_MEMORY_${code}`,
  ),
);
const refused = {};

function attempt(work) {
  try {
    return work();
  } catch (error) {
    if (!isMemoryError(error) || !EXPECTED.has(error.code)) throw error;
    refused[error.code] = (refused[error.code] ?? 0) + 1;
    return undefined;
  }
}

// ---- workers ---------------------------------------------------------------------------------------------------------

const WORKER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { Region } = require(workerData);
  const held = [];
  parentPort.on('message', (message) => {
    if (message === 'end') {
      for (const region of held.splice(0)) region.free();
      setTimeout(() => parentPort.close(), 20);
      return;
    }
    const [handle, free] = message;
    try {
      const region = Region.attach(handle);
      region.bytes[0] += 1;
      if (free) region.free();
      else held.push(region);
      while (held.length > 50) held.shift().free();
      const own = Region.map(65536);
      own.bytes.fill(1);
      own.free();
    } catch (error) {
      if (!['ERR_MEMORY_STALE_HANDLE', 'ERR_MEMORY_INVALID_STATE', 'ERR_MEMORY_IN_USE'].includes(error.code)) throw error;
    }
  });`;
const crew = [];

function hire() {
  const worker = new Worker(WORKER, { eval: true, workerData: require.resolve('../../dist/index.js') });
  worker.on('error', (error) => {
    throw error;
  });
  crew.push(worker);
}

/** One worker goes: of itself, or in the middle of whatever it does. */
async function dismiss(gently) {
  const worker = crew.shift();
  const gone = new Promise((resolve) => worker.once('exit', resolve));
  if (gently) worker.postMessage('end');
  else await worker.terminate();
  await gone;
}

// ---- the books -------------------------------------------------------------------------------------------------------

function books() {
  const { regions, mappedBytes, retiredRanges, quarantinedRanges, abandonedRanges, mappings } = memory.totals();
  return {
    rss: Number(readFileSync('/proc/self/statm', 'latin1').split(' ')[1]) * PAGE,
    maps: readFileSync('/proc/self/maps', 'latin1').split('\n').length,
    files: readdirSync('/proc/self/fd').length,
    regions,
    mappedBytes,
    retiredRanges,
    quarantinedRanges,
    abandonedRanges,
    mappings,
  };
}

const isQuiet = ({ regions, mappedBytes, retiredRanges, quarantinedRanges }) =>
  regions + mappedBytes + retiredRanges + quarantinedRanges === 0;

async function settled() {
  for (let i = 0; i < 400; i++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, i < 20 ? 0 : 10));
    memory.drainQuarantine({ all: true });
    if (isQuiet(memory.totals())) break;
  }
  globalThis.gc();
  return books();
}

// ---- the soak --------------------------------------------------------------------------------------------------------

async function soak(count) {
  let live = [];
  const names = Object.keys(uses);
  for (let i = 0; i < Number(values.workers); i++) hire();
  for (let made = 0; made < count; made++) {
    const kind = pick(KINDS);
    const region = attempt(makers[kind]);
    if (region !== undefined) {
      live.push(region);
      for (let n = next() % 4; n > 0; n--) {
        const name = pick(names);
        attempt(() => uses[name](region));
      }
    }
    while (live.length > most || (live.length > 0 && chance(40))) {
      const at = next() % live.length;
      const gone = live[at];
      live[at] = live[live.length - 1];
      live.length -= 1;
      if (chance(90)) attempt(() => gone.free()); // the rest is dropped, and so are those in use
    }
    if (made % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (made % 5000 === 4999) {
      globalThis.gc();
      memory.drainQuarantine();
      await dismiss(chance(50));
      hire();
      if (process.stdout.isTTY) console.log(made + 1, JSON.stringify(books()));
    }
  }
  for (const region of live) attempt(() => region.free());
  live = [];
  while (crew.length > 0) await dismiss(true);
}

if (typeof globalThis.gc !== 'function') throw new Error('run it with node --expose-gc');
console.log(`seed ${seed}, ${total} regions, Node.js ${process.versions.node}`);
await soak(4000); // what is made once: heap, code, tables, the pool of threads
const start = await settled();
await soak(total);
const end = await settled();

const wrong = [];
if (!isQuiet(end)) wrong.push('the books are not empty');
if (end.rss - start.rss > RSS_TOLERANCE) wrong.push(`RSS grew by ${end.rss - start.rss} bytes`);
// A worker that is terminated over a view that may have been moved elsewhere leaves its addresses behind, by design.
const abandoned = end.abandonedRanges - start.abandonedRanges;
if (end.maps - start.maps - abandoned > MAPS_TOLERANCE)
  wrong.push(`${end.maps - start.maps} more lines in /proc/self/maps`);
if (end.files !== start.files) wrong.push(`${end.files - start.files} more descriptors`);
console.log(JSON.stringify({ start, end, refused, wrong }));
process.exitCode = wrong.length === 0 ? 0 : 1;
