// A node that is full gives an error or a report. The kernel's own bind policy would kill, as the twin shows.
const { spawnSync } = require('node:child_process');
const { writeFileSync } = require('node:fs');
const { memory, Region } = require('nebula-memory');
const { assert, machine, MIB, own, test, thrown } = require('./harness.cjs');

const smallest = Math.min(...machine.nodes.map(({ mib }) => mib));
const NODE = machine.nodes.findLastIndex(({ mib }) => mib === smallest);
const freeBytes = () => memory.topology().nodes[NODE].freeBytes;
const tooMuch = () => freeBytes() + 24 * MIB;

// Fills the node but for 32 MiB, once, so that each test has little left to fill. Held to the end.
const ballast = Region.map(freeBytes() - 32 * MIB, { numa: { bind: NODE }, populate: true, strict: true });

test('strict bind throws', () => {
  const bytes = tooMuch();
  const error = thrown('ERR_MEMORY_NUMA_UNAVAILABLE', () => Region.map(bytes, { numa: { bind: NODE }, strict: true }));
  assert.match(error.message, new RegExp(`node ${NODE} `));
  const options = { numa: { bind: NODE }, populate: true, strict: true };
  thrown('ERR_MEMORY_NUMA_UNAVAILABLE', () => Region.shared(bytes, options));
});

test('bind that populates reports what is missing', () => {
  const bytes = tooMuch();
  const region = own(Region.map(bytes, { numa: { bind: NODE }, populate: true }));
  const { got, fallbacks } = region.placement;
  assert.equal(got.populated, true);
  assert.equal(got.numaVerified, false);
  assert.ok(
    fallbacks.some(({ wanted, code }) => wanted === `numa bind ${NODE}` && code === 'ERR_MEMORY_NUMA_UNAVAILABLE'),
  );
  const { nodes, absentPages } = region.nodes();
  assert.equal(absentPages, 0);
  assert.ok((nodes.get(NODE) ?? 0) < Math.ceil(bytes / 4096), 'some pages lie elsewhere');
});

test('bind that is touched later lives', () => {
  const region = own(Region.map(tooMuch(), { numa: { bind: NODE } }));
  for (let at = 0; at < region.byteLength; at += 4096) region.bytes[at] = 1;
  assert.equal(region.nodes().absentPages, 0);
});

test('migrating more than the node holds is an error, and no page is lost', () => {
  const bytes = tooMuch();
  const region = own(Region.map(bytes, { numa: { preferred: 0 }, populate: true }));
  const error = thrown('ERR_MEMORY_NUMA_UNAVAILABLE', () => region.migrate(NODE));
  assert.match(error.message, /ENOMEM/);
  const { nodes, absentPages } = region.nodes();
  assert.equal(absentPages, 0);
  assert.equal((nodes.get(0) ?? 0) + (nodes.get(NODE) ?? 0) > 0, true);
  assert.equal(region.bytes[bytes - 1], 0);
});

test('the twin that binds by the kernel alone is killed', () => {
  const block = Math.ceil(tooMuch() / MIB) + 24;
  const command = `echo 1000 > /proc/self/oom_score_adj; exec numactl --membind=${NODE} dd if=/dev/zero of=/dev/null bs=${block}M count=1`;
  // With the node this full, the kernel might choose the largest process on it, which is this one.
  writeFileSync('/proc/self/oom_score_adj', '-1000');
  const { status, signal } = spawnSync('/bin/sh', ['-c', command]);
  writeFileSync('/proc/self/oom_score_adj', '0');
  assert.ok(signal === 'SIGKILL' || status === 137, `status ${status}, signal ${signal}`);
});

test('the ballast still lies where it did', () => {
  assert.deepEqual([...ballast.nodes().nodes.keys()], [NODE]);
});
