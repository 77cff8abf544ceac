// The kernel's own weighted interleave, where its weights are those asked for; an emulation where they differ.
const { Region } = require('nebula-memory');
const { assert, MIB, own, test } = require('./harness.cjs');
const { expectPages, expectShares } = require('./where.cjs');

const BYTES = 16 * MIB;
const PAGES = BYTES / 4096;

test('weights equal to the kernel’s: its own policy is in force', () => {
  const region = own(Region.map(BYTES, { numa: { weighted: { 0: 3, 1: 1 } }, populate: true, strict: true }));
  assert.equal(region.placement.got.numaVerified, true);
  assert.deepEqual(expectShares(region, { 0: 3, 1: 1 }, PAGES), ['weighted interleave:0-1']);
  // Page by page and not in two pieces: every small window has pages of both nodes.
  const { nodes } = region.nodes({ offset: 0, length: 64 * 4096 });
  assert.ok(nodes.get(0) > 40 && nodes.get(1) > 8, JSON.stringify([...nodes]));
});

test('the same proportion in other numbers', () => {
  const region = own(Region.map(BYTES, { numa: { weighted: { 0: 6, 1: 2 } }, populate: true, strict: true }));
  assert.deepEqual(expectShares(region, { 0: 3, 1: 1 }, PAGES), ['weighted interleave:0-1']);
});

test('other weights are emulated', () => {
  const region = own(Region.map(BYTES, { numa: { weighted: { 0: 1, 1: 4 } }, populate: true, strict: true }));
  assert.equal(region.placement.got.numaVerified, true);
  assert.deepEqual(expectShares(region, { 0: 1, 1: 4 }, PAGES), ['prefer:0', 'prefer:1']);
});

test('bind, interleave and migrate work on this kernel too', () => {
  const bound = own(Region.map(BYTES, { numa: { bind: 1 }, populate: true, strict: true }));
  expectPages(bound, { 1: PAGES });
  assert.equal(bound.migrate(0), PAGES);
  expectPages(bound, { 0: PAGES });
  bound.free();
  const region = own(Region.map(BYTES, { numa: { interleave: 'all' }, populate: true }));
  expectShares(region, { 0: 1, 1: 1 }, PAGES);
});
