// Region.map: life, views, what is left of them.
const { promisify } = require('node:util');
const { deflate, inflateSync } = require('node:zlib');

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

module.exports = {
  'zeros of the length asked for, whole pages of them'({ assert, Region, memory, pageBytes, isZero }) {
    const before = memory.totals();
    const region = Region.map(5000);
    assert.equal(region.byteLength, 5000);
    assert.equal(region.bytes.length, 5000);
    assert.ok(isZero(region.bytes));
    assert.equal(memory.totals().mappedBytes - before.mappedBytes, Math.ceil(5000 / pageBytes) * pageBytes);
    assert.equal(memory.totals().regions - before.regions, 1);
    region.bytes.fill(7);
    region.free();
    assert.equal(memory.totals().regions, before.regions);
  },

  'free() empties every view; each later call says so'({ assert, Region, codeOf }) {
    const region = Region.map('1MiB');
    const { bytes, buffer } = region;
    const words = new Float64Array(buffer, 8, 4);
    bytes[100] = 1;
    region.free();
    assert.deepEqual([bytes.length, words.length, buffer.byteLength, region.byteLength], [0, 0, 0, 0]);
    assert.equal(region.state, 'freed');
    assert.equal(
      codeOf(() => region.free()),
      'ERR_MEMORY_DOUBLE_FREE',
    );
    for (const call of [() => region.bytes, () => region.zero(), () => region.residency(), () => region.pin()]) {
      assert.equal(codeOf(call), 'ERR_MEMORY_FREED');
    }
    region[Symbol.dispose]?.();
  },

  'a buffer that was transferred away reads zeros after free()'({ assert, Region, isZero }) {
    const region = Region.map('256KiB');
    region.bytes.fill(9);
    if (typeof ArrayBuffer.prototype.transfer !== 'function') return region.free(); // Node.js 20
    const moved = new Uint8Array(region.buffer.transfer());
    assert.equal(moved[1000], 9);
    region.free();
    assert.ok(isZero(moved));
    moved.fill(1); // goes nowhere
    return undefined;
  },

  'a shared view reads zeros after free()'({ assert, Region, isZero, notes, native }) {
    const region = Region.map('256KiB', { carrier: 'shared' });
    const { bytes } = region;
    bytes.fill(9);
    region.free();
    assert.ok(isZero(bytes));
    if (bytes.length > 0) bytes.fill(1);
    notes.sharedView = native.native().sharedCarrier() === 0 ? 'ArrayBuffer' : 'SharedArrayBuffer';
  },

  '1 GiB untouched costs next to nothing'({ assert, Region, memory }) {
    const before = process.memoryUsage.rss();
    const region = Region.map('1GiB', { carrier: 'shared' });
    assert.equal(region.byteLength, GIB);
    const { bytes } = region;
    bytes[0] = 1;
    bytes[GIB - 1] = 2;
    assert.deepEqual([bytes[0], bytes[GIB / 2], bytes[GIB - 1]], [1, 0, 2]);
    assert.ok(process.memoryUsage.rss() - before < 64 * MIB);
    assert.ok(memory.totals().mappedBytes >= GIB);
    region.free();
    assert.ok(process.memoryUsage.rss() - before < 96 * MIB);
  },

  'a size beyond the machine is an error'({ assert, Region, codeOf }) {
    assert.ok(['ERR_MEMORY_OUT_OF_MEMORY', 'ERR_MEMORY_TOO_LARGE'].includes(codeOf(() => Region.map(2 ** 52))));
  },

  'thousands of regions come and go'({ assert, Region, memory }) {
    const { regions } = memory.totals();
    const kept = Array.from({ length: 500 }, (_, i) => {
      const region = Region.map(4096);
      if (i % 2 === 0) region.bytes[0] = 1;
      return region;
    });
    for (const region of kept) region.free();
    for (let i = 0; i < 1000; i++) Region.map('64KiB').free();
    assert.equal(memory.totals().regions, regions);
  },

  'native work under use() keeps the region'({ assert, Region, codeOf }) {
    const region = Region.map('1MiB');
    region.bytes.fill(65);
    const done = region.use((bytes) => promisify(deflate)(bytes));
    assert.equal(
      codeOf(() => region.free()),
      'ERR_MEMORY_IN_USE',
    );
    return done.then((packed) => {
      region.free();
      assert.equal(inflateSync(packed).length, MIB);
    });
  },

  'native work on a region that is freed meanwhile ends well'({ Region }) {
    const region = Region.map('4MiB');
    region.bytes.fill(65);
    const done = promisify(deflate)(region.bytes);
    region.free();
    return done;
  },

  'guard pages stand around the bytes'({ assert, Region, isZero }) {
    const region = Region.map('128KiB', { guard: true });
    assert.ok(isZero(region.bytes));
    region.bytes.fill(3);
    region.free();
  },

  'huge pages, or the reason why not'({ assert, Region, codeOf, notes, isZero }) {
    const region = Region.map('4MiB', { pages: 'huge' });
    const { got, fallbacks } = region.placement;
    notes.huge = got.pages;
    if (got.pages !== '2MiB') assert.ok(fallbacks.length > 0);
    for (const { wanted, code, reason } of fallbacks) {
      assert.match(code, /^ERR_MEMORY_/);
      assert.ok(wanted !== '' && reason !== '');
    }
    notes.hugeReason = fallbacks[0]?.reason;
    assert.ok(isZero(region.bytes.subarray(0, 4096)));
    region.bytes[4 * MIB - 1] = 1;
    region.free();
    const strict = codeOf(() => Region.map('4MiB', { pages: '2MiB', strict: true }).free());
    if (fallbacks.length > 0) assert.notEqual(strict, 'none');
  },

  'a worker that is terminated takes its regions with it'({ assert, memory, worker, settle }) {
    const { regions } = memory.totals();
    const running = worker((nebula, _data, post) => {
      const region = nebula.Region.map('1MiB', { carrier: 'shared' });
      region.bytes[0] = 1;
      globalThis.kept = region;
      post(region.handle);
      setInterval(() => undefined, 1000);
    });
    return running.next().then(async () => {
      assert.equal(memory.totals().regions, regions + 1);
      await running.worker.terminate();
      await settle({ regions });
    });
  },
};
