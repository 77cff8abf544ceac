// Pages lie on the nodes that every policy asks for; migration moves them.
const { rmSync } = require('node:fs');
const { memory, numa, Region } = require('nebula-memory');
const { assert, machine, MIB, own, test, thrown } = require('./harness.cjs');
const { expectPages, expectShares, placedPages } = require('./where.cjs');

const NODES = machine.nodes.map((_, id) => id);
const WITH_CPU = NODES.filter((id) => machine.nodes[id].cpus.length > 0);
const LAST = NODES.at(-1);
const BYTES = 4 * MIB;
const PAGES = BYTES / 4096;
const PAIRS = NODES.length > 2 ? [[0, 1], [1, 2], [0, 2, 3]] : [[0, 1]]; // biome-ignore format: a table

function verified(region, text) {
  const { got, fallbacks } = region.placement;
  assert.deepEqual(fallbacks, []);
  assert.equal(got.numa, text);
  assert.equal(got.numaVerified, true);
  assert.equal(got.populated, true);
  assert.equal(region.nodes().absentPages, 0);
}

for (const node of NODES) {
  test(`bind ${node}`, () => {
    const region = own(Region.map(BYTES, { numa: { bind: node }, populate: true, strict: true }));
    verified(region, `bind ${node}`);
    assert.deepEqual(expectPages(region, { [node]: PAGES }), [`prefer:${node}`]);
  });

  test(`bind ${node}, strict alone populates`, () => {
    const region = own(Region.map(BYTES, { numa: { bind: [node] }, strict: true }));
    verified(region, `bind ${node}`);
    expectPages(region, { [node]: PAGES });
  });

  test(`preferred ${node}`, () => {
    const region = own(Region.map(BYTES, { numa: { preferred: node }, populate: true }));
    verified(region, `preferred ${node}`);
    assert.deepEqual(expectPages(region, { [node]: PAGES }), [`prefer:${node}`]);
  });

  test(`bind ${node} is in force before the first touch`, () => {
    const region = own(Region.map(BYTES, { numa: { bind: node } }));
    assert.equal(region.placement.got.numaVerified, false);
    assert.equal(region.nodes().absentPages, PAGES);
    region.bytes.fill(1);
    expectPages(region, { [node]: PAGES });
  });

  test(`shared memory on node ${node}`, () => {
    const region = own(Region.shared(BYTES, { numa: { bind: node }, populate: true, strict: true }));
    verified(region, `bind ${node}`);
    expectPages(region, { [node]: PAGES });
  });
}

test('named shared memory', () => {
  const region = own(Region.shared(BYTES, { name: 'lab', numa: { bind: LAST }, populate: true, strict: true }));
  Region.unlink('lab');
  expectPages(region, { [LAST]: PAGES });
});

test('a shared file on tmpfs', () => {
  const path = '/dev/shm/placed';
  const options = { mode: 'shared', create: true, length: BYTES, numa: { bind: LAST }, populate: true, strict: true };
  const region = own(Region.mapFile(path, options));
  rmSync(path);
  expectPages(region, { [LAST]: PAGES });
});

for (const nodes of PAIRS) {
  const list = nodes.join(',');
  const even = Object.fromEntries(nodes.map((node) => [node, 1]));

  test(`preferredMany ${list}`, () => {
    const region = own(Region.map(BYTES, { numa: { preferredMany: nodes }, populate: true }));
    verified(region, `preferredMany ${list}`);
    const { pages, policies } = placedPages();
    assert.ok([...pages.keys()].every((node) => nodes.includes(node)));
    assert.ok(policies.length === 1 && policies[0].startsWith('prefer (many):'), String(policies));
  });

  test(`bind ${list}`, () => {
    const region = own(Region.map(BYTES, { numa: { bind: nodes }, populate: true, strict: true }));
    verified(region, `bind ${list}`);
    assert.ok([...placedPages().pages.keys()].every((node) => nodes.includes(node)));
  });

  test(`interleave ${list}`, () => {
    const region = own(Region.map(BYTES, { numa: { interleave: nodes }, populate: true }));
    verified(region, `interleave ${list}`);
    const policies = expectShares(region, even, PAGES);
    assert.ok(policies.length === 1 && policies[0].startsWith('interleave:'), String(policies));
  });

  test(`weighted, ${list}`, () => {
    const weights = Object.fromEntries(nodes.map((node, i) => [node, [5, 2, 1][i]]));
    const region = own(Region.map(BYTES, { numa: { weighted: weights }, populate: true }));
    const text = nodes.map((node) => `${node}:${weights[node]}`).join(',');
    verified(region, `weighted ${text}`);
    expectShares(region, weights, PAGES);
  });
}

