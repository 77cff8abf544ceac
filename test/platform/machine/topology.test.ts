import { type NumaNode, openSysroot, readTopology, type Topology } from '../../../lib/platform/machine';
import { MachinePark, type MachineSpec, numaMachines as machines } from '../../sysroots';

const park = new MachinePark();
afterAll(() => park.remove());

const read = (spec: MachineSpec): Topology => readTopology(openSysroot(park.root(spec)));
const GIB = 2 ** 30;

/** A node with the usual answers, to be overridden by hand. */
function node(id: number, rest: Partial<NumaNode>): NumaNode {
  const base = { id, online: true, hasCpu: true, hasMemory: true, cpus: [], memoryBytes: null, freeBytes: null };
  return { ...base, distances: [], hugePages: [], access: [], memorySideCaches: [], tier: null, ...rest };
}

it('reads a plain machine with one node', () => {
  expect(read(machines.plain)).toEqual({
    source: 'sysfs',
    numa: { available: true, reason: 'one node: placement succeeds and changes nothing' },
    nodes: [node(0, { cpus: [0, 1, 2, 3], memoryBytes: 8 * GIB, freeBytes: 4 * GIB, distances: [10] })],
    possibleNodes: [0],
    onlineNodes: [0],
    allowedNodes: [0],
    cpus: { possible: [0, 1, 2, 3], present: [0, 1, 2, 3], online: [0, 1, 2, 3], offline: [], allowed: [0, 1, 2, 3] },
    tiers: [],
    caches: [
      { level: 1, type: 'data', sizeBytes: 49152, lineBytes: 64, sharedCpus: [0, 1] },
      { level: 1, type: 'data', sizeBytes: 32768, lineBytes: 64, sharedCpus: [2, 3] },
      { level: 3, type: 'unified', sizeBytes: 37486592, lineBytes: 64, sharedCpus: [0, 1, 2, 3] },
    ],
    totalMemoryBytes: 9 * GIB,
    freeMemoryBytes: 3 * GIB,
    pageBytes: 4096,
    degraded: [],
  });
});

it('reads two nodes', () => {
  const topology = read(machines.twoNodes);
  expect(topology.numa).toEqual({ available: true, reason: '2 nodes online' });
  expect(topology.nodes).toEqual([
    node(0, { cpus: [0, 1], memoryBytes: 4 * GIB, freeBytes: 2 * GIB, distances: [10, 21] }),
    node(1, { cpus: [2, 3], memoryBytes: 4 * GIB, freeBytes: GIB, distances: [21, 10] }),
  ]);
  expect(topology.degraded.map(({ field }) => field)).toEqual(['caches', 'pageBytes']);
});

it('reads nodes without CPUs, their speeds and tiers', () => {
  const speed = { readLatencyNs: 80, writeLatencyNs: 85, readBandwidthMiBps: 102400, writeBandwidthMiBps: 98304 };
  const slow = { readLatencyNs: 200, readBandwidthMiBps: 20480, writeBandwidthMiBps: 10240 };
  const small = { memoryBytes: 4 * GIB, freeBytes: 2 * GIB, tier: 4 };
  const large = { memoryBytes: 16 * GIB, freeBytes: 8 * GIB, tier: 22, hasCpu: false };
  const topology = read(machines.hmat);
  expect(topology.nodes).toEqual([
    node(0, {
      ...small,
      cpus: [0, 1],
      distances: [10, 21, 17, 28],
      access: [
        { class: 0, initiators: [0], ...speed },
        { class: 1, initiators: [0], ...speed },
      ],
    }),
    node(1, { ...small, cpus: [2, 3], distances: [21, 10, 28, 17], access: [{ class: 0, initiators: [1], ...speed }] }),
    // The firmware left the write latency at 0, which is "not known".
    node(2, {
      ...large,
      distances: [17, 28, 10, 28],
      access: [{ class: 0, initiators: [0], ...slow, writeLatencyNs: null }],
    }),
    node(3, {
      ...large,
      distances: [28, 17, 28, 10],
      access: [{ class: 0, initiators: [0, 1], ...slow, writeLatencyNs: 210 }],
    }),
  ]);
  expect(topology.tiers).toEqual([
    { id: 4, nodes: [0, 1] },
    { id: 22, nodes: [2, 3] },
  ]);
});

it('reads sparse ids, nodes without memory, and what is allowed', () => {
  const topology = read(machines.sparse);
  expect(topology.nodes.map(({ id }) => id)).toEqual([0, 8, 250, 251, 252, 253, 254, 255]);
  expect(topology.nodes[1]).toEqual(
    node(8, { cpus: [16, 24], memoryBytes: 16 * GIB, freeBytes: 8 * GIB, distances: [40, 10, 80, 80, 80, 80, 80, 80] }),
  );
  expect(topology.nodes[2]).toEqual(
    node(250, {
      hasCpu: false,
      hasMemory: false,
      memoryBytes: 0,
      freeBytes: 0,
      distances: [80, 80, 10, 80, 80, 80, 80, 80],
    }),
  );
  expect(topology.allowedNodes).toEqual([0, 8]);
  expect(topology.cpus.allowed).toEqual([0, 8]);
  expect(topology.possibleNodes).toHaveLength(256);
});

it('reads a machine with an offline node: its own distance row kept the old length', () => {
  const topology = read(machines.offline);
  expect(topology.nodes).toEqual([
    node(1, { cpus: [1, 3, 5, 7], memoryBytes: 12 * GIB, freeBytes: 6 * GIB, distances: [10] }),
  ]);
  expect(topology.cpus).toMatchObject({ online: [1, 3, 5, 7], offline: [0, 2, 4, 6], allowed: [1, 3, 5, 7] });
  expect(topology.possibleNodes).toEqual([0, 1]);
});

