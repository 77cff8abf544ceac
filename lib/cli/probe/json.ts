import type {
  HugePages,
  Limits,
  NumaNode,
  Pressure,
  PressureReading,
  ProcessMemory,
  Rlimit,
  Topology,
} from '../../platform';
import type { SectionName } from '../commands';
import { orUnlimited, toReport } from '../json';
import type { ProbeData } from './data';
import { listCapabilities } from './screens/capabilities';

// Every key is written out here: what is renamed inside the package must not rename it in the published form.

/** The report as JSON text: integer bytes and nanoseconds, ratios of 0 to 1, null only with a reason. */
export function probeJson(data: ProbeData, section: SectionName | null, generatedAt: Date): string {
  const { topology, numa, hugePages, limits, pressure, process, heap, capabilities, sample } = data;
  const parts = {
    section: section ?? 'summary',
    topology: topology && topologyJson(topology),
    numa: numa && { policy: numa.policy, counters: numa.counters },
    hugePages: hugePages && hugePagesJson(hugePages),
    limits: limits && limitsJson(limits),
    pressure: pressure && pressureJson(pressure),
    process: process && processJson(process),
    heap: heap && { limitBytes: heap.limitBytes, usedBytes: heap.usedBytes, spaces: heap.spaces },
    capabilities:
      capabilities &&
      listCapabilities(capabilities).map(({ name, available, reason, fix, errno }) => ({
        name,
        available,
        reason,
        fix,
        errno,
      })),
    sample: sample && {
      byteLength: sample.byteLength,
      // A policy that was not asked for is none; null would mean that it is not known.
      asked: { ...sample.asked, pages: sample.asked.pages ?? 'default', numa: sample.asked.numa ?? 'none' },
      got: { ...sample.got, numa: sample.got.numa ?? 'none' },
      fallbacks: sample.fallbacks.map(({ wanted, code, errno, reason, fix }) => ({ wanted, code, errno, reason, fix })),
    },
  };
  return toReport(data.host, data.degraded, parts, generatedAt);
}

function topologyJson(topology: Topology): object {
  const { source, numa, nodes, possibleNodes, onlineNodes, allowedNodes, cpus, tiers, caches } = topology;
  const { totalMemoryBytes, freeMemoryBytes, pageBytes } = topology;
  return {
    ...{ source, numa, totalMemoryBytes, freeMemoryBytes, pageBytes, possibleNodes, onlineNodes, allowedNodes },
    ...{ nodes: nodes.map(nodeJson), cpus, tiers, caches },
  };
}

const MIB = 2 ** 20;

function perSecond(mibps: number | null): number | null {
  return mibps === null ? null : mibps * MIB;
}

function nodeJson(node: NumaNode): object {
  const access = node.access.map((one) => ({
    class: one.class,
    initiators: one.initiators,
    readLatencyNs: one.readLatencyNs,
    writeLatencyNs: one.writeLatencyNs,
    readBytesPerSecond: perSecond(one.readBandwidthMiBps),
    writeBytesPerSecond: perSecond(one.writeBandwidthMiBps),
  }));
  const { id, online, hasCpu, hasMemory, cpus, memoryBytes, freeBytes, distances, hugePages, memorySideCaches, tier } =
    node;
  return {
    ...{ id, online, hasCpu, hasMemory, cpus, memoryBytes, freeBytes, distances },
    ...{ hugePages, access, memorySideCaches, tier },
  };
}

function hugePagesJson({ defaultPageBytes, pools, thp }: HugePages): object {
  const { available, enabled, defrag, shmemEnabled, pmdBytes, khugepaged, sizes } = thp;
  const daemon = khugepaged && {
    defrag: khugepaged.defrag,
    pagesToScan: khugepaged.pagesToScan,
    scanSleepNs: khugepaged.scanSleepMs === null ? null : khugepaged.scanSleepMs * 1e6,
    maxPtesNone: khugepaged.maxPtesNone,
  };
  return {
    ...{ defaultPageBytes, pools },
    thp: { available, enabled, defrag, shmemEnabled, pmdBytes, khugepaged: daemon, sizes },
  };
}

function limitsJson(limits: Limits): object {
  const { effectiveBytes, setBy, detail, throttle, availableBytes, rlimits, machine } = limits;
  return {
    ...{ effectiveBytes, setBy, detail, availableBytes },
    throttle: { bytes: orUnlimited(throttle?.bytes ?? null), setBy: throttle?.setBy ?? 'none' },
    cgroups: limits.cgroups.map(({ maxBytes, highBytes, swapMaxBytes, ...others }) => ({
      ...pickGroup(others),
      maxBytes: orUnlimited(maxBytes),
      highBytes: orUnlimited(highBytes),
      swapMaxBytes: orUnlimited(swapMaxBytes),
    })),
    rlimits: rlimits && Object.fromEntries(Object.entries(rlimits).map(([name, one]) => [name, rlimitJson(one)])),
    machine,
  };
}

type Group = Limits['cgroups'][number];

function pickGroup(group: Omit<Group, 'maxBytes' | 'highBytes' | 'swapMaxBytes'>): object {
  const { path, version, maxFile, binding, currentBytes, peakBytes, swapCurrentBytes, events } = group;
  return { path, version, maxFile, binding, currentBytes, peakBytes, swapCurrentBytes, events };
}

function rlimitJson(limit: Rlimit | null): object | null {
  return limit && { soft: orUnlimited(limit.soft), hard: orUnlimited(limit.hard) };
}

function pressureJson({ system, cgroup, cgroupFile }: Pressure): object {
  return { system: readingJson(system), cgroup: readingJson(cgroup), cgroupFile };
}

function readingJson(reading: PressureReading | null): object | null {
  const line = ({ avg10Ratio, avg60Ratio, avg300Ratio, totalUs }: PressureReading['some']): object => ({
    ...{ avg10Ratio, avg60Ratio, avg300Ratio },
    totalNs: totalUs === null ? null : totalUs * 1000,
  });
  return reading && { some: line(reading.some), full: reading.full && line(reading.full) };
}

function processJson(memory: ProcessMemory): object {
  const { degraded: _, breakdown, ...numbers } = memory;
  const { rssBytes, pssBytes, ussBytes, peakRssBytes, swapBytes, hugetlbBytes, lockedBytes, virtualBytes } = numbers;
  const { oursResidentBytes, heapBytes, arrayBuffersBytes, externalBytes, otherBytes } = breakdown;
  return {
    ...{ rssBytes, pssBytes, ussBytes, peakRssBytes, swapBytes, hugetlbBytes, lockedBytes, virtualBytes },
    notResidentBytes: numbers.notResidentBytes,
    breakdown: { oursResidentBytes, heapBytes, arrayBuffersBytes, externalBytes, otherBytes },
  };
}
