import type { ErrorCode } from '../core';
import { explain, FEATURES, type FeatureName, isFailure, machineFacts, native } from './native';

/** One thing that the machine, the kernel, its limits and this Node.js can do together, or why not. */
export interface Capability {
  readonly name: FeatureName | 'sharedCarrier';
  readonly available: boolean;
  /** Why it is not available, or how it was found to be. */
  readonly reason: string;
  /** What would make it available; empty when it is, or where nothing would. */
  readonly fix: string;
  /** The system's error number of the trial; 0 without one. */
  readonly errno: number;
  readonly code: ErrorCode | null;
}

export type Capabilities = Readonly<Record<FeatureName | 'sharedCarrier', Capability>>;

// For Linux; elsewhere the hint of the failure is all there is.
const FIXES: Partial<Record<FeatureName, string>> = {
  hugePages2MiB: 'echo 64 | sudo tee /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages',
  hugePages1GiB:
    'echo 1 | sudo tee /sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages (or hugepagesz=1G hugepages=1 at boot)',
  transparentHugePages: 'echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled',
  memfdSecret: 'Boot with secretmem.enable=1 (Linux 5.14 and newer), and raise the locked-memory limit.',
  lock: 'Raise the locked-memory limit: ulimit -l unlimited, or LimitMEMLOCK=infinity.',
  pressureTrigger: 'Boot with psi=1; in a container, mount /proc writable for the process.',
  populateWrite: 'Linux 5.14 or newer.',
  collapse: 'Linux 6.1 or newer.',
  guardPages: 'Linux 6.13 or newer.',
  moveKeepingZeros: 'Linux 5.7 or newer.',
  preferredMany: 'Linux 5.15 or newer; shares are split by range otherwise.',
  weightedInterleave: 'Linux 6.9 or newer; shares are split by range otherwise.',
  rangeNames: 'A kernel with CONFIG_ANON_VMA_NAME; names then show in reports of this package only.',
};

const SHARED_CARRIERS = [
  'this Node.js has no way to make external SharedArrayBuffers; shared regions are ArrayBuffers attached by handle',
  'by Node-API',
  "by the engine's own interface",
] as const;

function tryOne(name: FeatureName): Capability {
  const result = native().tryFeature(FEATURES.indexOf(name));
  if (!isFailure(result))
    return Object.freeze({ name, available: true, reason: 'tried, and it works', fix: '', errno: 0, code: null });
  const { code, reason, hint } = explain(result);
  const hugePool = name === 'hugePages2MiB' || name === 'hugePages1GiB';
  return Object.freeze({
    name,
    available: false,
    reason: hugePool && code === 'ERR_MEMORY_OUT_OF_MEMORY' ? 'no page of this size is free in the pool' : reason,
    fix: (machineFacts().platform === 'linux' ? FIXES[name] : undefined) ?? hint ?? '',
    errno: result.errno,
    code: hugePool && code === 'ERR_MEMORY_OUT_OF_MEMORY' ? 'ERR_MEMORY_HUGE_PAGES_UNAVAILABLE' : code,
  });
}

function sharedCarrier(): Capability {
  const found = native().sharedCarrier();
  return Object.freeze({
    name: 'sharedCarrier',
    available: found !== 0,
    reason: SHARED_CARRIERS[found] ?? 'unknown',
    fix: found === 0 ? 'Node.js 22.23.3, 24.16 or 26.1 and newer.' : '',
    errno: 0,
    code: found === 0 ? 'ERR_MEMORY_UNSUPPORTED' : null,
  });
}

let found: Capabilities | undefined;

/** Tries every feature once on memory of its own, and keeps the answers. Milliseconds the first time. */
export function capabilities(): Capabilities {
  found ??= Object.freeze(
    Object.fromEntries([...FEATURES.map((name) => [name, tryOne(name)]), ['sharedCarrier', sharedCarrier()]]),
  ) as Capabilities;
  return found;
}
