// Files on persistent memory, mapped with MAP_SYNC.
const { readFileSync, writeFileSync } = require('node:fs');
const { Region } = require('nebula-memory');
const { assert, MIB, own, test } = require('./harness.cjs');

/** VmFlags of the mapping of this file, as the kernel prints them. */
function flagsOf(path) {
  let inside = false;
  for (const line of readFileSync('/proc/self/smaps', 'latin1').split('\n')) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) inside = line.endsWith(path);
    else if (inside && line.startsWith('VmFlags:')) return line.split(/\s+/).slice(1);
  }
  return [];
}

test('the file system is mounted with dax', () => {
  assert.match(readFileSync('/proc/mounts', 'utf8'), /^\/dev\/pmem0 \/pmem ext4 \S*dax=always/m);
});

test('sync: true maps with MAP_SYNC and the bytes reach the file', () => {
  const path = '/pmem/synced';
  const region = own(Region.mapFile(path, { mode: 'shared', create: true, length: 4 * MIB, sync: true, strict: true }));
  assert.deepEqual(region.placement.fallbacks, []);
  assert.ok(flagsOf(path).includes('sf'), `VmFlags ${flagsOf(path)}`);
  region.bytes.fill(5);
  region.bytes[4 * MIB - 1] = 6;
  region.flush();
  const file = readFileSync(path);
  assert.equal(file.length, 4 * MIB);
  assert.deepEqual([file[0], file[4 * MIB - 1]], [5, 6]);
});

test('without sync there is no MAP_SYNC', () => {
  const path = '/pmem/plain';
  writeFileSync(path, Buffer.alloc(MIB));
  const region = own(Region.mapFile(path, { mode: 'shared' }));
  assert.ok(!flagsOf(path).includes('sf'));
  region.bytes[0] = 1;
});

test('an existing file grows under MAP_SYNC and is seen again', async () => {
  const path = '/pmem/grown';
  writeFileSync(path, 'hello');
  const region = own(Region.mapFile(path, { mode: 'shared', length: MIB, grow: true, sync: true }));
  region.bytes[MIB - 1] = 42;
  await region.flushAsync();
  const again = own(Region.mapFile(path, { mode: 'shared', sync: true }));
  assert.equal(again.byteLength, MIB);
  assert.equal(Buffer.from(again.bytes.subarray(0, 5)).toString(), 'hello');
  assert.equal(again.bytes[MIB - 1], 42);
});

test('sync on a file system without dax is refused', () => {
  const path = '/tmp/no-dax';
  assert.throws(
    () => Region.mapFile(path, { mode: 'shared', create: true, length: MIB, sync: true, strict: true }).free(),
    (error) => /^ERR_MEMORY_/.test(error.code),
  );
});
