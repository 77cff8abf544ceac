import { checkOneOf, checkOptions, checkString } from '../../core';
import { findCgroups, type Sysroot } from '../../platform';
import type { PressureGauge, PressureThresholds } from '../scale';
import { type FileEvents, fileEventsFor } from './file-events';
import { checkSysroot, RESCAN_MS } from './groups';
import { checkTrigger, gaugeFor, PsiFile, type PsiTrigger, type PsiTriggerSettings, triggerText } from './psi-file';
import { type PressureSource, type SourceReading, unavailable } from './source';

export interface PsiSourceOptions {
  readonly name?: string;
  /** Whose stalls: of the own control group, of the machine, or of the group where it counts them. Default `auto`. */
  readonly scope?: 'auto' | 'cgroup' | 'system';
  readonly trigger?: PsiTrigger;
  /** Share of the trigger's window lost. Default: medium where the trigger fires (0.075), low below, high 0.21, critical 0.45. */
  readonly thresholds?: PressureThresholds;
  /** For tests: another machine. */
  readonly sysroot?: Sysroot;
  /** For tests. */
  readonly events?: FileEvents;
}

const SYSTEM_FILE = '/proc/pressure/memory';
const NO_WAKE = (): void => {};

/** Pressure stall information: the share of time in which tasks waited for memory. */
export class PsiSource implements PressureSource {
  readonly name: string;
  private readonly scope: 'auto' | 'cgroup' | 'system';
  private readonly trigger: PsiTriggerSettings;
  private readonly gauge: PressureGauge;
  private readonly sysroot: Sysroot;
  private readonly events: FileEvents;
  private file: PsiFile | null = null;
  private path: string | null = null;
  private locatedAtMs = 0;
  private wake = NO_WAKE;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
  constructor(options?: PsiSourceOptions) {
    const where = 'PsiSource';
    const given = checkOptions(where, options, ['name', 'scope', 'trigger', 'thresholds', 'sysroot', 'events']);
    this.name = checkString(`${where}: name`, given.name ?? 'psi', 200);
    this.scope = checkOneOf(`${where}: scope`, given.scope ?? 'auto', ['auto', 'cgroup', 'system']);
    this.trigger = checkTrigger(where, given.trigger);
    this.gauge = gaugeFor(where, this.trigger, given.thresholds);
    this.sysroot = checkSysroot(where, given.sysroot);
    this.events = fileEventsFor(where, this.sysroot, given.events);
  }

  get mode(): 'poll' | 'event' {
    return this.file?.hasEvents ? 'event' : 'poll';
  }

  start(wake: () => void): void {
    this.wake = wake;
  }

  stop(): void {
    this.leave();
    this.wake = NO_WAKE;
    this.gauge.reset();
  }

  read(nowMs: number): SourceReading {
    const path = this.locate(nowMs);
    if (path !== this.path || this.file === null) {
      this.leave();
      this.path = path;
      const { sysroot, trigger, gauge, events } = this;
      const text = `${triggerText(trigger)}\0`;
      this.file = new PsiFile({ sysroot, path, trigger, text, gauge, events, wake: () => this.wake() });
    }
    try {
      return this.file.read(nowMs);
    } catch (error) {
      this.leave();
      this.gauge.reset();
      throw error;
    }
  }

  private locate(nowMs: number): string {
    if (this.path !== null && nowMs - this.locatedAtMs < RESCAN_MS) return this.path;
    this.locatedAtMs = nowMs;
    if (this.scope === 'system') return SYSTEM_FILE;
    const chain = findCgroups(this.sysroot, 'memory').find(({ version }) => version === 2);
    const path = chain === undefined ? null : `${chain.folders[0]}/memory.pressure`;
    if (path !== null && this.sysroot.exists(path)) return path;
    if (this.scope === 'auto') return SYSTEM_FILE;
    throw unavailable(
      'the own control group has no memory.pressure',
      'Use control groups version 2 with pressure accounting.',
    );
  }

  private leave(): void {
    this.file?.close();
    this.file = null;
    this.path = null;
  }
}
