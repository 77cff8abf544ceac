// The machines of the lab, as data. `nodes`, `hmat` and `pools` are what QEMU is told; the guest's topology test gets the
// same data and compares. Sizes of nodes are multiples of 128 MiB, the smallest piece a kernel keeps apart by node.
// To run another test on a machine: put NAME.cjs into guest/ and NAME into `tests`.

const PER_NODE_POOL = (node, pages) =>
  `echo ${pages} > /sys/devices/system/node/node${node}/hugepages/hugepages-2048kB/nr_hugepages`;

export const MACHINES = [
  {
    name: 'two-nodes',
    what: 'two nodes, 2 MiB pages on node 1 only',
    kernel: 'stock',
    cpus: 2,
    nodes: [
      { mib: 640, cpus: [0], distances: [10, 21] },
      { mib: 384, cpus: [1], distances: [21, 10] },
    ],
    setup: [PER_NODE_POOL(1, 8)],
    tests: ['topology', 'placement', 'exhausted', 'node-pools'],
  },
  {
    name: 'four-nodes',
    what: 'four nodes, two without CPU, own distances, HMAT',
    kernel: 'stock',
    cpus: 2,
    nodes: [
      { mib: 640, cpus: [0], distances: [10, 21, 17, 28] },
      { mib: 384, cpus: [1], distances: [21, 10, 28, 17] },
      { mib: 128, cpus: [], initiator: 0, distances: [17, 28, 10, 30] },
      { mib: 128, cpus: [], initiator: 1, distances: [28, 17, 30, 10] },
    ],
    // By initiator, then by target.
    hmat: {
      latencyNs: [
        [10, 21, 50, 90],
        [21, 10, 90, 50],
      ],
      bandwidthMiBps: [
        [10240, 5120, 2048, 1024],
        [5120, 10240, 1024, 2048],
      ],
    },
    setup: [PER_NODE_POOL(1, 4), PER_NODE_POOL(2, 4)],
    tests: ['topology', 'placement', 'exhausted', 'node-pools'],
  },
  {
    name: 'huge-pages',
    what: 'one node with pools of 2 MiB and 1 GiB pages',
    kernel: 'stock',
    cpus: 2,
    nodes: [{ mib: 2560, cpus: [0, 1], distances: [10] }],
    pools: { '1GiB': 1, '2MiB': 16 },
    boot: 'hugepagesz=1G hugepages=1 hugepagesz=2M hugepages=16',
    setup: [],
    tests: ['topology', 'huge-pages'],
  },
  {
    name: 'cgroup',
    what: 'control groups version 2, pressure accounting, no swap',
    kernel: 'stock',
    cpus: 2,
    nodes: [{ mib: 768, cpus: [0, 1], distances: [10] }],
    setup: ['echo "+memory +cpuset" > /sys/fs/cgroup/cgroup.subtree_control'],
    tests: ['limits'],
  },
  {
    name: 'pressure',
    what: 'a service that gives memory back where its twin is killed',
    kernel: 'stock',
    cpus: 2,
    nodes: [{ mib: 768, cpus: [0, 1], distances: [10] }],
    setup: ['echo "+memory +cpuset" > /sys/fs/cgroup/cgroup.subtree_control'],
    tests: ['pressure'],
  },
  {
    name: 'nvdimm',
    what: 'an NVDIMM with a DAX file system',
    kernel: 'stock',
    cpus: 2,
    nodes: [{ mib: 640, cpus: [0, 1], distances: [10] }],
    nvdimmMib: 128,
    modules: ['nfit', 'nd_pmem'],
    // What `ndctl create-namespace --mode=fsdax` does: DAX needs a page structure for each page.
    setup: [
      'echo namespace0.0 > /sys/bus/nd/drivers/nd_pmem/unbind',
      'echo 6f1c5a0e-3b1e-4d6a-9a53-2f0a1a7f4e21 > /sys/bus/nd/devices/pfn0.0/uuid',
      'echo ram > /sys/bus/nd/devices/pfn0.0/mode',
      'echo 2097152 > /sys/bus/nd/devices/pfn0.0/align',
      'echo namespace0.0 > /sys/bus/nd/devices/pfn0.0/namespace',
      'echo pfn0.0 > /sys/bus/nd/drivers/nd_pmem/bind',
      'mkdir -p /pmem',
      'mount -t ext4 -o dax=always /dev/pmem0 /pmem',
    ],
    tests: ['dax'],
  },
  {
    name: 'new-kernel',
    what: "Linux 6.9 or newer: the kernel's own weighted interleave",
    kernel: 'new',
    cpus: 2,
    nodes: [
      { mib: 640, cpus: [0], distances: [10, 21] },
      { mib: 384, cpus: [1], distances: [21, 10] },
    ],
    setup: [
      'echo 3 > /sys/kernel/mm/mempolicy/weighted_interleave/node0',
      'echo 1 > /sys/kernel/mm/mempolicy/weighted_interleave/node1',
      'echo "+memory" > /sys/fs/cgroup/cgroup.subtree_control',
    ],
    tests: ['topology', 'weighted'],
  },
];
