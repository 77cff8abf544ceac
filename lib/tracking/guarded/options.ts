import { type ByteSize, checkInteger, checkOptions, parseBytes } from '../../core';

/** How much is guarded, and for how long. */
export interface GuardedOptions {
  /** Guard bytes behind each block, and at least as many in front of it: 0 to 64 KiB, default 16. */
  readonly canaryBytes?: number;
  /** Byte that new blocks are filled with; null leaves them as they are. Default 0xcd. */
  readonly allocatedFill?: number | null;
  /** Byte that freed blocks are filled with; null leaves them, and writes after a free go unnoticed. Default 0xdd. */
  readonly freedFill?: number | null;
  /** Freed memory that is held back, guards included; the oldest leaves first. 0 holds back nothing. Default 1 MiB. */
  readonly quarantineBytes?: ByteSize;
  /** For statistics and errors. Default: the kind of the adaptor around the inner name. */
  readonly name?: string;
}

export type GuardedSettings = Readonly<
  Required<Omit<GuardedOptions, 'name' | 'quarantineBytes'>> & { quarantineBytes: number }
>;

const MOST_CANARY_BYTES = 65_536;

/** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function readGuardedOptions(options: GuardedOptions): GuardedSettings {
  const where = 'GuardedAllocator';
  const given = checkOptions(where, options, [
    ...(['canaryBytes', 'allocatedFill', 'freedFill', 'quarantineBytes', 'name'] as const),
  ]);
  return {
    canaryBytes: checkInteger(`${where}: canaryBytes`, given.canaryBytes ?? 16, 0, MOST_CANARY_BYTES),
    allocatedFill: readFill(`${where}: allocatedFill`, given.allocatedFill, 0xcd),
    freedFill: readFill(`${where}: freedFill`, given.freedFill, 0xdd),
    quarantineBytes: parseBytes(given.quarantineBytes ?? 2 ** 20, `${where}: quarantineBytes`),
  };
}

function readFill(name: string, value: number | null | undefined, otherwise: number): number | null {
  return value === null ? null : checkInteger(name, value ?? otherwise, 0, 255);
}
