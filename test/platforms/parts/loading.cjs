// Which binary was loaded, and what it says of the machine.
const { readFileSync } = require('node:fs');
const { join, sep } = require('node:path');

const target = `${process.platform}-${process.arch}`;

module.exports = {
  'the prebuilt binary of this platform and no other'({ assert, memory, package: root }) {
    memory.totals();
    const loaded = Object.keys(require.cache).filter((file) => file.endsWith('.node'));
    assert.deepEqual(loaded, [join(root, 'prebuilds', target, 'nebula-memory.node')]);
    assert.ok(loaded[0].includes(`node_modules${sep}nebula-memory${sep}`));
  },

  'it was built from the sources that the manifest names'({ assert, native, package: root }) {
    const manifest = JSON.parse(readFileSync(join(root, 'prebuilds', 'manifest.json'), 'utf8'));
    assert.equal(native.machineFacts().sourceHash, manifest.targets[target].sourceHash);
  },

  'page size and granularity are those of the system'({ assert, native, pageBytes, windows, notes }) {
    const facts = native.machineFacts();
    assert.equal(facts.pageBytes, pageBytes);
    assert.equal(facts.granularityBytes, windows ? 65536 : pageBytes);
    assert.equal(facts.platform, windows ? 'windows' : 'linux');
    notes.carrier = native.native().sharedCarrier();
    notes.atomicTombstone = facts.atomicTombstone;
    notes.hugeBytes = facts.defaultHugeBytes;
  },
};
