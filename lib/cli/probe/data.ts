import type {
  Capabilities,
  Fallback,
  HugePages,
  Limits,
  Placement,
  Pressure,
  ProcessMemory,
  Topology,
} from '../../platform';
import type { Host } from '../host';
import type { Unknown } from '../unknown';

/** numastat of one node, in pages since boot; null where the kernel does not count it. */
export interface NodeCounters {
  readonly node: number;
  readonly hit: number | null;
  readonly miss: number | null;
  readonly foreign: number | null;
  readonly interleaveHit: number | null;
  readonly local: number | null;
  readonly other: number | null;
}

/** What the kernel does for this process, and what it counted. */
export interface NumaUse {
  /** The policy in the kernel's words, such as `default` or `bind:0`. */
  readonly policy: string | null;
  readonly counters: readonly NodeCounters[];
}

/** The V8 side of the process, in bytes. */
export interface HeapNumbers {
  /** Where V8 gives up with "heap out of memory". */
  readonly limitBytes: number;
  readonly usedBytes: number;
  readonly spaces: readonly { readonly name: string; readonly usedBytes: number; readonly committedBytes: number }[];
}

/** A region that was really mapped, so that the summary shows what asking leads to on this machine. */
export interface Sample {
  readonly byteLength: number;
  readonly asked: Placement['asked'];
  readonly got: Placement['got'];
  readonly fallbacks: readonly Fallback[];
}

/** What was read for a screen; a part that was not asked for is undefined, one that cannot be had is null. */
export interface ProbeData {
  readonly host: Host;
  readonly topology?: Topology;
  readonly numa?: NumaUse;
  readonly hugePages?: HugePages;
  readonly limits?: Limits;
  readonly pressure?: Pressure;
  readonly process?: ProcessMemory | null;
  readonly heap?: HeapNumbers | null;
  readonly capabilities?: Capabilities | null;
  readonly sample?: Sample | null;
  /** What could not be read, with the part in front of the field: `limits.cgroups`. */
  readonly degraded: readonly Unknown[];
}

export type Part = Exclude<keyof ProbeData, 'host' | 'degraded'>;
