import { type ByteSize, checkFunction, checkOptions, checkString, describe, parseBytes } from '../../core';
import { type CgroupLimits, type Limits, parseKeyed, readLimits, type Sysroot } from '../../platform';
import { PressureGauge, type PressureThresholds } from '../scale';
import { checkSysroot, countOf, limitOf, RESCAN_MS } from './groups';
import { type PressureSource, type SourceReading, unavailable } from './source';

export interface UtilizationSourceOptions {
  readonly name?: string;
  /** Share of the tightest limit in use. Default: low 0.7, medium 0.8, high 0.9, critical 0.95. */
  readonly thresholds?: PressureThresholds;
  /** A limit of one's own on the resident memory of this process, in place of those that the machine sets. */
  readonly limitBytes?: ByteSize;
  /** For tests: another machine. */
  readonly sysroot?: Sysroot;
  /** For tests. Default: `process.memoryUsage.rss`. */
  readonly residentBytes?: () => number;
}

interface Use {
  readonly usedBytes: number;
  readonly limitBytes: number;
  /** The file or the word for who set the limit. */
  readonly setBy: string;
}

/**
 * Memory in use against every limit that holds for this process; the fullest counts. For control groups that is the
 * working set (use without inactive page cache, which the kernel drops first) against memory.max or, where it is lower,
 * memory.high, of the own group and of each parent; then the machine's memory, and RLIMIT_AS and RLIMIT_DATA.
 */
export class UtilizationSource implements PressureSource {
  readonly name: string;
  private readonly gauge: PressureGauge;
  private readonly limitBytes: number | null;
  private readonly sysroot: Sysroot;
  private readonly residentBytes: () => number;
  private limits: Limits | null = null;
  private scannedAtMs = 0;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
  constructor(options?: UtilizationSourceOptions) {
    const where = 'UtilizationSource';
    const given = checkOptions(where, options, ['name', 'thresholds', 'limitBytes', 'sysroot', 'residentBytes']);
    this.name = checkString(`${where}: name`, given.name ?? 'utilization', 200);
    this.gauge = new PressureGauge(where, given.thresholds);
    this.limitBytes =
      given.limitBytes === undefined ? null : parseBytes(given.limitBytes, `${where}: limitBytes`, { minBytes: 1 });
    this.sysroot = checkSysroot(where, given.sysroot);
    this.residentBytes = checkFunction(`${where}: residentBytes`, given.residentBytes ?? process.memoryUsage.rss);
  }

  stop(): void {
    this.gauge.reset();
    this.limits = null;
  }

  read(nowMs: number): SourceReading {
    let fullest: Use | null = null;
    for (const use of this.uses(nowMs)) {
      if (fullest === null || use.usedBytes / use.limitBytes > fullest.usedBytes / fullest.limitBytes) fullest = use;
    }
    if (fullest === null) {
      this.stop();
      throw unavailable('no limit on memory can be read here', 'Give one: new UtilizationSource({ limitBytes }).');
    }
    const value = fullest.usedBytes / fullest.limitBytes;
    const detail = `${value.toFixed(2)} of ${fullest.limitBytes} bytes (${fullest.setBy})`;
    return { level: this.gauge.update(value), value, detail };
  }

  private uses(nowMs: number): Use[] {
    if (this.limitBytes !== null) {
      const usedBytes: unknown = this.residentBytes();
      if (typeof usedBytes !== 'number' || !(usedBytes >= 0)) {
        throw unavailable(`residentBytes() tells ${describe(usedBytes)}`);
      }
      return [{ usedBytes, limitBytes: this.limitBytes, setBy: 'limitBytes' }];
    }
    if (this.limits === null || nowMs - this.scannedAtMs >= RESCAN_MS) {
      this.limits = readLimits(this.sysroot);
      this.scannedAtMs = nowMs;
    }
    const { limits } = this;
    const found: (Use | null)[] = limits.cgroups
      .filter(({ binding, highBytes }) => binding || highBytes !== null)
      .map((group) => this.useOfGroup(group));
    found.push(this.useOfHidden(limits), this.useOfMachine(), ...this.useOfProcess(limits));
    return found.filter((use) => use !== null);
  }

  /** Null for a group that is gone: the next scan looks where this process is now. */
  private useOfGroup({ path, version, maxBytes, binding }: CgroupLimits): Use | null {
    const read = (name: string): string | null => this.sysroot.readText(`${path}/memory.${name}`);
    const current = countOf(read(version === 2 ? 'current' : 'usage_in_bytes'));
    if (current === null) {
      this.limits = null;
      return null;
    }
    // Limits may be changed while we run.
    const maxFile = version === 2 ? 'max' : 'limit_in_bytes';
    const max = binding ? (limitOf(read(maxFile)) ?? maxBytes) : null;
    const high = version === 2 ? limitOf(read('high')) : null;
    if (max === null && high === null) return null;
    const isHigh = high !== null && (max === null || high < max);
    const limitBytes = Math.max(1, (isHigh ? high : max) ?? 1);
    const setBy = `${path}/memory.${isHigh ? 'high' : maxFile}`;
    return { usedBytes: this.workingSet(path, version, current, limitBytes), limitBytes, setBy };
  }

  /** Memory.stat costs the kernel a sum over all CPUs: asked for only where its answer can matter. */
  private workingSet(path: string, version: 1 | 2, current: number, limitBytes: number): number {
    if (current / limitBytes < this.gauge.lowest) return current;
    const stat = parseKeyed(this.sysroot.readText(`${path}/memory.stat`));
    const inactive =
      version === 2 ? stat.get('inactive_file') : (stat.get('total_inactive_file') ?? stat.get('inactive_file'));
    return Math.max(0, current - (inactive ?? 0));
  }

  /** Version 1 tells of a parent that cannot be seen: the own group's use is the least that it has. */
  private useOfHidden({ setBy, effectiveBytes, cgroups }: Limits): Use | null {
    if (setBy === null || effectiveBytes === null || !setBy.endsWith('/memory.stat')) return null;
    const [own] = cgroups;
    const current = own === undefined ? null : countOf(this.sysroot.readText(`${own.path}/memory.usage_in_bytes`));
    if (own === undefined || current === null) return null;
    return { usedBytes: this.workingSet(own.path, 1, current, effectiveBytes), limitBytes: effectiveBytes, setBy };
  }

  private useOfMachine(): Use | null {
    const meminfo = parseKeyed(this.sysroot.readText('/proc/meminfo'));
    const total = meminfo.get('MemTotal');
    const available = meminfo.get('MemAvailable') ?? meminfo.get('MemFree');
    if (total === undefined || available === undefined || total === 0) return null;
    return { usedBytes: Math.max(0, total - available), limitBytes: total, setBy: 'machine' };
  }

  private useOfProcess({ rlimits }: Limits): Use[] {
    const [as, data] = [rlimits?.as?.soft ?? null, rlimits?.data?.soft ?? null];
    if (as === null && data === null) return [];
    const status = parseKeyed(this.sysroot.readText('/proc/self/status'));
    const rows = [
      [as, status.get('VmSize'), 'RLIMIT_AS'],
      [data, status.get('VmData'), 'RLIMIT_DATA'],
    ] as const;
    return rows.flatMap(([limitBytes, usedBytes, setBy]) =>
      limitBytes === null || limitBytes === 0 || usedBytes === undefined ? [] : [{ usedBytes, limitBytes, setBy }],
    );
  }
}
