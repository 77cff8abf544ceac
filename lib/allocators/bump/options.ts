import { checkBoolean, checkInteger, checkOptions } from '../../core';
import { type AllocatorOptions, COMMON_OPTIONS, type CommonSettings, commonSettings } from '../base';

/** Options of a {@link BumpAllocator}. */
export interface BumpOptions extends AllocatorOptions {
  /** Smaller blocks take this many bytes. 1 to 4096, default 8. */
  readonly leastBytes?: number;
  /**
   * Keeps a list of the blocks (16 bytes each), so that double, foreign and wrongly sized frees are found exactly. Default
   * false: a second free of the same block, what lies outside of the used part, and more frees than blocks are noticed,
   * a free in the middle of a block is not.
   */
  readonly exactFrees?: boolean;
}

export interface BumpSettings extends CommonSettings {
  readonly leastBytes: number;
  readonly exactFrees: boolean;
}

/** The original's presets; its prefetch distances have no counterpart here. */
export const BUMP_PRESETS = {
  production: { stats: false, leastBytes: 16 },
  debug: { stats: true, leastBytes: 1, allocFill: 0xaa, freeFill: 0xdd, exactFrees: true },
  performance: { stats: false, leastBytes: 64 },
  conservative: { stats: true, leastBytes: 8 },
  singleThread: {},
} as const satisfies Record<string, BumpOptions>;

const KEYS = [...COMMON_OPTIONS, 'leastBytes', 'exactFrees'] as const;

/** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function bumpSettings(where: string, given: BumpOptions | undefined): BumpSettings {
  const options = checkOptions<BumpOptions>(where, given, KEYS);
  return {
    ...commonSettings(where, options),
    leastBytes:
      options.leastBytes === undefined ? 8 : checkInteger(`${where}: leastBytes`, options.leastBytes, 1, 4096),
    exactFrees: options.exactFrees !== undefined && checkBoolean(`${where}: exactFrees`, options.exactFrees),
  };
}
