import { findCgroups } from './cgroup-paths';
import { type Degraded, DegradedList } from './degraded';
import type { Sysroot } from './sysroot';

/** Share of time lost waiting for memory, 0 to 1, over the last 10, 60 and 300 seconds, and in microseconds since start. */
export interface PressureLine {
  readonly avg10Ratio: number;
  readonly avg60Ratio: number;
  readonly avg300Ratio: number;
  /** Null in the format of the first kernels that had it. */
  readonly totalUs: number | null;
}

export interface PressureReading {
  /** Some task waited. */
  readonly some: PressureLine;
  /** Every task waited; null where the kernel does not count it. */
  readonly full: PressureLine | null;
}

export interface Pressure {
  readonly system: PressureReading | null;
  /** Of this process's own control group. */
  readonly cgroup: PressureReading | null;
  readonly cgroupFile: string | null;
  readonly degraded: readonly Degraded[];
}

/** Reads pressure text in either format; null for any other text. */
export function parsePressure(text: string | null): PressureReading | null {
  const lines = new Map<string, PressureLine>();
  for (const line of (text ?? '').split('\n')) {
    const [kind = '', ...words] = line.trim().split(/\s+/);
    if (kind !== 'some' && kind !== 'full') continue;
    const parsed = words[0]?.includes('=') ? parseNamed(words) : parsePlain(words);
    if (parsed !== null) lines.set(kind, parsed);
  }
  const some = lines.get('some');
  return some === undefined ? null : { some, full: lines.get('full') ?? null };
}

function parseNamed(words: readonly string[]): PressureLine | null {
  const values = new Map(words.map((word) => word.split('=', 2) as [string, string | undefined]));
  const total = values.get('total');
  return toLine([values.get('avg10'), values.get('avg60'), values.get('avg300')], total);
}

/** `some 0.00 0.03 0.05`, beside a line `aggr` that counts both kinds together. */
function parsePlain(words: readonly string[]): PressureLine | null {
  return toLine([words[0], words[1], words[2]], undefined);
}

function toLine(percents: readonly (string | undefined)[], total: string | undefined): PressureLine | null {
  const [avg10Ratio, avg60Ratio, avg300Ratio] = percents.map((percent) =>
    percent !== undefined && /^\d+(\.\d+)?$/.test(percent) ? Math.min(1, Number(percent) / 100) : null,
  );
  if (avg10Ratio == null || avg60Ratio == null || avg300Ratio == null) return null;
  return {
    avg10Ratio,
    avg60Ratio,
    avg300Ratio,
    totalUs: total !== undefined && /^\d+$/.test(total) ? Number(total) : null,
  };
}

/** Reads the memory pressure of the machine and of the own control group. Never throws. */
export function readPressure(sysroot: Sysroot): Pressure {
  const degraded = new DegradedList();
  const file = '/proc/pressure/memory';
  const system = parsePressure(sysroot.readText(file));
  if (system === null) {
    // The file of a kernel that was started with psi=0 exists and cannot be read (EOPNOTSUPP).
    const reason = sysroot.exists(file) ? 'pressure accounting is off' : 'the kernel has no pressure accounting';
    degraded.add('system', reason, 'Start the kernel (4.20 or later, CONFIG_PSI) with psi=1.');
  }
  for (const chain of findCgroups(sysroot, 'memory')) {
    const cgroupFile = `${chain.folders[0] ?? ''}/memory.pressure`;
    const cgroup = chain.version === 2 ? parsePressure(sysroot.readText(cgroupFile)) : null;
    if (cgroup !== null) return { system, cgroup, cgroupFile, degraded: degraded.toArray() };
  }
  degraded.add(
    'cgroup',
    'the own control group has no memory.pressure',
    'Use control groups version 2 with pressure accounting.',
  );
  return { system, cgroup: null, cgroupFile: null, degraded: degraded.toArray() };
}
