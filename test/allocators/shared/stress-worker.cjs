// One worker or process of the stress test: random operations on a shared allocator until it is told to stop, or killed.
// Everything that it is handed carries its stamp; what it finds there must be nobody's, or of somebody who is dead.
const { isMainThread, parentPort, workerData } = require('node:worker_threads');

const setup = isMainThread ? JSON.parse(process.env.STRESS_SETUP) : workerData;
const { library, kind, handle, desk, id, seed, granuleBytes, most } = setup;
// Compared once: optimized code of Node.js 22 (V8 12.4) can find a string that came from another thread different from its
// equal, and then a stack would be freed in random order.
const isStack = kind === 'stack';
const isBump = kind === 'bump';
const isBlock = kind === 'block';
const shared = require(`${library}/allocators/shared/index.js`);
const { environments, Region } = require(`${library}/platform/index.js`);

const CLASSES = {
  block: shared.SharedBlockAllocator,
  bump: shared.SharedBumpAllocator,
  stack: shared.SharedStackAllocator,
};

// The desk: word 0 stop, 1 first id that is free; from byte 64 on a record of 64 bytes for each id.
const deskRegion = Region.attach(desk);
const control = new Int32Array(deskRegion.buffer, 0, 16);
const records = new Float64Array(deskRegion.buffer, 64);
const RECORD = 8;
const me = environments.current();
const mine = id * RECORD;
records.set([1, me.pid, me.startTicks, me.namespace, me.serial, 0, 0, 0], mine);

const allocator = CLASSES[kind].attach(handle);
const dataRegion = Region.attach(handle.data);
const data = new Int32Array(dataRegion.buffer);

let state = (seed * 2654435761 + id * 40503) >>> 0 || 1;
function random(below) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  state >>>= 0;
  return state % below;
}

function isDead(stamp) {
  const at = stamp * RECORD;
  const [, pid, startTicks, namespace, serial] = records.subarray(at, at + RECORD);
  return !environments.isAlive({ pid, startTicks, namespace, serial });
}

/** A span in steps of the granule: the first word of each is the stamp. */
function stamp(offset, bytes) {
  for (let at = offset; at < offset + bytes; at += granuleBytes) {
    const was = Atomics.exchange(data, at / 4, id);
    if (was === 0) continue;
    if (isBump) throw new Error(`${offset} was handed out before, to ${was}`);
    if (was === id || !isDead(was)) throw new Error(`${id} was handed ${offset}, which ${was} holds and is alive`);
    records[mine + 6] += 1;
  }
}

function check(offset, bytes, after) {
  for (let at = offset; at < offset + bytes; at += granuleBytes) {
    const was = Atomics.exchange(data, at / 4, after);
    if (was !== id) throw new Error(`what ${id} held at ${offset} carries the stamp of ${was}`);
  }
}

const held = [];
function free(index) {
  const [offset, bytes] = held[index];
  check(offset, bytes, 0);
  allocator.deallocate(offset, bytes);
  held.splice(index, 1);
}

function step() {
  const what = random(100);
  if (what === 0 && random(20) === 0) allocator.recover();
  if (what < 56 && (held.length < most || isBump)) {
    const bytes = isBlock ? 1 + random(allocator.blockBytes) : 1 + random(8 * granuleBytes);
    const offset = allocator.tryAllocate(bytes);
    if (offset === -1) {
      records[mine + 7] += 1;
      return !isBump;
    }
    stamp(offset, bytes);
    if (isBump && held.length === most) check(...held.shift(), id);
    held.push([offset, bytes]);
  } else if (held.length > 0 && !isBump) {
    free(isStack ? held.length - 1 : random(held.length));
  }
  return true;
}

function run() {
  let going = true;
  for (let operations = 1; going && Atomics.load(control, 0) === 0; operations += 1) {
    going = step();
    records[mine + 5] = operations;
  }
  for (const [offset, bytes] of isBump ? held : []) check(offset, bytes, id);
  // Half of them leave as they should; the others keep what they hold and just end.
  if (id % 2 === 0 && !isBump) {
    while (held.length > 0) free(held.length - 1);
    allocator.dispose();
  }
}

run();
if (isMainThread) process.exit(0);
parentPort.postMessage('done');
