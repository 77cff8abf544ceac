import { checkOptions } from '../../core';
import { type AllocatorOptions, COMMON_OPTIONS, type CommonSettings, commonSettings } from '../base';

/** Options of a {@link StackAllocator}. */
export type StackOptions = AllocatorOptions;

/** The original's presets; its retry limits have no counterpart here. */
export const STACK_PRESETS = {
  production: { stats: false },
  debug: { stats: true, allocFill: 0xcc, freeFill: 0xdd },
  performance: { stats: false },
} as const satisfies Record<string, StackOptions>;

/** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function stackSettings(where: string, given: StackOptions | undefined): CommonSettings {
  return commonSettings(where, checkOptions<StackOptions>(where, given, COMMON_OPTIONS));
}
