import { join, sep } from 'node:path';

/** Frames of this package above a user's one, at most: adaptors, arenas and the like. */
const OWN_FRAMES = 12;
/** Folder of this package's code: lib/ or dist/. A bundle has none of its own (nor `__dirname`): no frame is ours then. */
const OWN_FOLDER = typeof __dirname === 'string' ? join(__dirname, '..', '..') + sep : '\0';
/** Own frames of the latest stack: fewer captured frames cost less, and adaptors around a tracker stay around it. */
let ownFrames = 0;
const UNKNOWN = '(no stack: the runtime gave none)';

interface StackHolder {
  stack?: unknown;
}

interface CallSite {
  getFileName(): string | null | undefined;
  getFunctionName(): string | null;
  isEval(): boolean;
  getPosition(): number;
}

type Prepare = (error: Error, sites: unknown) => unknown;

/** Names that are kept: a program that makes scripts under ever new names would hold them all for ever. */
const MOST_FILES = 10_000;
/** Small numbers for files: they make short keys. */
const files = new Map<string, number>();

type Method = (...args: never[]) => unknown;

/**
 * Names the stack of the caller of `method` by its position in each file, which costs a tenth of the text. The same stack
 * gives the same key in one process. Empty where the runtime gives no call sites, and for files past the first 10 000:
 * their stacks are known by their text.
 */
export function captureKey(depth: number, method: Method): string {
  const key = keyAbove(depth, ownFrames, method);
  return key ?? keyAbove(depth, OWN_FRAMES, method) ?? '';
}

/** Null when more frames are needed. */
function keyAbove(depth: number, own: number, method: Method): string | null {
  const limit = depth + own;
  return withErrorSettings(limit, sitesOf, method, (stack) => keyOf(stack, depth, own < OWN_FRAMES ? limit : null));
}

const sitesOf: Prepare = (_, sites) => sites;

/**
 * The frames of the caller, one a line, nearest first, without those of this package; through source maps where Node.js
 * has them enabled. Nothing here throws.
 */
export function captureFrames(depth: number): string {
  const limit = depth + OWN_FRAMES;
  return withErrorSettings(limit, undefined, captureFrames, (stack) => cutFrames(stack, depth)) ?? UNKNOWN;
}

/** Takes a stack with settings of `Error` that are put back afterwards; null where they cannot be changed. */
function withErrorSettings<T>(
  limit: number,
  prepare: Prepare | undefined,
  above: Method,
  read: (stack: unknown) => T,
): T | null {
  const { stackTraceLimit, prepareStackTrace } = Error;
  const holder: StackHolder = {};
  try {
    Error.stackTraceLimit = limit;
    Error.prepareStackTrace = prepare as never;
    Error.captureStackTrace(holder, above);
    return read(holder.stack); // formatted now, and not before
  } catch {
    return null; // frozen intrinsics
  } finally {
    restore(stackTraceLimit, prepareStackTrace as Prepare | undefined);
  }
}

function restore(limit: number, prepare: Prepare | undefined): void {
  try {
    Error.stackTraceLimit = limit;
    Error.prepareStackTrace = prepare as never;
  } catch {
    // They could not be changed in the first place.
  }
}

/** @param limit frames that were captured; null when those are all that there will be */
function keyOf(stack: unknown, depth: number, limit: number | null): string | null {
  if (!Array.isArray(stack)) return '';
  let key = '';
  let taken = 0;
  let own = 0;
  for (const site of stack as readonly CallSite[]) {
    if (site.isEval()) return ''; // positions of different texts could be equal
    // Built-in functions have no file and stand at position 0.
    const file = site.getFileName() ?? `${site.getFunctionName()}`;
    if (taken === 0 && file.startsWith(OWN_FOLDER)) {
      own++;
      continue;
    }
    if (taken++ === depth) break;
    let id = files.get(file);
    if (id === undefined) {
      if (files.size >= MOST_FILES) return '';
      id = files.size;
      files.set(file, id);
    }
    key += `${id}:${site.getPosition()},`;
  }
  if (limit !== null && taken < depth && stack.length === limit) return null;
  ownFrames = own;
  return key;
}

function cutFrames(stack: unknown, depth: number): string {
  if (typeof stack !== 'string') return UNKNOWN;
  const lines = stack.split('\n').slice(1);
  const users = lines.findIndex((line) => !line.includes(OWN_FOLDER));
  const shown = users === -1 ? lines : lines.slice(users);
  if (shown.length === 0) return UNKNOWN;
  return shown
    .slice(0, depth)
    .map((line) => line.trim().replace(/^at /, ''))
    .join('\n');
}
