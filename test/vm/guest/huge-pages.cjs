// Pools of both sizes on one node.
const { readFileSync } = require('node:fs');
const { memory, Region } = require('nebula-memory');
const { assert, machine, MIB, own, test, thrown } = require('./harness.cjs');

const BYTES = { '2MiB': 2 * MIB, '1GiB': 1024 * MIB };
const folder = (size) => `/sys/kernel/mm/hugepages/hugepages-${BYTES[size] / 1024}kB`;
const count = (size, name) => Number(readFileSync(`${folder(size)}/${name}`, 'utf8'));
const sizes = Object.keys(machine.pools);

test('hugePages() reports the pools that the kernel was booted with', () => {
  for (const size of sizes) {
    const pool = memory.hugePages().pools.find(({ pageBytes }) => pageBytes === BYTES[size]);
    assert.equal(pool.total, machine.pools[size], size);
    assert.equal(pool.free, machine.pools[size], size);
  }
  const { hugePages2MiB, hugePages1GiB } = memory.capabilities();
  assert.equal(hugePages2MiB.available, true);
  assert.equal(hugePages1GiB.available, true);
});

// The kernel clears a page of 1 GiB when it is taken, seconds under emulation: few are.
for (const size of sizes) {
  for (const kind of ['map', 'shared']) {
    test(`${kind}: a page of ${size}, given back to the pool by free()`, () => {
      const region = own(Region[kind](BYTES[size], { pages: size, strict: true }));
      const { got } = region.placement;
      assert.deepEqual([got.pages, got.pageBytes, got.populated], [size, BYTES[size], true]);
      assert.equal(region.pageStats().hugetlbBytes, BYTES[size]);
      assert.equal(count(size, 'free_hugepages'), machine.pools[size] - 1);
      region.window(BYTES[size] - 1, 1)[0] = 9;
      region.free();
      assert.equal(count(size, 'free_hugepages'), machine.pools[size]);
    });
  }
}

test('huge takes the largest page that the request fills; then the pool is empty and the next size is taken', () => {
  const large = own(Region.map(BYTES['1GiB'], { pages: 'huge' }));
  assert.equal(large.placement.got.pages, '1GiB');
  assert.equal(own(Region.map(4 * MIB, { pages: 'huge' })).placement.got.pages, '2MiB');
  const next = own(Region.map(4 * MIB, { pages: '1GiB' })).placement;
  assert.equal(next.got.pages, '2MiB');
  assert.equal(next.fallbacks[0].code, 'ERR_MEMORY_HUGE_PAGES_UNAVAILABLE');
  assert.match(next.fallbacks[0].reason, /0 free of 1/);
  thrown('ERR_MEMORY_HUGE_PAGES_UNAVAILABLE', () => Region.map(4 * MIB, { pages: '1GiB', strict: true }));
});

test('more 2 MiB pages than there are: nothing is taken from the pool', () => {
  const bytes = (machine.pools['2MiB'] + 1) * BYTES['2MiB'];
  thrown('ERR_MEMORY_HUGE_PAGES_UNAVAILABLE', () => Region.map(bytes, { pages: '2MiB', strict: true }));
  assert.equal(count('2MiB', 'free_hugepages'), machine.pools['2MiB']);
  const region = own(Region.map(bytes, { pages: '2MiB', populate: true }));
  assert.equal(region.placement.got.pages, 'thp');
});