test('interleave all', () => {
  const region = own(Region.map(BYTES, { numa: { interleave: 'all' }, populate: true }));
  verified(region, 'interleave all');
  expectShares(region, Object.fromEntries(NODES.map((node) => [node, 1])), PAGES);
});

for (const node of WITH_CPU) {
  test(`local on a thread pinned to node ${node}`, () => {
    numa.runOn(node);
    try {
      assert.equal(numa.current().node, node);
      const region = own(Region.map(BYTES, { numa: 'local', populate: true }));
      assert.deepEqual(expectPages(region, { [node]: PAGES }), ['local']);
    } finally {
      numa.runOn(null);
    }
  });
}

for (const node of NODES.slice(1)) {
  test(`migrate from node 0 to ${node} and back in part`, () => {
    const region = own(Region.map(BYTES, { numa: { preferred: 0 }, populate: true }));
    region.bytes.fill(7);
    expectPages(region, { 0: PAGES });
    assert.equal(region.migrate(node), PAGES);
    expectPages(region, { [node]: PAGES });
    assert.equal(region.migrate(0, { offset: 0, length: BYTES / 4 }), PAGES / 4);
    expectPages(region, { 0: PAGES / 4, [node]: PAGES - PAGES / 4 });
    assert.ok(region.bytes.every((byte) => byte === 7));
  });

  test(`bind with move takes present pages to node ${node}`, () => {
    const region = own(Region.map(BYTES, { numa: { preferred: 0 }, populate: true }));
    region.bind({ bind: node });
    expectPages(region, { 0: PAGES });
    region.bind({ bind: node }, { move: true });
    expectPages(region, { [node]: PAGES });
  });
}

test('each half of a region on a node of its own', () => {
  const region = own(Region.map(BYTES));
  region.bind({ bind: 0 }, { offset: 0, length: BYTES / 2 });
  region.bind({ bind: LAST }, { offset: BYTES / 2, length: BYTES / 2 });
  region.populate();
  expectPages(region, { 0: PAGES / 2, [LAST]: PAGES / 2 });
  assert.deepEqual([...region.nodes({ offset: 0, length: BYTES / 2 }).nodes], [[0, PAGES / 2]]);
});

test('transparent huge pages lie on the node asked for', () => {
  const region = own(Region.map(BYTES, { pages: 'thp', numa: { bind: LAST }, populate: true, strict: true }));
  verified(region, `bind ${LAST}`);
  expectPages(region, { [LAST]: PAGES });
  assert.ok(region.pageStats().hugeBytes > 0);
});

test('a node that is not there', () => {
  const absent = NODES.length;
  for (const spec of [
    { bind: absent },
    { preferred: absent },
    { interleave: [0, absent] },
    { weighted: { [absent]: 1 } },
  ]) {
    thrown('ERR_MEMORY_NUMA_UNAVAILABLE', () => Region.map(BYTES, { numa: spec }));
  }
  const region = own(Region.map(BYTES, { populate: true }));
  thrown('ERR_MEMORY_NUMA_UNAVAILABLE', () => region.migrate(absent));
  thrown('ERR_MEMORY_NUMA_UNAVAILABLE', () => region.bind({ bind: absent }));
});

test('capabilities tell that placement works', () => {
  assert.equal(memory.topology().numa.available, true);
});
