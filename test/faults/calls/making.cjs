// Calls that make regions.
'use strict';

const { existsSync, statSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const KIB = 1024;
const MIB = 1024 * KIB;

const maps = {};
const map = (name, size, options) => {
  maps[`map ${name}`] = {
    act: ({ lib }) => lib.Region.map(size, options),
    once: name === '2MiB strict', // the pool is empty without any fault
    after: (_, { value }) => {
      if (value === undefined) return null;
      value.bytes[value.byteLength - 1] = 3;
      return value.bytes[0] === 0 && value.bytes[value.byteLength - 1] === 3 ? null : 'the region does not work';
    },
  };
};

map('plain', MIB);
map('base', MIB, { pages: 'base' });
map('thp', 4 * MIB, { pages: 'thp' });
map('thp strict', 4 * MIB, { pages: 'thp', strict: true });
map('thp populate', 4 * MIB, { pages: 'thp', populate: true });
map('huge', 4 * MIB, { pages: 'huge' });
map('2MiB', 4 * MIB, { pages: '2MiB' });
map('2MiB strict', 4 * MIB, { pages: '2MiB', strict: true });
map('1GiB', 4 * MIB, { pages: '1GiB' });
map('guard', MIB, { guard: true });
map('populate', MIB, { populate: true });
map('lock', 256 * KIB, { lock: true });
map('lock strict', 256 * KIB, { lock: true, strict: true });
map('no dump', MIB, { dump: false });
map('no dump strict', MIB, { dump: false, strict: true });
map('wipe on fork', MIB, { fork: 'wipe' });
map('exclude on fork', MIB, { fork: 'exclude' });
map('named', MIB, { name: 'nebula-fault' });
map('carrier shared', MIB, { carrier: 'shared' });
map('numa bind', MIB, { numa: { bind: 0 } });
map('numa bind strict', MIB, { numa: { bind: 0 }, strict: true });
map('numa bind populate', MIB, { numa: { bind: 0 }, populate: true });
map('numa preferred', MIB, { numa: { preferred: 0 } });
map('numa interleave', MIB, { numa: { interleave: 'all' } });
map('numa local', MIB, { numa: 'local' });
map('numa weighted', MIB, { numa: { weighted: { 0: 3 } } });

// ---- files -------------------------------------------------------------------------------------------------------

const file = ({ folder }, name = 'data') => join(folder, name);
const makeFile = (context) => writeFileSync(file(context), Buffer.alloc(64 * KIB, 0x5a));
const fileWorks = (_, { value }) => (value === undefined || value.bytes[0] === 0x5a ? null : 'the file was not seen');

const files = {
  'file copy': {
    before: makeFile,
    act: (context) => context.lib.Region.mapFile(file(context)),
    after: fileWorks,
  },
  'file shared': {
    before: makeFile,
    act: (context) => context.lib.Region.mapFile(file(context), { mode: 'shared' }),
    after: fileWorks,
  },
  'file populate': {
    before: makeFile,
    act: (context) => context.lib.Region.mapFile(file(context), { populate: true }),
    after: fileWorks,
  },
  'file lock': {
    before: makeFile,
    act: (context) => context.lib.Region.mapFile(file(context), { lock: true }),
    after: fileWorks,
  },
  'file create': {
    act: (context) => context.lib.Region.mapFile(file(context, 'new'), { mode: 'shared', create: true, length: 8192 }),
  },
  'file grow': {
    before: makeFile,
    act: (context) => context.lib.Region.mapFile(file(context), { mode: 'shared', grow: true, length: 128 * KIB }),
    after: (context, { error }) => {
      const { size } = statSync(file(context));
      return error !== undefined && error.syscall === 'ftruncate' && size !== 64 * KIB ? `the file has ${size}` : null;
    },
  },
};

const small = (name, options) => ({
  act: ({ lib }) => lib.Region.mapFile(`${process.env.NEBULA_FAULT_SMALL}/${name}`, options),
});
files['small file copy'] = small('data', {});
files['small file shared'] = small('data', { mode: 'shared' });
files['small file create'] = small('new', { mode: 'shared', create: true, length: 8192 });
files['small file grow populate'] = small('data', { mode: 'shared', grow: true, length: '1MiB', populate: true });
files['small file grow touch'] = {
  prepare: (context) => {
    context.held.region = context.own(
      context.lib.Region.mapFile(`${process.env.NEBULA_FAULT_SMALL}/data`, {
        mode: 'shared',
        grow: true,
        length: '1MiB',
      }),
    );
  },
  act: ({ held }) => {
    held.region.bytes.fill(7); // bus errors below: zeros, and one error at the next call
    held.region.zero();
  },
  after: ({ held }) => (held.region.faults > 0 ? null : 'no fault was counted'),
};

// ---- objects -----------------------------------------------------------------------------------------------------

const NAME = `fault-${process.pid}`;
const NAMED = `/dev/shm/nebula-${NAME}`;
const nameGone = (context, { error }) => {
  context.held.made = error === undefined;
  return error !== undefined && existsSync(NAMED) ? 'the name of a region that failed stays taken' : null;
};
const unlinkName = ({ lib }) => {
  if (existsSync(NAMED)) lib.Region.unlink(NAME);
};
const makeNamed = (context) => {
  context.lib.Region.shared(64 * KIB, { name: NAME }).free();
};

function anotherProcess({ handle }) {
  return { ...handle, token: handle.token === 1 ? 3 : 1 };
}

const objects = {
  shared: { act: ({ lib }) => lib.Region.shared(MIB) },
  'shared 2MiB': { act: ({ lib }) => lib.Region.shared(4 * MIB, { pages: '2MiB' }) },
  'shared 2MiB strict': {
    act: ({ lib }) => lib.Region.shared(4 * MIB, { pages: '2MiB', strict: true }),
    once: true,
  },
  'shared populate': { act: ({ lib }) => lib.Region.shared(MIB, { populate: true }) },
  'shared numa': { act: ({ lib }) => lib.Region.shared(MIB, { numa: { bind: 0 } }) },
  named: {
    act: ({ lib }) => lib.Region.shared(64 * KIB, { name: NAME }),
    after: (context, outcome) => {
      const left = nameGone(context, outcome);
      if (outcome.error === undefined) unlinkName(context);
      return left;
    },
    finish: unlinkName,
  },
  'named populate': {
    act: ({ lib }) => lib.Region.shared(256 * KIB, { name: NAME, populate: true }),
    after: nameGone,
    finish: unlinkName,
  },
  open: { before: makeNamed, act: ({ lib }) => lib.Region.open(NAME), finish: unlinkName },
  unlink: { before: makeNamed, act: ({ lib }) => lib.Region.unlink(NAME), finish: unlinkName },
  secret: { act: ({ lib }) => lib.Region.secret(4096) },
  'secret strict': { act: ({ lib }) => lib.Region.secret(4096, { strict: true }) },
  'secret large': { act: ({ lib }) => lib.Region.secret(256 * KIB) },
  attach: {
    prepare: (context) => {
      context.held.region = context.exposed(context.lib.Region.shared(64 * KIB));
    },
    act: ({ lib, held }) => lib.Region.attach(held.region.handle),
    after: ({ kept, held }) => kept(held.region),
  },
  'attach remote': {
    prepare: (context) => {
      context.held.region = context.exposed(context.lib.Region.shared(64 * KIB));
      context.held.handle = anotherProcess(context.held.region);
    },
    act: ({ lib, held }) => lib.Region.attach(held.handle),
    after: (context, { value }) =>
      value && value.bytes[5] !== 0x5a ? 'other bytes' : context.kept(context.held.region),
  },
};

module.exports = { ...maps, ...files, ...objects };
