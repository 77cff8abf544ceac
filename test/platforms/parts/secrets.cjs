// Region.secret: what was obtained is what is reported.
const FLAGS = ['secretMemory', 'locked', 'excludedFromDump', 'guardPages', 'canary', 'zeroedOnFree'];

module.exports = {
  'a secret tells what guards it'({ assert, Region, notes, windows, isZero }) {
    const region = Region.secret(32);
    const { protection } = region;
    for (const flag of FLAGS) assert.equal(typeof protection[flag], 'boolean', flag);
    assert.ok(['wiped', 'excluded', 'inherited'].includes(protection.fork));
    assert.ok(protection.guardPages && protection.canary && protection.zeroedOnFree);
    if (windows) assert.equal(protection.secretMemory, false);
    for (const { code, reason } of protection.fallbacks) assert.ok(code.startsWith('ERR_MEMORY_') && reason !== '');
    notes.secret = [...FLAGS.filter((flag) => protection[flag]), `fork ${protection.fork}`].join(' ');
    assert.ok(isZero(region.bytes));
    crypto.getRandomValues(region.bytes);
    const { bytes } = region;
    region.free();
    assert.equal(bytes.length, 0);
  },

  'protect() and read()'({ assert, Region, codeOf, isZero }) {
    const region = Region.secret(100);
    const { bytes } = region;
    bytes.fill(7);
    region.protect('read');
    assert.equal(bytes.length, 0);
    const copy = new Uint8Array(100);
    region.read(0, copy);
    assert.deepEqual([copy[0], copy[99]], [7, 7]);
    region.protect('none');
    assert.equal(
      codeOf(() => region.read(0, copy)),
      'ERR_MEMORY_INVALID_STATE',
    );
    region.protect('readwrite');
    assert.equal(region.bytes[99], 7);
    region.zero();
    assert.ok(isZero(region.bytes));
    region.free();
  },

  'a protected secret is freed'({ assert, Region, memory }) {
    const { regions } = memory.totals();
    const region = Region.secret(5000);
    region.write(0, Uint8Array.of(1));
    region.protect('none');
    region.free();
    assert.equal(memory.totals().regions, regions);
  },

  'strict gives everything or nothing'({ assert, Region, codeOf, notes }) {
    const code = codeOf(() => Region.secret(32, { strict: true }).free());
    notes.strictSecret = code;
    assert.ok(code === 'none' || code.startsWith('ERR_MEMORY_'));
  },
};
