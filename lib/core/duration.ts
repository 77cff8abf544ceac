import { splitQuantity, threeDigits } from './decimal';
import { describe } from './describe';
import { memoryError } from './errors';

/** A time span: milliseconds, or a string such as '100ms', '2s', '5min', '1h'. */
export type Duration = number | string;

const UNITS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const LARGEST = Number.MAX_SAFE_INTEGER;

/**
 * Reads a time span. Units: us, ms, s, m or min, h, d; a number, or a string without a unit, counts milliseconds.
 *
 * @param name the argument as the user knows it
 * @returns milliseconds, 0 to 2^53 - 1, fractions allowed
 * @throws ERR_MEMORY_INVALID_ARGUMENT for another form, ERR_MEMORY_OUT_OF_RANGE for negative or too long spans
 */
export function parseDuration(value: Duration, name: string = 'duration'): number {
  const ms = typeof value === 'number' ? value : fromText(value, name);
  if (Number.isNaN(ms)) throw malformed(value, name);
  if (ms < 0 || ms > LARGEST) {
    throw memoryError('ERR_MEMORY_OUT_OF_RANGE', `${name} must be from 0 to ${LARGEST} ms, got ${describe(value)}`);
  }
  return ms === 0 ? 0 : ms;
}

function fromText(value: unknown, name: string): number {
  const quantity = typeof value === 'string' ? splitQuantity(value) : null;
  if (quantity === null) throw malformed(value, name);
  const unit = quantity.unit === '' ? 'ms' : quantity.unit;
  const factor = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
  if (factor === undefined) throw malformed(value, name);
  const number = Number(`${quantity.digits}e-${quantity.places}`);
  return (quantity.negative ? -1 : 1) * number * factor;
}

function malformed(value: unknown, name: string): Error {
  return memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `${name} must be a number of milliseconds or a string such as '100ms', '2s', '5min', '1h', got ${describe(value)}`,
    { hint: 'Units are us, ms, s, m or min, h and d.' },
  );
}

const STEPS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const;

/** A time span for people: three significant digits, '950 ms', '1.5 s', '2 min'; below a millisecond '250 us'. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return `${ms} ms`;
  if (ms === 0) return '0 ms';
  for (const [unit, factor] of STEPS) {
    if (Math.abs(ms) >= factor) return `${threeDigits(ms / factor)} ${unit}`;
  }
  return `${threeDigits(ms * 1000)} us`;
}
