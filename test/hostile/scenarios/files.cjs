// Files that are not what they seem.
'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const { join } = require('node:path');
const { lib, codeOf, codesOf, folder, PAGE } = require('../tools.cjs');

const inFolder = (work) => () => {
  const home = folder();
  fs.chmodSync(home, 0o777);
  return work((name, bytes = 0) => {
    const path = join(home, name);
    if (bytes > 0) fs.writeFileSync(path, Buffer.alloc(bytes, 65));
    return path;
  });
};
const both = (path, options = {}) => {
  const { Region } = lib();
  return codesOf([
    ['copy', () => Region.mapFile(path, options)],
    ['shared', () => Region.mapFile(path, { ...options, mode: 'shared' })],
  ]);
};

exports.missing = inFolder((at) => both(at('missing')));
exports.missingFolder = inFolder((at) => both(at('no/such/folder/file')));
exports.directory = inFolder((at) => both(join(at('x'), '..')));
exports.fifo = inFolder((at) => {
  execFileSync('mkfifo', [at('fifo')]);
  return both(at('fifo')); // must not wait for a writer
});
exports.devices = () => ({
  zero: both('/dev/zero', { length: PAGE }),
  null: both('/dev/null', { length: PAGE }),
  full: both('/dev/full', { length: PAGE }),
});
exports.procFiles = () => ({
  maps: codeOf(() => lib().Region.mapFile('/proc/self/maps')),
  mem: both('/proc/self/mem', { length: PAGE }),
});
exports.socket = inFolder(async (at) => {
  const server = require('node:net').createServer();
  await new Promise((resolve) => server.listen(at('socket'), resolve));
  const codes = both(at('socket'));
  server.close();
  return codes;
});
exports.empty = inFolder((at) => {
  fs.writeFileSync(at('empty'), '');
  return { whole: both(at('empty')), length: both(at('empty'), { length: PAGE }) };
});

exports.paths = () => {
  const { Region } = lib();
  const paths = {
    nul: 'a\0b',
    empty: '',
    number: 5,
    none: undefined,
    null: null,
    url: new URL('file:///etc/passwd'),
    buffer: Buffer.from('/etc/passwd'),
    symbol: Symbol('p'),
  };
  const odd = {
    long: `/${'x'.repeat(3000)}`,
    longer: `/${'x'.repeat(5000)}`,
    deep: '/x'.repeat(1900),
    slash: '/etc/passwd/',
  };
  return {
    kinds: [
      ...new Set(
        Object.values(codesOf(Object.entries(paths).map(([label, path]) => [label, () => Region.mapFile(path)]))),
      ),
    ],
    odd: codesOf(Object.entries(odd).map(([label, path]) => [label, () => Region.mapFile(path)])),
  };
};

exports.loops = inFolder((at) => {
  fs.symlinkSync(at('two'), at('one'));
  fs.symlinkSync(at('one'), at('two'));
  return both(at('one'));
});

exports.withoutPermission = inFolder((at) => {
  const { Region } = lib();
  const [closed, readable] = [at('closed', PAGE), at('readable', PAGE)];
  fs.chmodSync(closed, 0);
  fs.chmodSync(readable, 0o444);
  if (process.getuid() === 0) process.seteuid(65534);
  const codes = {
    closed: both(closed),
    readable: both(readable),
    create: codeOf(() => Region.mapFile('/etc/nebula-memory-new', { mode: 'shared', create: true, length: PAGE })),
  };
  if (process.getuid() === 0) process.seteuid(0);
  return codes;
});

exports.readOnlyFileKeepsItsBytes = inFolder((at) => {
  const { Region } = lib();
  const path = at('file', PAGE);
  fs.chmodSync(path, 0o444);
  const region = Region.mapFile(path);
  region.bytes.fill(66);
  region.bytes.reverse();
  region.free();
  return { same: fs.readFileSync(path).every((byte) => byte === 65) };
});

exports.shorterThanAsked = inFolder((at) => {
  const path = at('file', PAGE + 100);
  return {
    offset: both(path, { offset: 2 * PAGE }),
    length: both(path, { length: PAGE + 101 }),
    both: both(path, { offset: PAGE, length: 101 }),
    fits: both(path, { offset: PAGE, length: 100 }),
    huge: both(path, { offset: 2 ** 52, length: 2 ** 52 }),
    size: fs.statSync(path).size,
  };
});

exports.offsets = inFolder((at) => {
  const { Region } = lib();
  const path = at('file', 4 * PAGE);
  return codesOf(
    [1, 512, PAGE - 1, PAGE + 1, -PAGE, 1.5, Number.NaN, '4KB', null, '4097', 2 ** 53, 3 * PAGE].map((offset) => [
      offset,
      () => Region.mapFile(path, { offset }),
    ]),
  );
});

exports.creating = inFolder((at) => {
  const { Region } = lib();
  const path = at('there', PAGE);
  const options = { mode: 'shared', create: true };
  const codes = codesOf([
    ['copy', () => Region.mapFile(at('a'), { create: true, length: PAGE })],
    ['noLength', () => Region.mapFile(at('a'), options)],
    ['exclusive', () => Region.mapFile(path, { ...options, exclusive: true, length: PAGE })],
    ['exclusiveAlone', () => Region.mapFile(path, { mode: 'shared', exclusive: true })],
    ['copyGrow', () => Region.mapFile(path, { grow: true, length: 2 * PAGE })],
    ['sync', () => Region.mapFile(path, { mode: 'shared', sync: true })],
    ['tooLarge', () => Region.mapFile(at('b'), { ...options, length: 2 ** 53 - 1 })],
    ['made', () => Region.mapFile(at('c'), { ...options, length: PAGE + 1 })],
  ]);
  return { codes, made: fs.statSync(at('c')).size, untouched: fs.statSync(path).size };
});

exports.unlinkedAndReplaced = inFolder((at) => {
  const { Region } = lib();
  const path = at('file', PAGE);
  const region = Region.mapFile(path, { mode: 'shared' });
  const { bytes } = region;
  fs.unlinkSync(path);
  fs.writeFileSync(path, 'new');
  bytes.fill(1);
  region.flush();
  region.remap(2 * PAGE);
  region.bytes[PAGE] = 2;
  region.free();
  return { file: fs.readFileSync(path, 'utf8') };
});

exports.flushingWhatIsNoFile = async () => {
  const { Region } = lib();
  const { codeOfAsync } = require('../tools.cjs');
  const regions = {
    map: Region.map(PAGE),
    copy: Region.mapFile('/etc/passwd'),
    shared: Region.shared(PAGE),
    secret: Region.secret(PAGE),
  };
  const codes = {};
  for (const [name, region] of Object.entries(regions))
    codes[name] = [codeOf(() => region.flush()), await codeOfAsync(() => region.flushAsync())];
  return codes;
};

/** The limit on file sizes is also a signal, which Node.js ignores. */
exports.fileSizeLimit = inFolder((at) => {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${PAGE}`]);
  const { Region } = lib();
  const path = at('file');
  const codes = codesOf([
    ['create', () => Region.mapFile(path, { mode: 'shared', create: true, length: 4 * PAGE })],
    ['shared', () => Region.shared(4 * PAGE)],
  ]);
  const small = Region.mapFile(at('small'), { mode: 'shared', create: true, length: PAGE });
  small.bytes[0] = 1;
  codes.remap = codeOf(() => small.remap(4 * PAGE));
  return { ...codes, byte: small.bytes[0], length: small.byteLength };
});
