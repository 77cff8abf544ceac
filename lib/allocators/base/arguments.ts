import { checkAlignment, describe, memoryError } from '../../core';

// The slow halves of checks whose fast halves stand inline in the allocators' hot paths.

/** Largest alignment that every allocator grants: regions begin on page boundaries. */
export const MAX_ALIGNMENT = 4096;

/**
 * @throws ERR_MEMORY_INVALID_ARGUMENT for what is no integer, ERR_MEMORY_OUT_OF_RANGE for 0, negative numbers and numbers
 *   past 2^53 - 1
 */
export function checkByteLength(where: string, byteLength: unknown): number {
  if (
    typeof byteLength !== 'number' ||
    Number.isNaN(byteLength) ||
    (Number.isFinite(byteLength) && byteLength % 1 !== 0)
  ) {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${where}: byteLength must be a whole number of bytes, got ${describe(byteLength)}`,
    );
  }
  if (byteLength < 1 || byteLength > Number.MAX_SAFE_INTEGER) {
    throw memoryError(
      'ERR_MEMORY_OUT_OF_RANGE',
      `${where}: byteLength must be from 1 to ${Number.MAX_SAFE_INTEGER} bytes, got ${describe(byteLength)}`,
    );
  }
  return byteLength;
}

/** @throws ERR_MEMORY_INVALID_ALIGNMENT for what is no power of two, or above a page */
export function checkBlockAlignment(where: string, alignment: number): number {
  return checkAlignment(alignment, MAX_ALIGNMENT, `${where}: alignment`);
}

/** An offset that can be an offset at all. @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function checkOffset(where: string, offset: unknown): number {
  if (typeof offset !== 'number' || Number.isNaN(offset) || (Number.isFinite(offset) && offset % 1 !== 0)) {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${where}: offset must be a whole number, got ${describe(offset)}`,
    );
  }
  if (offset < 0 || offset > Number.MAX_SAFE_INTEGER) {
    throw memoryError(
      'ERR_MEMORY_OUT_OF_RANGE',
      `${where}: offset must be from 0 to ${Number.MAX_SAFE_INTEGER}, got ${describe(offset)}`,
    );
  }
  return offset;
}
