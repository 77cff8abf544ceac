import { checkInteger, checkOneOf, checkOptions, PRESSURE_LEVELS, type PressureLevel } from '../core';

/** How important a request is: a number from 0 to 100, or a word for one. Low ones are refused first when memory is short. */
export type Priority = number | PriorityName;

export type PriorityName = keyof typeof PRIORITIES;

export const PRIORITIES = Object.freeze({ background: 0, low: 25, normal: 50, high: 75, critical: 100 } as const);

export const NORMAL = 50;

/** @throws ERR_MEMORY_INVALID_ARGUMENT naming the nearest word, ERR_MEMORY_OUT_OF_RANGE */
export function checkPriority(name: string, priority: unknown): number {
  if (typeof priority !== 'string') return checkInteger(name, priority, 0, 100);
  const words = Object.keys(PRIORITIES) as PriorityName[];
  return PRIORITIES[checkOneOf(`${name}, where it is no number from 0 to 100,`, priority, words)];
}

/** The least priority that is served at each level of pressure. */
export type Admission = { readonly [level in PressureLevel]?: Priority };

const DEFAULTS: Readonly<Record<PressureLevel, number>> = Object.freeze({
  none: 0,
  low: 0,
  medium: 25,
  high: 50,
  critical: 75,
});

/** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function readAdmission(where: string, given: Admission | undefined): Readonly<Record<PressureLevel, number>> {
  const checked = checkOptions<Admission>(where, given, PRESSURE_LEVELS);
  const admission: Record<PressureLevel, number> = { ...DEFAULTS };
  for (const level of PRESSURE_LEVELS) {
    if (checked[level] !== undefined) admission[level] = checkPriority(`${where}.${level}`, checked[level]);
  }
  return Object.freeze(admission);
}
