// Region.mapFile.
const { readFileSync, rmSync, statSync, truncateSync, writeFileSync } = require('node:fs');
const { constants } = require('node:os');

const { ENOENT, EEXIST } = constants.errno;
const KIB = 1024;

let serial = 0;

// A file of its own for each check. It stays until the end: Windows deletes no file while a view of it is in quarantine.
function withFile(work) {
  return (tools) => work(tools, tools.file(`data-${++serial}.bin`));
}

module.exports = {
  'a copy never changes the file': withFile(({ assert, Region }, path) => {
    writeFileSync(path, 'hello, file');
    const region = Region.mapFile(path);
    const { bytes } = region;
    assert.equal(Buffer.from(bytes).toString(), 'hello, file');
    bytes[0] = 72;
    assert.equal(readFileSync(path, 'utf8'), 'hello, file');
    region.free();
    assert.equal(bytes.length, 0);
    assert.equal(readFileSync(path, 'utf8'), 'hello, file');
  }),

  'a shared one changes it, and flush() writes it': withFile((tools, path) => {
    const { assert, Region } = tools;
    writeFileSync(path, 'hello, file');
    const region = Region.mapFile(path, { mode: 'shared' });
    region.bytes[0] = 74;
    region.flush();
    assert.equal(readFileSync(path, 'utf8'), 'jello, file'.replace('j', 'J'));
    return region.flushAsync().then(() => region.free());
  }),

  'grow lengthens the file, and what is new is zeros': withFile(({ assert, Region, isZero }, path) => {
    writeFileSync(path, 'abc');
    const region = Region.mapFile(path, { mode: 'shared', length: '1MiB', grow: true });
    assert.equal(statSync(path).size, 1024 * KIB);
    assert.ok(isZero(region.bytes.subarray(3)));
    region.bytes[1024 * KIB - 1] = 9;
    region.free();
    const written = readFileSync(path);
    assert.deepEqual([written.length, written[0], written[1024 * KIB - 1]], [1024 * KIB, 97, 9]);
  }),

  'create makes it once': withFile(({ assert, Region, thrown }, path) => {
    const options = { mode: 'shared', length: '128KiB', create: true, exclusive: true };
    Region.mapFile(path, options).free();
    assert.equal(statSync(path).size, 128 * KIB);
    const { code, errno } = thrown(() => Region.mapFile(path, options));
    assert.deepEqual([code, errno], ['ERR_MEMORY_SYSCALL', EEXIST]);
  }),

  'what cannot be mapped is told by code': withFile((tools, path) => {
    const { assert, Region, thrown, codeOf, folder, native } = tools;
    const missing = thrown(() => Region.mapFile(path));
    assert.deepEqual([missing.code, missing.errno, missing.source], ['ERR_MEMORY_SYSCALL', ENOENT, path]);
    assert.match(missing.message, /does not exist/);
    assert.equal(
      codeOf(() => Region.mapFile(folder)),
      'ERR_MEMORY_INVALID_ARGUMENT',
    );
    writeFileSync(path, '');
    assert.equal(
      codeOf(() => Region.mapFile(path)),
      'ERR_MEMORY_OUT_OF_RANGE',
    );
    writeFileSync(path, 'x'.repeat(100));
    assert.equal(
      codeOf(() => Region.mapFile(path, { length: 101 })),
      'ERR_MEMORY_OUT_OF_RANGE',
    );
    const { granularityBytes } = native.machineFacts();
    assert.equal(
      codeOf(() => Region.mapFile(path, { offset: granularityBytes / 2 })),
      'ERR_MEMORY_INVALID_ALIGNMENT',
    );
  }),

  'an offset of one granule': withFile(({ assert, Region, native }, path) => {
    const { granularityBytes } = native.machineFacts();
    const content = Buffer.alloc(granularityBytes + 10, 1);
    content[granularityBytes] = 42;
    writeFileSync(path, content);
    const region = Region.mapFile(path, { offset: granularityBytes });
    assert.deepEqual([region.byteLength, region.bytes[0], region.bytes[9]], [10, 42, 1]);
    region.free();
  }),

  'remap() lengthens a shared file, and protect() moves it': withFile((tools, path) => {
    const { assert, Region, codeOf, notes, windows } = tools;
    writeFileSync(path, Buffer.alloc(64 * KIB, 3));
    const region = Region.mapFile(path, { mode: 'shared' });
    const { bytes } = region;
    const grown = codeOf(() => region.remap('128KiB'));
    notes.fileRemap = grown;
    if (grown === 'none') {
      assert.deepEqual([bytes.length, region.bytes[5], region.byteLength], [0, 3, 128 * KIB]);
      assert.equal(statSync(path).size, 128 * KIB);
    } else {
      // Wine before 10 has the call that moves views in name only.
      assert.ok(windows && ['ERR_MEMORY_UNSUPPORTED', 'ERR_MEMORY_SYSCALL'].includes(grown), grown);
      assert.equal(region.bytes[5], 3);
    }
    const moved = codeOf(() => region.protect('read'));
    notes.fileProtect = moved;
    const copy = new Uint8Array(1);
    region.read(5, copy);
    assert.equal(copy[0], 3);
    region.free();
  }),

  'protect() of a file that ends inside a page': withFile((tools, path) => {
    const { assert, Region, codeOf, notes } = tools;
    writeFileSync(path, Buffer.alloc(5000, 3));
    const region = Region.mapFile(path, { mode: 'shared' });
    assert.equal(region.bytes[4999], 3);
    notes.partialProtect = codeOf(() => region.protect('read'));
    const copy = new Uint8Array(1);
    region.read(4999, copy);
    assert.equal(copy[0], 3);
    region.free();
  }),

  'a private copy under protect() and decommit()': withFile((tools, path) => {
    const { assert, Region, codeOf, notes } = tools;
    writeFileSync(path, Buffer.alloc(64 * KIB, 3));
    const region = Region.mapFile(path);
    region.bytes[5] = 4;
    notes.copyDecommit = codeOf(() => region.decommit());
    assert.equal(region.bytes[5], notes.copyDecommit === 'none' ? 3 : 4);
    region.bytes[5] = 4;
    notes.copyProtect = codeOf(() => region.protect('read'));
    const copy = new Uint8Array(1);
    region.read(5, copy);
    assert.equal(copy[0], 4);
    region.free();
    assert.equal(readFileSync(path)[5], 3);
  }),

  'a view that outlives its region does not end the process': withFile((tools, path) => {
    const { assert, Region, windows, isZero } = tools;
    writeFileSync(path, Buffer.alloc(64 * KIB, 3));
    const region = Region.mapFile(path, { mode: 'shared', carrier: 'shared' });
    const { bytes } = region;
    assert.equal(bytes[9], 3);
    region.free();
    if (bytes.length > 0) assert.ok(windows ? bytes[9] === 3 : isZero(bytes));
    assert.equal(readFileSync(path)[9], 3);
  }),

  'a file that shrinks below a view': withFile((tools, path) => {
    const { assert, Region, windows, codeOf, isZero, pageBytes } = tools;
    if (windows) return; // the system refuses to shrink it
    writeFileSync(path, Buffer.alloc(4 * pageBytes, 3));
    const region = Region.mapFile(path, { mode: 'shared' });
    const { bytes } = region;
    assert.equal(bytes[2 * pageBytes], 3);
    truncateSync(path, pageBytes);
    assert.ok(isZero(bytes.subarray(pageBytes)));
    assert.equal(bytes[1], 3);
    assert.equal(
      codeOf(() => region.zero()),
      'ERR_MEMORY_FAULTED',
    );
    assert.ok(region.faults > 0);
    region.free();
  }),

  'a file can be deleted when its views are gone': withFile(async (tools, path) => {
    const { Region, memory, settle } = tools;
    const start = memory.totals();
    writeFileSync(path, 'abc');
    const region = Region.mapFile(path, { mode: 'shared' });
    region.bytes[0] = 1;
    region.free();
    await settle({ regions: start.regions, retiredRanges: 0, quarantinedRanges: 0 });
    rmSync(path);
  }),
};