it('makes one node of a machine without nodes, and says so', () => {
  const topology = read(machines.noNodes);
  expect(topology).toMatchObject({
    source: 'synthetic',
    numa: { available: false, reason: 'the kernel shows no NUMA nodes' },
    nodes: [node(0, { cpus: [0, 1, 2], memoryBytes: 2 * GIB, freeBytes: GIB, distances: [10] })],
    onlineNodes: [0],
    allowedNodes: [0],
    cpus: { online: [0, 1, 2], allowed: [0, 2] },
  });
  expect(topology.degraded).toContainEqual({
    field: 'nodes',
    reason: '/sys/devices/system/node shows no nodes',
    fix: 'Mount sysfs on /sys, or use a kernel with CONFIG_NUMA.',
  });
});

it('reads memory-side caches', () => {
  expect(read(machines.sideCaches).nodes[0]?.memorySideCaches).toEqual([
    { level: 1, sizeBytes: 103079215104, lineBytes: 64, indexing: 'direct-mapped', writePolicy: 'write-back' },
    { level: 2, sizeBytes: 2147483648, lineBytes: 128, indexing: 'indexed', writePolicy: 'write-through' },
    { level: 3, sizeBytes: null, lineBytes: null, indexing: 'other', writePolicy: null },
  ]);
});

it('reads eight nodes of three distances', () => {
  expect(read(machines.eightNodes).nodes.map(({ distances }) => distances)).toEqual([
    [10, 16, 22, 22, 22, 22, 22, 22],
    [16, 10, 22, 22, 22, 22, 22, 22],
    [22, 22, 10, 16, 22, 22, 22, 22],
    [22, 22, 16, 10, 22, 22, 22, 22],
    [22, 22, 22, 22, 10, 16, 22, 22],
    [22, 22, 22, 22, 16, 10, 22, 22],
    [22, 22, 22, 22, 22, 22, 10, 16],
    [22, 22, 22, 22, 22, 22, 16, 10],
  ]);
});

it('reads files that end in NUL bytes like the same files without', () => {
  expect(read(machines.nulPadded)).toEqual(read(machines.twoNodes));
});

it('reads the masks of old kernels, and calls the distance 0 unknown', () => {
  const topology = read(machines.oldKernel);
  const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);
  expect(topology.nodes).toEqual([
    node(0, { cpus: range(0, 20), memoryBytes: GIB, freeBytes: GIB / 2, distances: [null, 20] }),
    node(1, { cpus: range(20, 40), memoryBytes: GIB, freeBytes: GIB / 2, distances: [20, null] }),
  ]);
  expect(topology.cpus.allowed).toEqual(range(0, 40));
  expect(topology.allowedNodes).toEqual([0, 1]);
  expect(topology.degraded).toContainEqual({
    field: 'nodes.1.distances',
    reason: 'the firmware gives the impossible distance 0',
    fix: null,
  });
});

it('reads the cpuset when the status does not tell', () => {
  const topology = read(machines.cpuset);
  expect(topology.allowedNodes).toEqual([1]);
  expect(topology.cpus.allowed).toEqual([3]);
  expect(topology.degraded.map(({ field }) => field)).toEqual(['caches', 'pageBytes']);
});

it('reads the cpuset of an old kernel', () => {
  const topology = read(machines.oldCpuset);
  expect(topology.allowedNodes).toEqual([0]);
  expect(topology.cpus.allowed).toEqual([0, 1, 2]);
});

it('reads a container without /sys', () => {
  const topology = read(machines.noSys);
  expect(topology.nodes).toEqual([node(0, { cpus: [0, 1], memoryBytes: 4 * GIB, freeBytes: GIB, distances: [10] })]);
  expect(topology.cpus).toEqual({ possible: [0, 1], present: [0, 1], online: [0, 1], offline: [], allowed: [1] });
  expect(topology.degraded.map(({ field }) => field)).toEqual(['cpus.online', 'nodes', 'caches', 'pageBytes']);
});

it('reads an empty folder and a missing one', () => {
  for (const topology of [read(machines.empty), readTopology(openSysroot('/nonexistent/machine'))]) {
    expect(topology).toMatchObject({ source: 'synthetic', totalMemoryBytes: null, pageBytes: null, caches: [] });
    expect(topology.nodes).toEqual([node(0, { hasCpu: false, distances: [10] })]);
    expect(topology.degraded.map(({ field }) => field)).toContain('totalMemoryBytes');
  }
});

it('reads broken lists and distances as unknown, and believes the lists of nodes', () => {
  const topology = read(machines.broken);
  expect(topology.cpus.online).toEqual([0]);
  const nothing = { cpus: [], memoryBytes: GIB, freeBytes: GIB / 2, distances: [null, null] };
  expect(topology.nodes).toEqual([node(0, nothing), node(1, { ...nothing, hasCpu: false, hasMemory: false })]);
  const fields = topology.degraded.map(({ field }) => field);
  expect(fields).toEqual(
    expect.arrayContaining(['nodes.0.cpus', 'nodes.0.distances', 'nodes.1.cpus', 'nodes.1.distances']),
  );
});

it('finds pages of 64 KiB, and believes the caller first', () => {
  expect(read(machines.bigPages).pageBytes).toBe(65536);
  expect(readTopology(openSysroot(park.root(machines.plain)), { pageBytes: 16384 }).pageBytes).toBe(16384);
});

it('reads this machine', () => {
  const topology = readTopology(openSysroot());
  expect(topology.nodes.length).toBeGreaterThan(0);
  if (process.platform === 'linux') {
    expect(topology.totalMemoryBytes).toBeGreaterThan(0);
    expect(topology.cpus.online.length).toBeGreaterThan(0);
  }
});
