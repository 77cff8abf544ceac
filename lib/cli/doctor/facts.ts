import { statfsSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';
import type { Capabilities, HugePages, Limits, Pressure, Sysroot, Topology } from '../../platform';
import { type Explained, explainError } from '../errors';
import { type Host, NOT_IN_COPY, readHost } from '../host';
import { type Unknown, within } from '../unknown';

/** What the checks look at. `here` is null for a copied machine, which has no running process. */
export interface Facts {
  readonly host: Host;
  readonly limits: Limits;
  readonly hugePages: HugePages;
  readonly pressure: Pressure;
  readonly topology: Topology;
  readonly here: HereFacts | null;
  readonly degraded: readonly Unknown[];
}

export interface HereFacts {
  /** Where V8 gives up with "heap out of memory", in bytes. */
  readonly heapLimitBytes: number;
  /** Null when the native part does not load, for the reason in `nativeFailure`. */
  readonly capabilities: Capabilities | null;
  readonly nativeFailure: Explained | null;
  /** The file system that shared regions live on; null where there is none. */
  readonly shm: { readonly totalBytes: number; readonly freeBytes: number } | null;
}

export function gatherFacts(sysroot: Sysroot): Facts {
  const platform = require('../../platform') as typeof import('../../platform');
  const host = readHost(sysroot);
  const limits = platform.readLimits(sysroot);
  const hugePages = platform.readHugePages(sysroot);
  const pressure = platform.readPressure(sysroot);
  const topology = platform.readTopology(sysroot);
  const here = sysroot.root === '/' ? gatherHere(platform) : null;
  const degraded = [
    ...within('limits', limits.degraded),
    ...within('hugePages', hugePages.degraded),
    ...within('pressure', pressure.degraded),
    ...within('topology', topology.degraded),
    ...(here === null ? [{ field: 'host.runtime', reason: NOT_IN_COPY, fix: null }] : []),
  ];
  return { host, limits, hugePages, pressure, topology, here, degraded };
}

function gatherHere(platform: typeof import('../../platform')): HereFacts {
  const heapLimitBytes = getHeapStatistics().heap_size_limit;
  const shm = readShm();
  try {
    return { heapLimitBytes, shm, capabilities: platform.memory.capabilities(), nativeFailure: null };
  } catch (error) {
    return { heapLimitBytes, shm, capabilities: null, nativeFailure: explainError(error) };
  }
}

function readShm(): HereFacts['shm'] {
  try {
    const { bsize, blocks, bavail } = statfsSync('/dev/shm');
    return { totalBytes: bsize * blocks, freeBytes: bsize * bavail };
  } catch {
    return null;
  }
}
