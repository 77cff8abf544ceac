// A worker of the soak: does to what it is sent what the main thread does, until it is told to end or is terminated in the
// middle of it. What it throws ends the soak.
'use strict';

const { parentPort, workerData } = require('node:worker_threads');
const { randomFrom } = require('../hostile/tools.cjs');
const { expectFilled, fill } = require('./pattern.cjs');

const lib = require(workerData.path);
/** What comes of handles whose giver has gone on meanwhile. */
const LATE = ['STALE_HANDLE', 'INVALID_STATE', 'IN_USE', 'MAP_LIMIT', 'CLOSED'].map((code) => `ERR_MEMORY_${code}`);
const MOST = 30;

const attached = new Map();
const regions = [];
const crossed = [];
const own = [];
let serial = workerData.serial;

/** The object of this worker that belongs to a handle; undefined for one that is gone. */
function attach(type, handle, key) {
  let entry = attached.get(key);
  if (entry === undefined) {
    entry = { type, object: lib[type].attach(handle), blocks: [] };
    attached.set(key, entry);
  }
  return entry;
}

const keyOf = (type, handle) => `${type} ${JSON.stringify(handle.data ?? handle.region ?? handle.words ?? handle)}`;

function give(entry, at) {
  const { object, blocks } = entry;
  const block = blocks[at];
  expectFilled(object.view(block.offset, block.bytes), block.serial, `worker, ${entry.type}`);
  object.deallocate(block.offset, block.bytes);
  blocks.splice(at, 1);
}

function take(entry, bytes) {
  const { object, blocks } = entry;
  const offset = object.tryAllocate(bytes);
  if (offset === -1) return;
  const block = { offset, bytes, serial: serial++ };
  fill(object.view(offset, bytes), block.serial);
  blocks.push(block);
}

const work = {
  region({ handle, free }) {
    const region = lib.Region.attach(handle);
    region.bytes[0] += 1;
    if (free) region.free();
    else regions.push(region);
    while (regions.length > 50) {
      const oldest = regions.shift();
      unlessLate(() => oldest.free());
    }
    const mine = lib.Region.map(65536);
    mine.bytes.fill(1);
    mine.free();
  },

  /** Blocks of an allocator or arena that several threads are attached to. */
  blocks({ type, handle, seed, count, most, lifo }) {
    const next = randomFrom(seed);
    const entry = attach(type, handle, keyOf(type, handle));
    for (let i = 0; i < count; i++) {
      const { length } = entry.blocks;
      if (length < MOST && next() % 100 < 55) take(entry, 1 + (next() % most));
      else if (length > 0) give(entry, lifo ? length - 1 : next() % length);
    }
  },

  /** A block that was given away: whoever gets it frees it. */
  handed({ type, handle, offset, bytes, mark }) {
    const { object } = attach(type, handle, keyOf(type, handle));
    expectFilled(object.view(offset, bytes), mark, `worker, handed ${type}`);
    object.deallocate(offset, bytes);
    parentPort.postMessage({ kind: 'freed', type, offset, mark });
  },

  /** A block that changes its owner. */
  lease({ handle, lease, mark, keep }) {
    const entry = attach('SharedBlockAllocator', handle, keyOf('SharedBlockAllocator', handle));
    const box = entry.object.adopt(lease);
    expectFilled(box.bytes, mark, 'worker, adopted block');
    if (keep && entry.blocks.length < MOST) {
      entry.blocks.push({ offset: box.offset, bytes: box.byteLength, serial: mark });
    } else box.release();
  },

  /** A whole arena: looked at, written to, and given on or back. */
  cross({ handle, blocks, back }) {
    const arena = lib.CrossThreadArena.attach(handle);
    for (const block of blocks)
      expectFilled(arena.view(block.offset, block.bytes), block.serial, 'worker, crossed arena');
    const offset = arena.tryAllocate(500);
    if (offset !== -1) {
      const block = { offset, bytes: 500, serial: serial++ };
      fill(arena.view(offset, 500), block.serial);
      blocks.push(block);
    }
    if (!back) {
      crossed.push(arena);
      while (crossed.length > 4) crossed.shift().dispose();
      return;
    }
    void arena.handOverWhenIdle().then(
      (pending) => parentPort.postMessage({ kind: 'cross', handle: pending.handle, blocks }),
      () => unlessLate(() => arena.dispose()),
    );
  },

  /** A share of a budget. */
  budget({ handle, seed, count, most }) {
    const next = randomFrom(seed);
    const entry = attach('SharedBudget', handle, keyOf('SharedBudget', handle));
    const { object, blocks } = entry;
    for (let i = 0; i < count; i++) {
      if (blocks.length < MOST && next() % 100 < 55) {
        const bytes = 1 + (next() % most);
        if (object.tryReserve(bytes)) blocks.push(bytes);
      } else if (blocks.length > 0) object.release(blocks.splice(next() % blocks.length, 1)[0]);
      if (object.usedBytes > object.limitBytes)
        throw new Error(`worker: ${object.usedBytes} bytes of ${object.limitBytes}`);
    }
  },

  /** Things of the worker's own, which go with it. */
  own({ seed }) {
    const next = randomFrom(seed);
    const arena = lib.localArena();
    if (next() % 3 === 0) arena.reset();
    fill(arena.alloc(1 + (next() % 5000)), seed);
    const system = new lib.MemorySystem({
      stack: { bytes: '64KiB' },
      pool: { bytes: '1MiB', maxBytes: '1MiB', upToBytes: '64KiB' },
    });
    own.push(system);
    const lease = system.request(1 + (next() % 60_000));
    fill(lease.view(), seed);
    expectFilled(lease.view(), seed, 'worker, system');
    while (own.length > 2) own.shift().dispose();
  },
};

/** What another thread is using at this moment goes with the worker. */
function unlessLate(act) {
  try {
    act();
  } catch (error) {
    if (!LATE.includes(error.code)) throw error;
  }
}

function letGo() {
  for (const region of regions.splice(0)) unlessLate(() => region.free());
  for (const arena of crossed.splice(0)) unlessLate(() => arena.dispose());
  for (const { type, object, blocks } of attached.values()) {
    if (type === 'SharedBudget') for (const bytes of blocks) object.release(bytes);
    object[Symbol.dispose]();
  }
  attached.clear();
}

parentPort.on('message', (message) => {
  if (message.kind === 'end') {
    letGo();
    setTimeout(() => parentPort.close(), 20);
    return;
  }
  unlessLate(() => work[message.kind](message));
});
lib.Region.map(4096).free(); // loads the addon, before any fault is switched on
parentPort.postMessage({ kind: 'ready' });
