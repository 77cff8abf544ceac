import { describe } from './describe';
import { memoryError } from './errors';

const HALF_WORD = 2 ** 31; // bit operators see 32 bits only: larger numbers are tested by division

/** True for 1, 2, 4 … 2^52. False for everything else, whatever its type. */
export function isPowerOfTwo(value: number): boolean {
  if (!Number.isSafeInteger(value) || value <= 0) return false;
  if (value < HALF_WORD) return (value & (value - 1)) === 0;
  const high = value / HALF_WORD;
  return Number.isInteger(high) && (high & (high - 1)) === 0;
}

/**
 * Checks an alignment and returns it.
 *
 * @throws ERR_MEMORY_INVALID_ALIGNMENT for what is no power of two, or above `max` bytes
 */
export function checkAlignment(alignment: number, max: number = 2 ** 52, name: string = 'alignment'): number {
  if (!isPowerOfTwo(alignment) || alignment > max) {
    throw memoryError(
      'ERR_MEMORY_INVALID_ALIGNMENT',
      `${name} must be a power of two from 1 to ${max} bytes, got ${describe(alignment)}`,
    );
  }
  return alignment;
}

function checkSize(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw memoryError(
      'ERR_MEMORY_OUT_OF_RANGE',
      `${name} must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}, got ${describe(value)}`,
    );
  }
}

function overflow(text: string): Error {
  return memoryError('ERR_MEMORY_OVERFLOW', `${text} exceeds ${Number.MAX_SAFE_INTEGER}`, {
    limitBytes: Number.MAX_SAFE_INTEGER,
  });
}

/**
 * The least multiple of a power of two that is not below `value`.
 *
 * @throws ERR_MEMORY_INVALID_ALIGNMENT, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_OVERFLOW past 2^53 - 1
 */
export function alignUp(value: number, alignment: number): number {
  checkAlignment(alignment);
  checkSize('value', value);
  const rest = value % alignment;
  if (rest === 0) return value;
  const result = value + (alignment - rest);
  if (result > Number.MAX_SAFE_INTEGER) throw overflow(`${value} aligned up to ${alignment}`);
  return result;
}

/**
 * The greatest multiple of a power of two that is not above `value`.
 *
 * @throws ERR_MEMORY_INVALID_ALIGNMENT, ERR_MEMORY_OUT_OF_RANGE
 */
export function alignDown(value: number, alignment: number): number {
  checkAlignment(alignment);
  checkSize('value', value);
  return value - (value % alignment);
}

/** a + b for sizes. @throws ERR_MEMORY_OUT_OF_RANGE for no size, ERR_MEMORY_OVERFLOW past 2^53 - 1 */
export function checkedAdd(a: number, b: number): number {
  checkSize('left operand', a);
  checkSize('right operand', b);
  const sum = a + b;
  if (sum > Number.MAX_SAFE_INTEGER) throw overflow(`${a} + ${b}`);
  return sum;
}

/** a * b for sizes. @throws ERR_MEMORY_OUT_OF_RANGE for no size, ERR_MEMORY_OVERFLOW past 2^53 - 1 */
export function checkedMultiply(a: number, b: number): number {
  checkSize('left operand', a);
  checkSize('right operand', b);
  const product = a * b; // rounding cannot bring a product above 2^53 - 1 down to it
  if (product > Number.MAX_SAFE_INTEGER) throw overflow(`${a} * ${b}`);
  return product === 0 ? 0 : product;
}
