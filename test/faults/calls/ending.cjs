// Calls that take pages away from their addresses: free, protect, remap.
'use strict';

const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const KIB = 1024;
const SIZE = 256 * KIB;

const KINDS = {
  private: ({ lib }) => lib.Region.map(SIZE),
  guarded: ({ lib }) => lib.Region.map(SIZE, { guard: true }),
  locked: ({ lib }) => lib.Region.map(SIZE, { lock: true }),
  secret: ({ lib }) => lib.Region.secret(SIZE / 4),
  shared: ({ lib }) => lib.Region.shared(SIZE),
  carrier: ({ lib }) => lib.Region.map(SIZE, { carrier: 'shared' }),
  // Shorter than the file, so that it can grow.
  copy: ({ lib, folder }) => lib.Region.mapFile(join(folder, 'data'), { length: SIZE }),
  file: ({ lib, folder }) => lib.Region.mapFile(join(folder, 'data'), { mode: 'shared' }),
};

const makeFile = ({ folder }) => writeFileSync(join(folder, 'data'), Buffer.alloc(2 * SIZE, 0x5a));
const makeShortFile = ({ folder }) => writeFileSync(join(folder, 'data'), Buffer.alloc(SIZE, 0x5a));

const ending = {};

for (const [kind, make] of Object.entries(KINDS)) {
  const before = kind === 'file' ? makeShortFile : makeFile;
  const exposed = (context) => {
    context.held.region = context.exposed(make(context));
  };
  const fresh = (context) => {
    context.held.region = context.own(make(context));
    context.held.region.write(0, new Uint8Array(65536).fill(0x5a).subarray(0, context.held.region.byteLength));
  };

  ending[`free ${kind} with views`] = {
    before,
    prepare: (context) => {
      exposed(context);
      context.held.view = context.held.region.bytes;
    },
    act: ({ held }) => held.region.free(),
    after: ({ held, row }) => {
      if (held.region.state !== 'freed') return 'it is not freed';
      if (row.stale) return null;
      // A local view is detached; a shared one stays and reads zeros where the tombstone could be laid.
      let sum = 0;
      for (let i = 0; i < held.view.length; i++) sum += held.view[i];
      return sum === 0 ? null : 'a view that is left shows the old bytes';
    },
    once: true,
  };
  ending[`free ${kind}`] = {
    before,
    prepare: fresh,
    act: ({ held }) => held.region.free(),
    after: ({ held }) => (held.region.state === 'freed' ? null : 'it is not freed'),
    once: true,
  };

  const after = (context, { error }) => {
    const { region } = context.held;
    if (error !== undefined && region.access !== 'readwrite') return `access is ${region.access} after a failure`;
    if (region.access === 'none') region.protect('readwrite');
    return context.kept(region);
  };
  ending[`protect ${kind} with views`] = {
    before,
    prepare: exposed,
    act: ({ held }) => held.region.protect('none'),
    after,
  };
  ending[`protect ${kind}`] = { before, prepare: fresh, act: ({ held }) => held.region.protect('read'), after };

  if (kind === 'secret' || kind === 'locked') continue;
  const sized =
    (bytes) =>
    (context, { error }) => {
      const { region } = context.held;
      const expected = error === undefined ? bytes : SIZE;
      if (region.byteLength !== expected) return `byteLength is ${region.byteLength}, not ${expected}`;
      return context.kept(region);
    };
  ending[`grow ${kind} with views`] = {
    before,
    prepare: exposed,
    act: ({ held }) => held.region.remap(2 * SIZE),
    after: sized(2 * SIZE),
  };
  ending[`grow ${kind}`] = {
    before,
    prepare: fresh,
    act: ({ held }) => held.region.remap(2 * SIZE),
    after: sized(2 * SIZE),
  };
  ending[`shrink ${kind} with views`] = {
    before,
    prepare: exposed,
    act: ({ held }) => held.region.remap(SIZE / 2),
    after: sized(SIZE / 2),
  };
}

// ---- what was asked of the pages follows them ------------------------------------------------------------------

const WISHES = { lock: true, fork: 'exclude', dump: false };
const DRESSED = {
  private: ({ lib }) => lib.Region.map(SIZE, WISHES),
  guarded: ({ lib }) => lib.Region.map(SIZE, { ...WISHES, guard: true }),
  shared: ({ lib }) => lib.Region.shared(SIZE, WISHES),
  secret: ({ lib }) => lib.Region.secret(SIZE / 4),
};

/** Flags of the mapping at an address, in the words of /proc/self/smaps. */
function flagsAt(address) {
  for (const block of readFileSync('/proc/self/smaps', 'latin1').split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/)) {
    const [, start, end] = /^([0-9a-f]+)-([0-9a-f]+)/.exec(block) ?? [];
    if (address < Number.parseInt(start, 16) || address >= Number.parseInt(end, 16)) continue;
    return /VmFlags: (.*)/.exec(block)[1].trim().split(' ');
  }
  return [];
}

for (const [kind, make] of Object.entries(DRESSED)) {
  ending[`protect dressed ${kind} with views`] = {
    prepare: (context) => {
      context.held.region = context.exposed(make(context));
      const binding = context.native();
      const { protect } = binding;
      binding.protect = (holder, access) => {
        context.held.address = () => binding.describe(holder).address;
        binding.protect = protect;
        return protect(holder, access);
      };
    },
    act: ({ held }) => held.region.protect('read'),
    after: (context) => {
      const flags = flagsAt(context.held.address());
      const wiped = context.held.region.protection?.fork === 'wiped';
      const missing = ['lo', 'dd', wiped ? 'wf' : 'dc'].filter((flag) => !flags.includes(flag));
      if (missing.length > 0) return `the moved pages lack ${missing.join(', ')}: ${flags.join(' ')}`;
      return context.kept(context.held.region);
    },
  };
}

module.exports = ending;
