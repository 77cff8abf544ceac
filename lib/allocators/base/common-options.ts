import {
  type BudgetLike,
  checkBoolean,
  checkBudget,
  checkInteger,
  checkString,
  describe,
  memoryError,
  type RegionProvider,
} from '../../core';
import type { Region } from '../../platform';
import { isProvider } from './source';

/** What the options of all local allocators share. */
export interface AllocatorOptions {
  /** Shown in errors and statistics. Default: the class's name. */
  readonly name?: string;
  /** Whether operations are counted. Default true: it costs less than can be measured. */
  readonly stats?: boolean;
  /** Byte that blocks are filled with when they are handed out; null (default) leaves them as they are. */
  readonly allocFill?: number | null;
  /** Byte that blocks are filled with when they are given back; null (default) leaves them as they are. */
  readonly freeFill?: number | null;
  /** Where memory comes from that is acquired here: one whose acquire() returns a Region. Default: the system. */
  readonly provider?: RegionProvider;
  /** Charged in whole pages for memory that is acquired here, until it is let go of. Default: none. */
  readonly budget?: BudgetLike;
}

export const COMMON_OPTIONS = ['name', 'stats', 'allocFill', 'freeFill', 'provider', 'budget'] as const;

/** The same with nothing left open; -1 stands for no fill. */
export interface CommonSettings {
  readonly name: string;
  readonly stats: boolean;
  readonly allocFill: number;
  readonly freeFill: number;
  readonly provider: RegionProvider | undefined;
  readonly budget: BudgetLike | undefined;
}

function fillOf(name: string, value: number | null | undefined): number {
  return value === undefined || value === null ? -1 : checkInteger(name, value, 0, 255);
}

/** Reads the shared options. @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function commonSettings(where: string, options: AllocatorOptions): CommonSettings {
  const { provider, budget } = options;
  if (provider !== undefined && !isProvider(provider)) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: provider is none, got ${describe(provider)}`, {
      hint: 'A provider has the methods acquire and release.',
    });
  }
  return {
    provider,
    budget: budget === undefined ? undefined : checkBudget(where, budget),
    name: options.name === undefined ? where : checkString(`${where}: name`, options.name, 200),
    stats: options.stats === undefined || checkBoolean(`${where}: stats`, options.stats),
    allocFill: fillOf(`${where}: allocFill`, options.allocFill),
    freeFill: fillOf(`${where}: freeFill`, options.freeFill),
  };
}

const FILL_STEP_BYTES = 2 ** 30; // one buffer cannot span every region: fill in windows

/** Fills a range of a region. @throws ERR_MEMORY_FREED */
export function fillRange(where: string, region: Region, offset: number, byteLength: number, byte: number): void {
  if (region.state === 'freed') {
    throw memoryError('ERR_MEMORY_FREED', `${where}: the region below the allocator was freed`);
  }
  for (let done = 0; done < byteLength; done += FILL_STEP_BYTES) {
    region.window(offset + done, Math.min(FILL_STEP_BYTES, byteLength - done)).fill(byte);
  }
}
