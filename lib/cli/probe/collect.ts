import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';
import type { Capabilities, ProcessMemory, Sysroot } from '../../platform';
import { explainError } from '../errors';
import { hostUnknowns, NOT_IN_COPY, readHost } from '../host';
import { type Unknown, within } from '../unknown';
import type { HeapNumbers, NodeCounters, NumaUse, Part, ProbeData, Sample } from './data';

type Platform = typeof import('../../platform');

const SAMPLE_BYTES = 2 * 1024 * 1024;

/** Reads the parts of a machine that a screen needs, and nothing else: the native addon is loaded for two of them only. */
export function collect(sysroot: Sysroot, parts: readonly Part[]): ProbeData {
  const platform = require('../../platform') as Platform;
  const host = readHost(sysroot);
  const isHere = host.sysroot === '/';
  const degraded: Unknown[] = hostUnknowns(host);
  const has = (part: Part): boolean => parts.includes(part);

  /** A part of machine reading: its own list of what is missing moves to the common one. */
  function read<T extends { readonly degraded: readonly Unknown[] }>(part: Part, reader: () => T): T | undefined {
    if (!has(part)) return undefined;
    const value = reader();
    degraded.push(...within(part, value.degraded));
    return value;
  }
  /** A part that needs this very process; null with a reason otherwise. */
  function attempt<T>(part: Part, reader: () => T): T | null | undefined {
    if (!has(part)) return undefined;
    if (!isHere) {
      degraded.push({ field: part, reason: NOT_IN_COPY, fix: null });
      return null;
    }
    try {
      return reader();
    } catch (error) {
      const { reason, fix } = explainError(error);
      degraded.push({ field: part, reason, fix });
      return null;
    }
  }

  const topology = read('topology', () => platform.readTopology(sysroot));
  const hugePages = read('hugePages', () => platform.readHugePages(sysroot));
  const limits = read('limits', () => platform.readLimits(sysroot));
  const pressure = read('pressure', () => platform.readPressure(sysroot));
  // The process first: the features that are tried and the sample below would count in it.
  const memory = attempt<ProcessMemory>('process', () => platform.memory.processMemory());
  if (memory) degraded.push(...within('process', memory.degraded));
  const heap = attempt<HeapNumbers>('heap', readHeap);
  const capabilities = attempt<Capabilities>('capabilities', () => platform.memory.capabilities());
  const sample = attempt<Sample>('sample', () => mapSample(platform));
  const numa = has('numa') ? readNuma(platform, sysroot, degraded) : undefined;
  return { host, topology, numa, hugePages, limits, pressure, process: memory, heap, capabilities, sample, degraded };
}

function readHeap(): HeapNumbers {
  const { heap_size_limit: limitBytes, used_heap_size: usedBytes } = getHeapStatistics();
  const spaces = getHeapSpaceStatistics().map((space) => ({
    name: space.space_name,
    usedBytes: space.space_used_size,
    committedBytes: space.physical_space_size,
  }));
  return { limitBytes, usedBytes, spaces };
}

function mapSample({ Region }: Platform): Sample {
  const region = Region.map(SAMPLE_BYTES, { pages: 'huge', populate: true, name: 'probe' });
  try {
    const { asked, got, fallbacks } = region.placement;
    return { byteLength: region.byteLength, asked, got, fallbacks };
  } finally {
    region.free();
  }
}

function readNuma(platform: Platform, sysroot: Sysroot, degraded: Unknown[]): NumaUse {
  // A mapping without a policy of its own shows that of the process.
  const policy = /^\S+ (\S+)/.exec(sysroot.readText('/proc/self/numa_maps') ?? '')?.[1] ?? null;
  if (policy === null) {
    const fix = 'Mount procfs on /proc, and use a kernel with CONFIG_NUMA.';
    degraded.push({ field: 'numa.policy', reason: '/proc/self/numa_maps is not readable', fix });
  }
  return { policy, counters: readCounters(platform, sysroot) };
}

function readCounters({ parseKeyed }: Platform, sysroot: Sysroot): NodeCounters[] {
  const folder = '/sys/devices/system/node';
  const ids = sysroot.list(folder).flatMap((name) => /^node(\d+)$/.exec(name)?.[1] ?? []);
  return ids
    .map(Number)
    .sort((a, b) => a - b)
    .flatMap((node) => {
      const values = parseKeyed(sysroot.readText(`${folder}/node${node}/numastat`));
      const get = (key: string): number | null => values.get(key) ?? null;
      if (values.size === 0) return [];
      return {
        ...{ node, hit: get('numa_hit'), miss: get('numa_miss'), foreign: get('numa_foreign') },
        ...{ interleaveHit: get('interleave_hit'), local: get('local_node'), other: get('other_node') },
      };
    });
}
