/** A whole number from 1 to 2^31 - 1, which 32-bit arithmetic can handle. For hot paths: words come later. */
export function isSmallInteger(value: unknown): value is number {
  return typeof value === 'number' && (value | 0) === value && value > 0;
}
