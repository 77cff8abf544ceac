import {
  checkInteger,
  checkString,
  describe,
  isMemoryError,
  memoryError,
  type ParseBytesOptions,
  parseBytes,
} from '../../core';
import { Region } from '../../platform';
import { BudgetBook, bytesFor, configFor, MAX_UNITS, readConfig, SHARED_BUDGET_VERSION, writeConfig } from './layout';
import type { SharedBudgetHandle, SharedBudgetOpenOptions, SharedBudgetOptions } from './options';

/** The memory of a shared budget, attached. */
export interface OpenBook {
  readonly region: Region;
  readonly book: BudgetBook;
}

const DEFAULT_MEMBERS = 64;
const MAX_MEMBERS = 1023;
/** Looks, a millisecond apart, at named memory that somebody is making at this moment. */
const LOOKS = 200;

const LIMIT: ParseBytesOptions = { minBytes: 1 };

function wordsOf(region: Region): Int32Array {
  return new Int32Array(region.buffer, 0, Math.floor(region.byteLength / 8) * 2);
}

/** Frees the region where `work` throws. */
function orFree<T>(region: Region, work: () => T): T {
  try {
    return work();
  } catch (error) {
    region.free();
    throw error;
  }
}

function begin(where: string, region: Region, limitBytes: number, members: number): OpenBook {
  const words = wordsOf(region);
  let fitting = members;
  while (fitting > 1 && bytesFor(fitting) > words.length * 4) fitting -= 1;
  writeConfig(new BigInt64Array(words.buffer, 0, words.length >> 1), configFor(limitBytes, fitting));
  return use(where, region);
}

function use(where: string, region: Region): OpenBook {
  const words = wordsOf(region);
  const config = readConfig(where, words);
  if (config === null) {
    throw memoryError('ERR_MEMORY_CORRUPTION', `${where}: the region was never made a budget: it holds zeros`, {
      hint: 'Open it with a limitBytes, or unlink the name.',
    });
  }
  return { region, book: new BudgetBook(words, config) };
}

function checkMembers(where: string, members: unknown): number {
  return checkInteger(`${where}: members`, members ?? DEFAULT_MEMBERS, 1, MAX_MEMBERS);
}

export function makeBook(where: string, options: SharedBudgetOptions, name?: string): OpenBook {
  const limitBytes = parseBytes(options.limitBytes, `${where}: limitBytes`, LIMIT);
  const members = checkMembers(where, options.members);
  const region = Region.shared(bytesFor(members), name === undefined ? {} : { name });
  return orFree(region, () => begin(where, region, limitBytes, members));
}

function errnoName(error: unknown): string {
  return isMemoryError(error, 'ERR_MEMORY_SYSCALL') ? (/\b(ENOENT|EEXIST)\b/.exec(error.message)?.[0] ?? '') : '';
}

/** Opens named memory, and makes it where it is not there and a limit is given; whoever does the same meanwhile. */
export function openBook(where: string, name: string, options: SharedBudgetOpenOptions): OpenBook {
  for (let look = 1; ; look += 1) {
    try {
      return openNamed(where, name, options) ?? makeBook(where, options as SharedBudgetOptions, name);
    } catch (error) {
      // Somebody took the name between the two, or has not given it a length yet, or died there.
      const meanwhile = errnoName(error) === 'EEXIST' || isMemoryError(error, 'ERR_MEMORY_OUT_OF_RANGE');
      if (!meanwhile || look === LOOKS) throw error;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
}

/** Null where the name is free and a limit is given. */
function openNamed(where: string, name: string, { limitBytes, members }: SharedBudgetOpenOptions): OpenBook | null {
  let region: Region;
  try {
    region = Region.open(name);
  } catch (error) {
    if (errnoName(error) === 'ENOENT' && limitBytes !== undefined) return null;
    throw error;
  }
  return orFree(region, () => {
    if (limitBytes === undefined || readConfig(where, wordsOf(region)) !== null) return use(where, region);
    return begin(where, region, parseBytes(limitBytes, `${where}: limitBytes`, LIMIT), checkMembers(where, members));
  });
}

export function attachBook(where: string, value: unknown): OpenBook & { name: string } {
  const handle = checkHandle(where, value);
  const region = Region.attach(handle.region);
  return orFree(region, () => ({ ...use(where, region), name: handle.name }));
}

function checkHandle(where: string, value: unknown): SharedBudgetHandle {
  const refuse = (cause?: unknown): Error =>
    memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${where}: the handle of a shared budget is needed, got ${describe(value)}`,
      {
        cause,
        hint: 'Send budget.handle to the thread or process.',
      },
    );
  let copy: SharedBudgetHandle;
  try {
    const { type, version, name, region } = value as SharedBudgetHandle;
    copy = { type, version, name, region };
  } catch (cause) {
    throw refuse(cause);
  }
  if (copy.type !== 'nebula-memory.shared-budget') throw refuse();
  if (copy.version !== SHARED_BUDGET_VERSION) {
    throw memoryError('ERR_MEMORY_UNSUPPORTED', `${where}: the handle is of layout ${describe(copy.version)}`, {
      hint: 'Use the same version of the package in every process that shares a budget.',
    });
  }
  return { ...copy, name: checkString(`${where}: handle.name`, copy.name, 200) };
}

/** A limit in units of a budget that is there. @throws ERR_MEMORY_OUT_OF_RANGE */
export function unitsOf(name: string, limitBytes: number, unitBytes: number): number {
  if (limitBytes < unitBytes || limitBytes / unitBytes > MAX_UNITS) {
    throw memoryError(
      'ERR_MEMORY_OUT_OF_RANGE',
      `shared budget '${name}': limitBytes must be from ${unitBytes} to ${unitBytes * MAX_UNITS}, got ${limitBytes}`,
      { source: name, hint: 'It was made with a count of that range; make a new one for a limit of another size.' },
    );
  }
  return Math.floor(limitBytes / unitBytes);
}
