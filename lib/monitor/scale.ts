import {
  checkNumber,
  checkOneOf,
  checkOptions,
  describe,
  memoryError,
  PRESSURE_LEVELS,
  type PressureLevel,
} from '../core';
import { readable } from './readable';

const RANK: Readonly<Record<PressureLevel, number>> = { none: 0, low: 1, medium: 2, high: 3, critical: 4 };

/** 0 for none to 4 for critical. */
export function rankOf(level: PressureLevel): number {
  return RANK[level];
}

export function isLevel(value: unknown): value is PressureLevel {
  return typeof value === 'string' && Object.hasOwn(RANK, value);
}

/** A level at which something can begin: any but none. @throws ERR_MEMORY_INVALID_ARGUMENT */
export function checkStage(name: string, value: unknown): PressureStage {
  return checkOneOf(name, value, STAGES);
}

export type PressureStage = Exclude<PressureLevel, 'none'>;

export const STAGES: readonly PressureStage[] = Object.freeze(['low', 'medium', 'high', 'critical']);

/**
 * From which value on a level holds: `[enter, leave]`, with leave below enter, or the first alone (leave is then nine
 * tenths of it). Null: this source never says so. What is left out keeps the source's own thresholds.
 */
export type PressureThresholds = {
  readonly [stage in PressureStage]?: number | readonly [enter: number, leave: number] | null;
};

/** Share of a limit in use. */
export const FULLNESS: PressureThresholds = Object.freeze<PressureThresholds>({
  low: [0.7, 0.65],
  medium: [0.8, 0.75],
  high: [0.9, 0.85],
  critical: [0.95, 0.92],
});

const LEAVE_RATIO = 0.9;

/**
 * Turns a measured value into a level, with a threshold to enter each level and a lower one to leave it, so that a value
 * that trembles around a threshold gives one level and not two. For sources of one's own.
 */
export class PressureGauge {
  private readonly enter: number[] = [];
  private readonly leave: number[] = [];
  private rank = 0;

  /**
   * @param where whose thresholds they are, for errors
   * @param thresholds the user's
   * @param defaults for what they leave out
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE for thresholds that do not ascend
   */
  constructor(where: string, thresholds?: PressureThresholds, defaults: PressureThresholds = FULLNESS) {
    const given = checkOptions<PressureThresholds>(`${where}: thresholds`, thresholds, STAGES);
    let below = { enter: 0, leave: 0 };
    for (const stage of STAGES) {
      const own = given[stage] === undefined ? defaults[stage] : given[stage];
      const name = `${where}: thresholds.${stage}`;
      const pair = readable(name, () => readPair(name, own));
      if (pair !== null) {
        if (pair.enter <= below.enter || pair.leave < below.leave) {
          throw memoryError(
            'ERR_MEMORY_OUT_OF_RANGE',
            `${where}: thresholds.${stage} must lie above those of the levels below it (${below.enter}, left at ${below.leave}), ` +
              `got ${pair.enter}, left at ${pair.leave}`,
            { hint: 'What is left out keeps its default: give the levels around it as well, or null for never.' },
          );
        }
        below = pair;
      }
      this.enter.push(pair?.enter ?? Number.POSITIVE_INFINITY);
      this.leave.push(pair?.leave ?? Number.POSITIVE_INFINITY);
    }
  }

  get level(): PressureLevel {
    return PRESSURE_LEVELS[this.rank] ?? 'none';
  }

  /** The value below which every level is left: what stays under it needs no closer look. */
  get lowest(): number {
    return Math.min(...this.leave);
  }

  /** @throws ERR_MEMORY_INVALID_ARGUMENT for what is no number: not knowing is not calm */
  update(value: number): PressureLevel {
    if (typeof value !== 'number' || Number.isNaN(value)) {
      throw memoryError(
        'ERR_MEMORY_INVALID_ARGUMENT',
        `PressureGauge: a reading must be a number, got ${describe(value)}`,
      );
    }
    let next = 0;
    for (let rank = 1; rank <= this.enter.length; rank += 1) {
      const threshold = rank <= this.rank ? this.leave[rank - 1] : this.enter[rank - 1];
      if (threshold !== undefined && value >= threshold) next = rank;
    }
    this.rank = next;
    return this.level;
  }

  reset(): void {
    this.rank = 0;
  }
}

function readPair(name: string, value: unknown): { readonly enter: number; readonly leave: number } | null {
  if (value === null || value === undefined) return null;
  const [enter, leave] = Array.isArray(value) ? (value as unknown[]) : [value, undefined];
  if (Array.isArray(value) && value.length !== 2) {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${name} must be a number, [enter, leave] or null, got ${describe(value)} of length ${value.length}`,
    );
  }
  const entered = checkNumber(`${name}, to enter,`, enter, Number.MIN_VALUE, Number.MAX_VALUE);
  if (leave === undefined) return { enter: entered, leave: entered * LEAVE_RATIO };
  const left = checkNumber(`${name}, to leave,`, leave, 0, Number.MAX_VALUE);
  if (left >= entered) {
    throw memoryError('ERR_MEMORY_OUT_OF_RANGE', `${name}: must be left below ${entered}, got ${left}`);
  }
  return { enter: entered, leave: left };
}

/**
 * The level that is told: it goes up with the readings at once, and down when they have been lower for the whole of the
 * dwell time, to the highest of those. So between any change and the next fall lies at least that time.
 */
export class LevelDwell {
  dwellMs: number;
  level: PressureLevel = 'none';
  private calmSinceMs: number | null = null;
  private calmHighest: PressureLevel = 'none';

  constructor(dwellMs: number) {
    this.dwellMs = dwellMs;
  }

  update(raw: PressureLevel, nowMs: number): PressureLevel {
    const gap = RANK[raw] - RANK[this.level];
    if (gap >= 0) {
      this.level = raw;
      this.calmSinceMs = null;
      return this.level;
    }
    if (this.calmSinceMs === null) {
      this.calmSinceMs = nowMs;
      this.calmHighest = raw;
    } else if (RANK[raw] > RANK[this.calmHighest]) {
      this.calmHighest = raw;
    }
    if (nowMs - this.calmSinceMs >= this.dwellMs) {
      this.level = this.calmHighest;
      this.calmSinceMs = RANK[raw] < RANK[this.level] ? nowMs : null;
      this.calmHighest = raw;
    }
    return this.level;
  }

  reset(): void {
    this.level = 'none';
    this.calmSinceMs = null;
  }
}
