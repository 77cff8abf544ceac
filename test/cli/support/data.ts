import type { Host } from '../../../lib/cli/host';
import { collect } from '../../../lib/cli/probe/collect';
import type { HeapNumbers, Part, ProbeData, Sample } from '../../../lib/cli/probe/data';
import type { View } from '../../../lib/cli/render/view';
import type { Capabilities, Capability, ProcessMemory } from '../../../lib/platform';
import { type Files, inMemory, TWO_NODES } from './machines';

const MIB = 2 ** 20;

export const PARTS: readonly Part[] = [
  ...(['topology', 'numa', 'hugePages', 'limits', 'pressure', 'process', 'heap', 'capabilities', 'sample'] as const),
];

export function viewOf(width: number, over: Partial<View> = {}): View {
  return { width, color: false, unicode: true, bytes: false, quiet: false, ...over };
}

const HOST: Host = {
  sysroot: '/',
  platform: 'linux',
  arch: 'x64',
  hostname: 'synthetic',
  kernel: '6.12.0-test',
  cpuModel: 'Synthetic CPU @ 3.00GHz',
  runtime: { node: '20.19.0', v8: '11.3.244', nodeApi: '9', libc: 'glibc' },
  version: '0.0.0',
};

const PROCESS: ProcessMemory = {
  rssBytes: 100 * MIB,
  pssBytes: 80 * MIB,
  ussBytes: 70 * MIB,
  peakRssBytes: 120 * MIB,
  swapBytes: 0,
  hugetlbBytes: 0,
  lockedBytes: 0,
  virtualBytes: 900 * MIB,
  breakdown: {
    oursResidentBytes: 20 * MIB,
    heapBytes: 30 * MIB,
    arrayBuffersBytes: 10 * MIB,
    externalBytes: 2 * MIB,
    otherBytes: 38 * MIB,
  },
  notResidentBytes: 0,
  degraded: [],
};

const HEAP: HeapNumbers = {
  limitBytes: 4096 * MIB,
  usedBytes: 25 * MIB,
  spaces: [
    { name: 'new_space', usedBytes: MIB, committedBytes: 2 * MIB },
    { name: 'old_space', usedBytes: 24 * MIB, committedBytes: 28 * MIB },
  ],
};

const WORKS = { available: true, reason: 'tried, and it works', fix: '', errno: 0, code: null };

export function capability(name: Capability['name'], over: Partial<Capability> = {}): Capability {
  return { name, ...WORKS, ...over };
}

export const CAPABILITIES = {
  memfd: capability('memfd'),
  lock: capability('lock'),
  numaPolicy: capability('numaPolicy'),
  hugePages2MiB: capability('hugePages2MiB', {
    available: false,
    reason: 'no page of this size is free in the pool',
    fix: 'echo 64 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages',
    errno: 12,
  }),
  memfdSecret: capability('memfdSecret', {
    available: false,
    reason: 'the kernel has it switched off',
    fix: '',
    errno: 38,
  }),
  sharedCarrier: capability('sharedCarrier', { reason: 'by Node-API' }),
} as Partial<Capabilities> as Capabilities;

const SAMPLE: Sample = {
  byteLength: 2 * MIB,
  asked: { pages: 'huge', carrier: 'local', numa: null, populate: true, lock: false },
  got: {
    pages: 'thp',
    pageBytes: 4096,
    carrier: 'local',
    numa: null,
    numaVerified: false,
    populated: true,
    locked: false,
  },
  fallbacks: [
    {
      wanted: '2MiB pages',
      code: 'ERR_MEMORY_HUGE_PAGES_UNAVAILABLE',
      errno: 12,
      reason: 'the pool has 0 free of 0',
      fix: 'echo 1 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages',
    },
  ],
};

/** The two-node machine as if this process ran on it. */
export function liveData(files: Files = TWO_NODES): ProbeData {
  const { topology, numa, hugePages, limits, pressure } = collect(inMemory(files), PARTS);
  const numbers = { process: PROCESS, heap: HEAP, capabilities: CAPABILITIES, sample: SAMPLE };
  return { host: HOST, topology, numa, hugePages, limits, pressure, ...numbers, degraded: [] };
}

/** The same machine as a copy, without a process. */
export function copiedData(files: Files): ProbeData {
  const data = collect(inMemory(files), PARTS);
  return { ...data, host: { ...data.host, version: '0.0.0' } };
}
