// Pools of huge pages that stand on some nodes only.
const { readFileSync } = require('node:fs');
const { memory, Region } = require('nebula-memory');
const { assert, machine, MIB, own, test, thrown } = require('./harness.cjs');
const { placedPages, plain } = require('./where.cjs');

const HUGE = 2 * MIB;
const poolFile = (node, name) => `/sys/devices/system/node/node${node}/hugepages/hugepages-2048kB/${name}`;
const count = (node, name) => Number(readFileSync(poolFile(node, name), 'utf8'));
const NODES = machine.nodes.map((_, id) => id);
const WITH = NODES.filter((node) => count(node, 'nr_hugepages') > 0);
const WITHOUT = NODES.filter((node) => !WITH.includes(node));

test('hugePages() and topology() list each node’s pool', () => {
  const pool = memory.hugePages().pools.find(({ pageBytes }) => pageBytes === HUGE);
  assert.ok(WITH.length > 0 && WITHOUT.length > 0);
  assert.equal(pool.total, NODES.reduce((sum, node) => sum + count(node, 'nr_hugepages'), 0)); // biome-ignore format: one sum
  for (const node of NODES) {
    const expected = { total: count(node, 'nr_hugepages'), free: count(node, 'free_hugepages'), surplus: 0 };
    assert.deepEqual(pool.nodes[node], { node, ...expected });
    const own = memory.topology().nodes[node].hugePages.find(({ pageBytes }) => pageBytes === HUGE);
    assert.deepEqual(own, { pageBytes: HUGE, ...expected });
  }
});

for (const node of WITH) {
  for (const kind of ['map', 'shared']) {
    test(`${kind}: huge pages of node ${node}`, () => {
      const free = count(node, 'free_hugepages');
      const region = own(Region[kind](2 * HUGE, { pages: '2MiB', numa: { bind: node }, populate: true, strict: true }));
      const { got } = region.placement;
      assert.equal(got.pages, '2MiB');
      assert.equal(got.numaVerified, true);
      assert.deepEqual(plain(region.nodes().nodes), { [node]: 2 });
      assert.deepEqual(plain(placedPages().pages), { [node]: 2 });
      assert.equal(count(node, 'free_hugepages'), free - 2);
    });
  }
}

for (const node of WITHOUT) {
  for (const kind of ['map', 'shared']) {
    test(`${kind}: node ${node} has no huge pages: strict throws, otherwise it is reported`, () => {
      const options = { pages: '2MiB', numa: { bind: node }, populate: true };
      const error = thrown('ERR_MEMORY_NUMA_UNAVAILABLE', () => Region[kind](HUGE, { ...options, strict: true }));
      assert.match(error.message, /numa bind/);
      const region = own(Region[kind](HUGE, options));
      assert.equal(region.placement.got.numaVerified, false);
      assert.ok(region.placement.fallbacks.length > 0);
      region.bytes.fill(1);
    });
  }
}

test('more than all pools hold falls back with the reason', () => {
  const total = WITH.reduce((sum, node) => sum + count(node, 'nr_hugepages'), 0);
  const region = own(Region.map((total + 1) * HUGE, { pages: '2MiB' }));
  const { got, fallbacks } = region.placement;
  assert.notEqual(got.pages, '2MiB');
  assert.equal(fallbacks[0].code, 'ERR_MEMORY_HUGE_PAGES_UNAVAILABLE');
});
