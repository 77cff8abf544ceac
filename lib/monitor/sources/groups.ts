import { checkFunction, describe, memoryError } from '../../core';
import { type CgroupChain, findCgroups, openSysroot, type Sysroot } from '../../platform';
import { readable } from '../readable';

/** How long what was found of the machine's shape is believed: a process may be moved to another group. */
export const RESCAN_MS = 30_000;

/** The control groups of this process, looked up now and then. */
export class GroupFinder {
  private readonly sysroot: Sysroot;
  private chains: readonly CgroupChain[] | null = null;
  private foundAtMs = 0;

  constructor(sysroot: Sysroot) {
    this.sysroot = sysroot;
  }

  find(nowMs: number): readonly CgroupChain[] {
    if (this.chains === null || nowMs - this.foundAtMs >= RESCAN_MS) {
      this.chains = findCgroups(this.sysroot, 'memory');
      this.foundAtMs = nowMs;
    }
    return this.chains;
  }

  /** After something that should be there was not. */
  forget(): void {
    this.chains = null;
  }
}

/** A number alone in a file; null for any other text. */
export function countOf(text: string | null): number | null {
  const trimmed = text?.trim() ?? '';
  return /^\d+$/.test(trimmed) ? Number(trimmed) : null;
}

const NO_LIMIT = 2 ** 60;

/** A limit file: `max` and the huge number of version 1 are none. */
export function limitOf(text: string | null): number | null {
  const bytes = countOf(text);
  return bytes === null || bytes >= NO_LIMIT ? null : bytes;
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT */
export function checkSysroot(where: string, sysroot: Sysroot | undefined): Sysroot {
  if (sysroot === undefined) return openSysroot();
  const shape = sysroot as Partial<Sysroot> | null;
  if (shape === null || typeof shape !== 'object') {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${where}: sysroot must be one of openSysroot(), got ${describe(sysroot)}`,
    );
  }
  readable(`${where}: sysroot`, () => checkFunction(`${where}: sysroot.readText`, shape.readText));
  return sysroot;
}
