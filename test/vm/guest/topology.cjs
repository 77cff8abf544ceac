// memory.topology() against what QEMU was told, and against what numactl and lstopo print.
const { execFileSync } = require('node:child_process');
const { readFileSync } = require('node:fs');
const { memory, numa } = require('nebula-memory');
const { assert, machine, MIB, test } = require('./harness.cjs');

const topology = memory.topology();
const { nodes } = topology;
const ids = machine.nodes.map((_, id) => id);

test('nodes, CPUs and distances are those QEMU was told', () => {
  assert.equal(topology.source, 'sysfs');
  assert.deepEqual(topology.degraded, []);
  assert.deepEqual(topology.onlineNodes, ids);
  assert.deepEqual(topology.allowedNodes, ids);
  for (const id of ids) {
    const told = machine.nodes[id];
    assert.equal(nodes[id].id, id);
    assert.deepEqual(nodes[id].cpus, told.cpus);
    assert.equal(nodes[id].hasCpu, told.cpus.length > 0);
    assert.equal(nodes[id].hasMemory, true);
    assert.deepEqual(nodes[id].distances, told.distances);
    for (const to of ids) assert.equal(numa.distance(id, to), told.distances[to]);
  }
  assert.equal(topology.cpus.online.length, machine.cpus);
});

test('sizes are those QEMU was told, less what the kernel keeps', () => {
  for (const [id, { mib }] of machine.nodes.entries()) {
    const { memoryBytes } = nodes[id];
    assert.ok(memoryBytes <= mib * MIB && memoryBytes > 0.7 * mib * MIB, `node ${id}: ${memoryBytes} of ${mib} MiB`);
  }
});

if (machine.hmat !== undefined) {
  test('latency and bandwidth are those of the HMAT', () => {
    const { latencyNs, bandwidthMiBps } = machine.hmat;
    for (const id of ids) {
      const best = Math.min(...latencyNs.map((row) => row[id]));
      const first = latencyNs.findIndex((row) => row[id] === best);
      assert.ok(nodes[id].access.length > 0, `node ${id}`);
      for (const access of nodes[id].access) {
        assert.deepEqual(access.initiators, [first], `node ${id}, class ${access.class}`);
        assert.equal(access.readLatencyNs, best);
        assert.equal(access.writeLatencyNs, best);
        assert.equal(access.readBandwidthMiBps, bandwidthMiBps[first][id]);
        assert.equal(access.writeBandwidthMiBps, bandwidthMiBps[first][id]);
      }
    }
  });
}

const words = (text) => text.trim().split(/\s+/).filter(Boolean).map(Number);

test('numactl --hardware prints the same', () => {
  const text = execFileSync('/usr/bin/numactl', ['--hardware'], { encoding: 'utf8' });
  for (const id of ids) {
    const of = (what) => new RegExp(`^node ${id} ${what}:(.*)$`, 'm').exec(text)?.[1];
    assert.deepEqual(words(of('cpus')), [...nodes[id].cpus]);
    assert.equal(parseInt(of('size'), 10), Math.floor(nodes[id].memoryBytes / MIB));
    const row = new RegExp(`^ *${id}:(.*)$`, 'm').exec(text)?.[1];
    assert.deepEqual(words(row), [...nodes[id].distances]);
  }
});

test('lstopo prints the same', () => {
  const text = execFileSync('/usr/bin/lstopo-no-graphics', ['--of', 'xml'], { encoding: 'utf8' });
  const found = [...text.matchAll(/<object type="NUMANode"[^>]*>/g)].map(([tag]) => {
    const of = (name) => new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1];
    return { id: Number(of('os_index')), bytes: Number(of('local_memory')), cpuset: of('cpuset') };
  });
  found.sort((a, b) => a.id - b.id);
  assert.deepEqual(found.map(({ id }) => id), ids); // biome-ignore format: one list
  for (const { id, bytes, cpuset } of found) {
    assert.equal(bytes, nodes[id].memoryBytes);
    // A node without CPUs hangs below the CPUs that are near it: only the others have a set of their own.
    const own = nodes[id].cpus.reduce((mask, cpu) => mask | (1 << cpu), 0);
    if (nodes[id].hasCpu) assert.equal(Number(cpuset), own);
  }
  if (ids.length === 1) return;
  const values = /<distances2 [^>]*name="NUMALatency"[^>]*>(.*?)<\/distances2>/s.exec(text)?.[1] ?? '';
  const list = [...values.matchAll(/<u64values[^>]*>([^<]*)</g)].flatMap(([, row]) => words(row));
  assert.deepEqual(list, ids.flatMap((id) => [...nodes[id].distances])); // biome-ignore format: one list
});

test('tiers are those of the kernel', () => {
  const listed = topology.tiers.flatMap(({ nodes: members }) => [...members]).sort((a, b) => a - b);
  assert.deepEqual(listed, ids);
  for (const { id, nodes: members } of topology.tiers) {
    const text = readFileSync(`/sys/devices/virtual/memory_tiering/memory_tier${id}/nodelist`, 'utf8');
    assert.equal(text.trim().startsWith(String(members[0])), true);
    for (const member of members) assert.equal(nodes[member].tier, id);
  }
});
