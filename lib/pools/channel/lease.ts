import type { SharedBlockLease } from '../../allocators';
import { checkInteger } from '../../core';

// A lease in a message: three 64-bit floats, 24 bytes.

const TYPE = 'nebula-memory.shared-lease';

/** The lease that a value is or, as a box, has; null for other values. @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function leaseOf(where: string, value: unknown): SharedBlockLease | null {
  if (typeof value !== 'object' || value === null) return null;
  const given = 'lease' in value ? (value as { lease: unknown }).lease : value;
  if (typeof given !== 'object' || given === null || (given as Partial<SharedBlockLease>).type !== TYPE) return null;
  const { offset, byteLength, generation } = given as SharedBlockLease;
  return {
    type: TYPE,
    offset: checkInteger(`${where}: lease.offset`, offset),
    byteLength: checkInteger(`${where}: lease.byteLength`, byteLength, 1),
    generation: checkInteger(`${where}: lease.generation`, generation),
  };
}

/** Writes it at a byte offset that is a multiple of eight. */
export function writeLease(doubles: Float64Array, at: number, lease: SharedBlockLease): void {
  doubles[at / 8] = lease.offset;
  doubles[at / 8 + 1] = lease.byteLength;
  doubles[at / 8 + 2] = lease.generation;
}

/** Null for numbers that no lease has. */
export function readLease(doubles: Float64Array, at: number): SharedBlockLease | null {
  const [offset = -1, byteLength = -1, generation = -1] = doubles.subarray(at / 8, at / 8 + 3);
  const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(byteLength) && Number.isSafeInteger(generation);
  if (!whole || offset < 0 || byteLength < 1 || generation < 0) return null;
  return Object.freeze({ type: TYPE, offset, byteLength, generation });
}
