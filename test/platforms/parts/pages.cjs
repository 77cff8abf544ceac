// Calls on the pages of a region, and those that move it to other addresses.
const KIB = 1024;

module.exports = {
  'decommit() gives back whole pages, which read zeros'({ assert, Region, pageBytes, isZero }) {
    const region = Region.map('1MiB');
    const { bytes } = region;
    bytes.fill(5);
    assert.equal(region.decommit({ offset: 1, length: 3 * 64 * KIB - 1 }), 3 * 64 * KIB - pageBytes);
    assert.equal(bytes[0], 5);
    assert.ok(isZero(bytes.subarray(pageBytes, 3 * 64 * KIB)));
    assert.equal(bytes[3 * 64 * KIB], 5);
    bytes[pageBytes] = 6;
    assert.equal(bytes[pageBytes], 6);
    region.free();
  },

  'zero(), read() and write()'({ assert, Region, isZero, codeOf }) {
    const region = Region.map('64KiB');
    region.write(10, Uint8Array.of(1, 2, 3));
    const copy = new Uint8Array(3);
    region.read(10, copy);
    assert.deepEqual([...copy], [1, 2, 3]);
    region.zero();
    assert.ok(isZero(region.bytes));
    assert.equal(
      codeOf(() => region.read(64 * KIB - 2, copy)),
      'ERR_MEMORY_OUT_OF_RANGE',
    );
    region.free();
  },

  'residency() tells what was populated'({ assert, Region, pageBytes, emulated, windows }) {
    // An emulator ignores the advice to populate, and answers in pages of the machine below it.
    if (emulated && !windows && pageBytes !== 4096) return;
    const region = Region.map('1MiB');
    region.populate();
    if (emulated) region.bytes.fill(1);
    const { residentBytes, pages, pageBytes: told } = region.residency();
    assert.deepEqual([residentBytes, pages.length, told], [1024 * KIB, (1024 * KIB) / pageBytes, pageBytes]);
    const part = region.residency({ offset: 5, length: pageBytes });
    assert.equal(part.pages.length, 2);
    region.free();
  },

  'lock() or the reason why not'({ assert, Region, codeOf, notes }) {
    const region = Region.map('64KiB', { lock: true });
    const { got, fallbacks } = region.placement;
    assert.equal(got.locked, fallbacks.length === 0);
    notes.locked = got.locked;
    if (got.locked) {
      assert.equal(
        codeOf(() => region.decommit()),
        'ERR_MEMORY_INVALID_STATE',
      );
      region.unlock();
      region.decommit();
    }
    region.free();
  },

  'every word of advise() works or says why not'({ assert, Region, native, notes, codeOf }) {
    const refused = [];
    for (const advice of native.ADVICE) {
      const region = Region.map('64KiB');
      region.bytes.fill(1);
      const code = codeOf(() => region.advise(advice));
      if (code !== 'none') refused.push(advice);
      assert.ok(['none', 'ERR_MEMORY_UNSUPPORTED', 'ERR_MEMORY_SYSCALL'].includes(code), `${advice}: ${code}`);
      if (advice === 'dontneed' && code === 'none') assert.equal(region.bytes[100], 0);
      else if (advice !== 'free') assert.equal(region.bytes[100], 1, advice);
      region.free();
    }
    notes.refusedAdvice = refused.join(' ');
  },

  'protect() takes the views away and keeps the bytes'({ assert, Region, codeOf }) {
    const region = Region.map('64KiB');
    const { bytes } = region;
    bytes[5] = 55;
    region.protect('read');
    assert.equal(bytes.length, 0);
    assert.equal(
      codeOf(() => region.bytes),
      'ERR_MEMORY_INVALID_STATE',
    );
    assert.equal(
      codeOf(() => region.write(0, Uint8Array.of(1))),
      'ERR_MEMORY_INVALID_STATE',
    );
    const copy = new Uint8Array(1);
    region.read(5, copy);
    assert.equal(copy[0], 55);
    region.protect('none');
    assert.equal(
      codeOf(() => region.read(5, copy)),
      'ERR_MEMORY_INVALID_STATE',
    );
    region.protect('readwrite');
    assert.equal(region.bytes[5], 55);
    region.free();
  },

  'protect() under a shared view: it reads zeros'({ assert, Region, isZero }) {
    const region = Region.map('64KiB', { carrier: 'shared' });
    const { bytes } = region;
    bytes.fill(8);
    region.protect('none');
    assert.ok(isZero(bytes));
    if (bytes.length > 0) bytes.fill(1);
    region.protect('readwrite');
    assert.equal(region.bytes[100], 8);
    region.free();
  },

  'remap() keeps the bytes, with and without views'({ assert, Region, isZero }) {
    for (const seen of [false, true]) {
      for (const carrier of ['local', 'shared']) {
        const region = Region.map('64KiB', { carrier });
        region.write(0, Uint8Array.of(1, 2, 3));
        const old = seen ? region.bytes : undefined;
        region.remap('1MiB');
        assert.equal(region.byteLength, 1024 * KIB);
        if (old !== undefined && carrier === 'local') assert.equal(old.length, 0);
        assert.ok(old === undefined || isZero(old));
        assert.deepEqual([...region.bytes.subarray(0, 4)], [1, 2, 3, 0]);
        assert.ok(isZero(region.bytes.subarray(64 * KIB)));
        region.bytes[1024 * KIB - 1] = 1;
        region.remap(100);
        assert.deepEqual([...region.bytes.subarray(0, 3), region.bytes.length], [1, 2, 3, 100]);
        region.free();
      }
    }
  },

  'an aligned or guarded region moves too'({ assert, Region }) {
    const region = Region.map('128KiB', { guard: true });
    region.bytes[7] = 77;
    region.protect('read');
    region.protect('readwrite');
    assert.equal(region.bytes[7], 77);
    region.remap('256KiB');
    assert.equal(region.bytes[7], 77);
    region.free();
  },
};
