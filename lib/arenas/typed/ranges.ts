import { checkInteger, describe, memoryError } from '../../core';

/** Kinds of numbers that a field or an element can have. */
export type NumberKind = 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'f32' | 'f64' | 'u64' | 'i64';

// One small function a kind, for hot paths: true for what is stored without a change (f32 and f64 take any number).
export function isU8(value: unknown): value is number {
  return typeof value === 'number' && (value & 0xff) === value;
}
export function isI8(value: unknown): value is number {
  return typeof value === 'number' && (value << 24) >> 24 === value;
}
export function isU16(value: unknown): value is number {
  return typeof value === 'number' && (value & 0xffff) === value;
}
export function isI16(value: unknown): value is number {
  return typeof value === 'number' && (value << 16) >> 16 === value;
}
export function isU32(value: unknown): value is number {
  return typeof value === 'number' && value >>> 0 === value;
}
export function isI32(value: unknown): value is number {
  return typeof value === 'number' && (value | 0) === value;
}
export function isFloat(value: unknown): value is number {
  return typeof value === 'number';
}
export function isU64(value: unknown): value is bigint {
  return typeof value === 'bigint' && BigInt.asUintN(64, value) === value;
}
export function isI64(value: unknown): value is bigint {
  return typeof value === 'bigint' && BigInt.asIntN(64, value) === value;
}

/** The function of a kind. */
export const FITS: Readonly<Record<NumberKind, (value: unknown) => boolean>> = Object.freeze({
  u8: isU8,
  i8: isI8,
  u16: isU16,
  i16: isI16,
  u32: isU32,
  i32: isI32,
  f32: isFloat,
  f64: isFloat,
  u64: isU64,
  i64: isI64,
});

const TYPED_ARRAY = Object.getPrototypeOf(Uint8Array.prototype) as object;
const TAG = Object.getOwnPropertyDescriptor(TYPED_ARRAY, Symbol.toStringTag)?.get as () => string | undefined;
const LENGTH = Object.getOwnPropertyDescriptor(TYPED_ARRAY, 'length')?.get as () => number;

/** True for a typed array by this name, of whichever realm: all that it holds fits into another one. */
export function isArrayOf(name: string, values: unknown): boolean {
  return TAG.call(values) === name;
}

/** The length of what is a typed array, also where it has a property of that name that says something else. */
export function arrayLength(values: unknown): number {
  return LENGTH.call(values);
}

/** The error for a value that does not fit. ERR_MEMORY_OUT_OF_RANGE, or ERR_MEMORY_INVALID_ARGUMENT for another type. */
export function misfit(what: string, kind: NumberKind, value: unknown): Error {
  const bits = Number(kind.slice(1));
  const signed = kind.startsWith('i');
  const big = bits === 64 && !kind.startsWith('f');
  if (big && typeof value === 'bigint') {
    const low = signed ? -(2n ** 63n) : 0n;
    const high = signed ? 2n ** 63n - 1n : 2n ** 64n - 1n;
    return memoryError('ERR_MEMORY_OUT_OF_RANGE', `${what} must be from ${low} to ${high}, got ${describe(value)}`);
  }
  if (big || kind.startsWith('f')) {
    const wanted = big ? 'a bigint' : 'a number';
    return memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${what} must be ${wanted}, got ${describe(value)}`);
  }
  try {
    checkInteger(what, value, signed ? -(2 ** (bits - 1)) : 0, 2 ** (signed ? bits - 1 : bits) - 1);
  } catch (error) {
    return error as Error;
  }
  return memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${what} does not fit, got ${describe(value)}`);
}
