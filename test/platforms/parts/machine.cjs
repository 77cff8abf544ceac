// What the package says of the machine and the process: it may know little, and never throws.
module.exports = {
  'capabilities() has an answer for everything'({ assert, memory, notes }) {
    const found = memory.capabilities();
    const names = Object.keys(found);
    assert.ok(names.length > 20);
    for (const name of names) {
      const { available, reason, fix, code } = found[name];
      assert.equal(typeof available, 'boolean');
      assert.ok(reason.length > 0 && typeof fix === 'string');
      if (!available) assert.match(code, /^ERR_MEMORY_/);
    }
    if (!found.lock.available) notes.noLock = found.lock.reason;
    notes.lacks = names.filter((name) => !found[name].available).join(' ');
  },

  'what is reported as available works, and the other way round'({ assert, memory, Region, codeOf, windows }) {
    const found = memory.capabilities();
    const named = codeOf(() => Region.shared(4096, { name: `nebula-cap-${process.pid}` }).free());
    assert.equal(named === 'none', found.namedShared.available);
    if (named === 'none' && !windows) Region.unlink(`nebula-cap-${process.pid}`);
    const region = Region.map('64KiB');
    region.populate();
    // Without the call the nodes may still be read from /proc.
    if (found.numaQuery.available)
      assert.equal(
        codeOf(() => region.nodes()),
        'none',
      );
    assert.equal(codeOf(() => region.lock()) === 'none', found.lock.available);
    region.free();
  },

  'topology()'({ assert, memory, notes }) {
    const { nodes, source, totalMemoryBytes } = memory.topology();
    assert.ok(nodes.length >= 1);
    notes.topology = `${source}, ${nodes.length} node(s), ${totalMemoryBytes === null ? 'size unknown' : 'size known'}`;
  },

  'limits()'({ assert, memory, notes }) {
    const { effectiveBytes, availableBytes, detail } = memory.limits();
    for (const bytes of [effectiveBytes, availableBytes]) assert.ok(bytes === null || bytes > 0);
    notes.limits = effectiveBytes === null ? detail : 'known';
  },

  'hugePages(), pressure() and processMemory()'({ assert, memory }) {
    assert.ok(Array.isArray(memory.hugePages().pools));
    assert.equal(typeof memory.pressure(), 'object');
    const { rssBytes, breakdown } = memory.processMemory();
    assert.ok(rssBytes >= 0 && breakdown.heapBytes >= 0);
  },

  'numa.current() and runOn()'({ assert, numa, codeOf, notes }) {
    notes.current = codeOf(() => numa.current());
    if (notes.current === 'none') assert.ok(numa.current().cpu >= 0);
    notes.runOn = codeOf(() => numa.runOn(null));
    for (const code of [notes.current, notes.runOn]) assert.ok(code === 'none' || code === 'ERR_MEMORY_UNSUPPORTED');
  },

  'placement on node 0, or the reason why not'({ assert, Region, notes }) {
    const region = Region.map('256KiB', { numa: { preferred: 0 }, populate: true });
    const { got, fallbacks } = region.placement;
    assert.equal(got.numa === null, fallbacks.length > 0);
    notes.numa = got.numa ?? fallbacks[0].reason;
    region.free();
  },

  'pageStats() or the reason why not'({ assert, Region, codeOf, notes }) {
    const region = Region.map('64KiB');
    notes.pageStats = codeOf(() => region.pageStats());
    assert.ok(['none', 'ERR_MEMORY_UNSUPPORTED'].includes(notes.pageStats));
    region.free();
  },

  'totals() and quarantine times'({ assert, memory, codeOf }) {
    for (const [key, value] of Object.entries(memory.totals())) assert.ok(Number.isSafeInteger(value), key);
    memory.configureQuarantine({ idle: '1s', busy: '10min' });
    assert.equal(
      codeOf(() => memory.configureQuarantine({ idle: 'soon' })),
      'ERR_MEMORY_INVALID_ARGUMENT',
    );
  },
};
