// Calls on a region that exists, and what the machine is asked.
'use strict';

const { closeSync, openSync, truncateSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { Worker } = require('node:worker_threads');

const KIB = 1024;
const MIB = 1024 * KIB;

const kept = ({ kept, held }) => kept(held.region);

/** A call on a private region full of the pattern. */
const on = (act, options = {}, after = kept) => ({
  prepare: (context) => {
    context.held.region = context.exposed(context.lib.Region.map(256 * KIB, options));
  },
  act: ({ held }) => act(held.region),
  after,
});

const onShared = (act, after = kept) => ({
  prepare: (context) => {
    context.held.region = context.exposed(context.lib.Region.shared(256 * KIB));
  },
  act: ({ held }) => act(held.region),
  after,
});

const onFile = (act, after = kept) => ({
  before: ({ folder }) => writeFileSync(join(folder, 'data'), Buffer.alloc(64 * KIB, 0x5a)),
  prepare: (context) => {
    const path = join(context.folder, 'data');
    context.held.region = context.exposed(context.lib.Region.mapFile(path, { mode: 'shared' }));
  },
  act: ({ held }) => act(held.region),
  after,
});

const asSet = (report) => ({ ...report, nodes: Object.fromEntries(report.nodes) });

const working = {
  populate: on((region) => region.populate()),
  lock: on((region) => region.lock()),
  'lock part': on((region) => region.lock({ offset: 4096, length: 4096 })),
  unlock: on((region) => region.unlock()),
  residency: on((region) => region.residency()),
  pageStats: on((region) => region.pageStats()),
  // Between guard pages: numa_maps counts whole mappings, and neighbors merge.
  nodes: on((region) => asSet(region.nodes()), { guard: true }),
  migrate: on((region) => region.migrate(0)),
  bind: on((region) => region.bind({ bind: 0 })),
  'bind many': on((region) => region.bind({ preferredMany: [0] })),
  'bind weighted': on((region) => region.bind({ weighted: { 0: 2 } })),
  'bind part': on((region) => region.bind({ preferred: 0 }, { offset: 8192, length: 8192, move: true })),
  'advise cold': on((region) => region.advise('cold')),
  'advise collapse': { ...on((region) => region.advise('collapse')), once: true },
  'advise populate_read': on((region) => region.advise('populate_read')),
  zero: on(
    (region) => region.zero(),
    {},
    ({ held }) => (held.region.bytes.every((byte) => byte === 0) ? null : 'not all zeros'),
  ),
  decommit: on(
    (region) => region.decommit(),
    {},
    (context, { error }) => (error === undefined ? null : context.kept(context.held.region)),
  ),
  'shared decommit': onShared(
    (region) => region.decommit(),
    (context, { error }) => (error === undefined ? null : context.kept(context.held.region)),
  ),
  'shared populate call': onShared((region) => region.populate()),
  buffer: {
    prepare: (context) => {
      context.held.region = context.own(context.lib.Region.map(MIB));
    },
    act: ({ held }) => held.region.bytes.length,
  },
  flush: onFile((region) => region.flush()),
  flushAsync: { ...onFile((region) => region.flushAsync()), asynchronous: true },
  'file residency': onFile((region) => region.residency()),
  wait: onShared((region) => region.wait(0, 0x5a5a5a5a, { timeout: 20 })),
  'wait not equal': onShared((region) => region.wait(0, 1, { timeout: 20 })),
  notify: onShared((region) => region.notify(0)),
  'truncated file': onFile(
    (region) => {
      truncateSync(join(process.env.NEBULA_FAULT_FOLDER, 'data'), 4096);
      region.bytes.fill(9);
      region.residency();
    },
    ({ held }) => (held.region.faults > 0 ? null : 'no fault was counted'),
  ),
  'truncated file populate': onFile(
    (region) => {
      truncateSync(join(process.env.NEBULA_FAULT_FOLDER, 'data'), 4096);
      region.populate();
    },
    () => null,
  ),
  'truncated file remap': onFile(
    (region) => {
      truncateSync(join(process.env.NEBULA_FAULT_FOLDER, 'data'), 4096);
      region.remap(128 * KIB);
      return { byteLength: region.byteLength, first: region.bytes[0], last: region.bytes[128 * KIB - 1] };
    },
    () => null,
  ),
};
for (const name of ['truncated file', 'truncated file populate', 'truncated file remap']) working[name].once = true;

// ---- the machine -------------------------------------------------------------------------------------------------

const machine = {
  capabilities: {
    act: ({ lib }) => {
      const found = lib.memory.capabilities();
      return Object.fromEntries(Object.entries(found).map(([name, { code }]) => [name, code]));
    },
    once: true,
  },
  topology: { act: ({ lib }) => ({ nodes: lib.memory.topology().nodes.length > 0 }) },
  limits: { act: ({ lib }) => ({ object: typeof lib.memory.limits() }) },
  hugePages: { act: ({ lib }) => ({ object: typeof lib.memory.hugePages() }) },
  pressure: { act: ({ lib }) => ({ object: typeof lib.memory.pressure() }) },
  processMemory: { act: ({ lib }) => ({ object: typeof lib.memory.processMemory() }) },
  'numa.node': { act: ({ lib }) => ({ object: typeof lib.numa }) },
};

// ---- descriptors and threads -------------------------------------------------------------------------------------

/** Takes every descriptor, runs the call, gives them back. */
function withoutDescriptors(work) {
  const taken = [];
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
  }
  try {
    return work();
  } finally {
    for (const file of taken) closeSync(file);
  }
}

/** Starts threads until the system gives none, runs the call, ends them. */
async function withoutThreads(work) {
  const workers = [];
  let refused = false;
  while (!refused && workers.length < 64) {
    try {
      const worker = new Worker('setInterval(() => {}, 1000)', { eval: true });
      workers.push(worker);
      await new Promise((resolve, reject) => worker.once('online', resolve).once('error', reject));
    } catch {
      refused = true;
    }
  }
  const result = await work();
  await Promise.all(workers.map((worker) => worker.terminate().catch(() => {})));
  if (!refused) throw new Error('every thread was granted');
  return result;
}

const flushThreads = onFile((region) => withoutThreads(() => region.flushAsync()));
const flushBefore = flushThreads.before;
working['flushAsync without threads'] = {
  ...flushThreads,
  before: async (context) => {
    flushBefore(context);
    // The pool's own threads; that Node.js cannot make them is none of ours.
    await require('node:fs/promises').readFile(join(context.folder, 'data'));
    // Node.js opens /dev/null for its first worker, and keeps it.
    const first = new Worker('', { eval: true });
    await new Promise((resolve) => first.once('exit', resolve));
  },
  asynchronous: true,
  once: true,
};

module.exports = { ...working, ...machine, withoutDescriptors };
