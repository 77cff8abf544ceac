import { checkInteger, checkOneOf, checkOptions, memoryError } from '../../core';
import { parsePressure, type Sysroot } from '../../platform';
import { PressureGauge, type PressureThresholds } from '../scale';
import { type FileEvents, quietly } from './file-events';
import { type SourceReading, unavailable } from './source';
import { StallMeter } from './stall-meter';

/** As the kernel takes it: so much stall within a window is pressure. */
export interface PsiTrigger {
  /** `some` task waited, or every task did. Default `some`. */
  readonly kind?: 'some' | 'full';
  /** Default 150 ms. */
  readonly stallMs?: number;
  /** From 500 ms to 10 s; without privileges the kernel takes multiples of 2 s only. Default 2 s. */
  readonly windowMs?: number;
}

export type PsiTriggerSettings = Required<PsiTrigger>;

/** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function checkTrigger(where: string, trigger: PsiTrigger | undefined): PsiTriggerSettings {
  const given = checkOptions(`${where}: trigger`, trigger, ['kind', 'stallMs', 'windowMs']);
  const windowMs = checkInteger(`${where}: trigger.windowMs`, given.windowMs ?? 2000, 500, 10_000);
  return {
    kind: checkOneOf(`${where}: trigger.kind`, given.kind ?? 'some', ['some', 'full']),
    windowMs,
    stallMs: checkInteger(`${where}: trigger.stallMs`, given.stallMs ?? Math.min(150, windowMs), 1, windowMs),
  };
}

export function triggerText({ kind, stallMs, windowMs }: PsiTriggerSettings): string {
  return `${kind} ${stallMs * 1000} ${windowMs * 1000}`;
}

/** Reads what {@link triggerText} writes; null for any other text. */
export function parseTrigger(text: string): PsiTriggerSettings | null {
  const match = /^(some|full) (\d+) (\d+)[\s\0]*$/.exec(text);
  if (match === null) return null;
  const [stallMs, windowMs] = [Number(match[2]) / 1000, Number(match[3]) / 1000];
  if (!(stallMs > 0 && windowMs >= stallMs && windowMs <= 10_000)) return null;
  return { kind: match[1] === 'full' ? 'full' : 'some', stallMs, windowMs };
}

/** Thresholds around a trigger: medium is where it fires. @throws ERR_MEMORY_OUT_OF_RANGE */
export function gaugeFor(where: string, trigger: PsiTriggerSettings, thresholds?: PressureThresholds): PressureGauge {
  const fires = Math.min(0.9, trigger.stallMs / trigger.windowMs);
  const at = (part: number): [number, number] => [fires + (1 - fires) * part, fires + (1 - fires) * part * 0.5];
  return new PressureGauge(where, thresholds, {
    low: [fires * 0.3, fires * 0.15],
    medium: [fires, fires * 0.6],
    high: at(0.15),
    critical: at(0.4),
  });
}

export interface PsiFileOptions {
  readonly sysroot: Sysroot;
  readonly path: string;
  readonly trigger: PsiTriggerSettings;
  /** What is written to set the trigger. */
  readonly text: string | Uint8Array;
  readonly gauge: PressureGauge;
  readonly events: FileEvents;
  readonly wake: () => void;
}

/** Until a trigger that could not be set, or may have been used up, is set again. */
const REFRESH_MS = 60_000;

/**
 * A pressure file, read at each tick. Node.js cannot wait for POLLPRI, so the trigger's sum is done here, on the totals.
 * For a file of a control group a trigger is set all the same: newer kernels tell watchers of the file (inotify) when it
 * fires, which brings the reading forward. An event is never believed by itself: the totals decide.
 */
export class PsiFile {
  private readonly options: PsiFileOptions;
  private readonly meter: StallMeter;
  private disarm: (() => void) | null = null;
  private rearmAtMs = 0;
  private woken = false;
  private lastTotalUs = 0;
  /** An event came, and the totals agreed with it. */
  hasEvents = false;

  constructor(options: PsiFileOptions) {
    this.options = options;
    this.meter = new StallMeter(options.trigger.windowMs);
  }

  /** @throws ERR_MEMORY_UNSUPPORTED */
  read(nowMs: number): SourceReading {
    const { sysroot, path, trigger, gauge } = this.options;
    const reading = parsePressure(sysroot.readText(path));
    if (reading === null) {
      this.close();
      // The file of a kernel that was started with psi=0 exists and cannot be read.
      const reason = sysroot.exists(path) ? `${path} tells no pressure` : `${path} is not there`;
      throw unavailable(reason, 'Start the kernel (4.20 or later, CONFIG_PSI) with psi=1.');
    }
    const line = trigger.kind === 'full' ? reading.full : reading.some;
    if (line === null) throw unavailable(`${path} does not count '${trigger.kind}'`);
    // A group made anew under the same name: the trigger is on the file that was there.
    if (line.totalUs !== null && line.totalUs < this.lastTotalUs) this.rearmAtMs = nowMs;
    this.lastTotalUs = line.totalUs ?? 0;
    let share = (line.totalUs === null ? null : this.meter.add(nowMs, line.totalUs)) ?? line.avg10Ratio;
    if (this.woken) share = this.believed(share, nowMs);
    if (nowMs >= this.rearmAtMs) this.arm(nowMs);
    const detail = `${trigger.kind} ${share.toFixed(3)} of the time (${path})`;
    return { level: gauge.update(share), value: share, detail };
  }

  /**
   * The share after the kernel woke us. The totals must agree: whoever else writes to the file wakes us as well, such as
   * another process that sets its trigger.
   */
  private believed(share: number, nowMs: number): number {
    const { stallMs, windowMs } = this.options.trigger;
    this.woken = false;
    if (this.meter.growthUs < (stallMs * 1000) / 2) {
      this.rearmAtMs = Math.min(this.rearmAtMs, nowMs + REFRESH_MS);
      return share;
    }
    this.hasEvents = true;
    // The kernel tells once of a trigger that nobody polls: a new one is set when its window is over.
    this.disarmNow();
    this.rearmAtMs = nowMs + windowMs;
    return Math.max(share, stallMs / windowMs);
  }

  close(): void {
    this.disarmNow();
    this.meter.reset();
    this.lastTotalUs = 0;
    this.rearmAtMs = 0;
  }

  private arm(nowMs: number): void {
    const { path, text, events, wake } = this.options;
    this.disarmNow();
    // Files of procfs wake pollers only: a trigger there would cost the kernel work for nothing.
    if (!path.startsWith('/proc/')) this.disarm = quietly(() => this.armed(path, text, events, wake));
    this.rearmAtMs = this.disarm === null ? nowMs + REFRESH_MS : Number.POSITIVE_INFINITY;
  }

  private armed(path: string, text: string | Uint8Array, events: FileEvents, wake: () => void): () => void {
    const drop = events.trigger(path, text);
    try {
      const unwatch = events.watch(path, () => {
        this.woken = true;
        wake();
      });
      return () => {
        quietly(unwatch);
        quietly(drop);
      };
    } catch (error) {
      drop();
      throw memoryError('ERR_MEMORY_UNSUPPORTED', `${path} cannot be watched`, { cause: error });
    }
  }

  private disarmNow(): void {
    this.disarm?.();
    this.disarm = null;
    this.woken = false;
  }
}
