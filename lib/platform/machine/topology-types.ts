import type { Degraded } from './degraded';

/** Huge pages of one size on one node, in pages. */
export interface NodeHugePages {
  readonly pageBytes: number;
  readonly total: number | null;
  readonly free: number | null;
  readonly surplus: number | null;
}

/**
 * Speed of a node's memory as its best initiators see it (ACPI HMAT). The kernel publishes nothing about other initiators.
 * Class 0 counts every initiator, class 1 those with CPUs only. Null means that the firmware says nothing.
 */
export interface NodeAccess {
  readonly class: 0 | 1;
  readonly initiators: readonly number[];
  readonly readLatencyNs: number | null;
  readonly writeLatencyNs: number | null;
  readonly readBandwidthMiBps: number | null;
  readonly writeBandwidthMiBps: number | null;
}

/** A cache in front of a node's memory, such as DRAM before persistent memory. */
export interface MemorySideCache {
  readonly level: number;
  readonly sizeBytes: number | null;
  readonly lineBytes: number | null;
  readonly indexing: 'direct-mapped' | 'indexed' | 'other' | null;
  readonly writePolicy: 'write-back' | 'write-through' | 'other' | null;
}

export interface NumaNode {
  readonly id: number;
  readonly online: boolean;
  readonly hasCpu: boolean;
  readonly hasMemory: boolean;
  /** Its online CPUs. */
  readonly cpus: readonly number[];
  readonly memoryBytes: number | null;
  readonly freeBytes: number | null;
  /** Distance to each node, aligned to `Topology.nodes`; 10 is local; null where the firmware says nothing. */
  readonly distances: readonly (number | null)[];
  readonly hugePages: readonly NodeHugePages[];
  readonly access: readonly NodeAccess[];
  readonly memorySideCaches: readonly MemorySideCache[];
  /** Its memory tier, a lower number being faster; null where the kernel has no tiers. */
  readonly tier: number | null;
}

export interface MemoryTier {
  readonly id: number;
  readonly nodes: readonly number[];
}

export interface CpuLists {
  readonly possible: readonly number[];
  readonly present: readonly number[];
  readonly online: readonly number[];
  readonly offline: readonly number[];
  /** The online CPUs this process may run on. */
  readonly allowed: readonly number[];
}

/** One CPU cache; each is listed once, whoever shares it. */
export interface CpuCache {
  readonly level: number;
  readonly type: 'data' | 'instruction' | 'unified';
  readonly sizeBytes: number | null;
  readonly lineBytes: number | null;
  readonly sharedCpus: readonly number[];
}

export interface Topology {
  /** `synthetic`: the kernel shows no nodes, and one stands for the whole machine. */
  readonly source: 'sysfs' | 'synthetic';
  readonly numa: { readonly available: boolean; readonly reason: string };
  /** Every node with a directory, by ascending id; ids may be sparse. */
  readonly nodes: readonly NumaNode[];
  readonly possibleNodes: readonly number[];
  readonly onlineNodes: readonly number[];
  /** The online nodes this process may take memory from. */
  readonly allowedNodes: readonly number[];
  readonly cpus: CpuLists;
  readonly tiers: readonly MemoryTier[];
  readonly caches: readonly CpuCache[];
  /** MemTotal. It can differ from the sum over nodes (hot-plugged memory, kernel reserves): neither is derived from the other. */
  readonly totalMemoryBytes: number | null;
  readonly freeMemoryBytes: number | null;
  /** Base page size in bytes. */
  readonly pageBytes: number | null;
  readonly degraded: readonly Degraded[];
}
