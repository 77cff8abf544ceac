import { checkBoolean, checkOptions } from '../../core';
import { type AllocatorOptions, COMMON_OPTIONS, type CommonSettings, commonSettings } from '../base';

/** Options of a {@link HeapAllocator}. */
export interface HeapOptions extends AllocatorOptions {
  /**
   * Remembers the size of each block, so that a free with any other size throws; otherwise a size of the same class
   * passes. Costs a Map entry a block. Default false; the debug preset sets it.
   */
  readonly exactSizes?: boolean;
}

export interface HeapSettings extends CommonSettings {
  readonly exactSizes: boolean;
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function checkHeapOptions(where: string, options: HeapOptions | undefined): HeapSettings {
  const given = checkOptions<HeapOptions>(where, options, [...COMMON_OPTIONS, 'exactSizes']);
  return {
    ...commonSettings(where, given),
    exactSizes: given.exactSizes === undefined ? false : checkBoolean(`${where}: exactSizes`, given.exactSizes),
  };
}
