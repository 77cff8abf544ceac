import { checkString, memoryError } from '../../core';
import { failureError, isFailure, machineFacts, type NativeHolder, native } from '../native';
import { explainPool, HUGE_BYTES, strictError } from './anonymous';
import { checkAvailable } from './available';
import { checkNodesExist, place, verifyNodes } from './numa-policy';
import type { NumaRequest } from './numa-spec';
import type { FileRequest, SharedRequest } from './options';
import { PlacementLog } from './placement';

// Regions with an object behind them: files, anonymous shared memory, named shared memory.

export interface Made {
  readonly holder: NativeHolder;
  readonly log: PlacementLog;
}

const NAME_FORM = /^[A-Za-z0-9._-]{1,200}$/;

/** @throws ERR_MEMORY_INVALID_ARGUMENT */
export function checkSharedName(where: string, name: unknown): string {
  const text = checkString(`${where}: name`, name, 200);
  if (NAME_FORM.test(text) && text !== '.' && text !== '..') return text;
  throw memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `${where}: name must be 1 to 200 of the characters A-Z a-z 0-9 . _ -, got '${text}'`,
  );
}

interface Wishes {
  readonly populate: boolean;
  readonly strict: boolean;
  readonly numa: NumaRequest | null;
}

/** Placement and population of a fresh object mapping; on failure it is let go. */
function settle(what: string, made: Made, byteLength: number, wishes: Wishes, source?: string): Made {
  const { holder, log } = made;
  try {
    if (wishes.numa !== null) place(holder, wishes.numa, byteLength, log);
    if (wishes.populate) {
      checkAvailable(what, byteLength);
      const done = native().populate(holder, 0, byteLength);
      if (isFailure(done)) throw failureError(done, { what: `${what}: populate`, requestedBytes: byteLength, source });
      log.populated = true;
      if (wishes.numa !== null) verifyNodes(holder, wishes.numa, byteLength, log.pageBytes, log);
    }
    const refusal = wishes.strict ? strictError(what, log, byteLength) : null;
    if (refusal !== null) throw refusal;
    return made;
  } catch (error) {
    native().release(holder, false, false, false);
    throw error;
  }
}

function lengthOf(holder: NativeHolder): number {
  const described = native().describe(holder);
  return isFailure(described) ? 0 : described.byteLength;
}

/** @throws MemoryError */
export function makeFile(request: FileRequest): Made {
  const where = 'Region.mapFile';
  const { path, shared, offset, bytes, create, exclusive, grow, sync, numa } = request;
  const needsShared = (create && 'create') || (grow && 'grow') || (sync && 'sync');
  if (needsShared && !shared) {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${where}: ${needsShared} needs mode 'shared'; a copy changes no file`,
    );
  }
  if (exclusive && !create) throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: exclusive needs create: true`);
  if (create && bytes === 0) throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: create needs a length`);
  const { granularityBytes, pageBytes } = machineFacts();
  if (offset % granularityBytes !== 0) {
    throw memoryError(
      'ERR_MEMORY_INVALID_ALIGNMENT',
      `${where}: offset must be a multiple of ${granularityBytes}, got ${offset}`,
      {
        hint: `Map from ${offset - (offset % granularityBytes)} and take a window that begins ${offset % granularityBytes} bytes later.`,
      },
    );
  }
  if (numa !== null) checkNodesExist(`${where}: numa`, numa);
  const made = native().mapFile(path, offset, bytes, shared, shared, create, exclusive, sync, grow);
  if (isFailure(made)) {
    if (made.failed === 2 && (made.call === 'directory' || made.call === 'not a regular file')) {
      throw memoryError(
        'ERR_MEMORY_INVALID_ARGUMENT',
        `${where} (${path}): it is ${made.call === 'directory' ? 'a directory' : 'no regular file'}`,
        {
          source: path,
          hint: 'Only regular files can be mapped.',
        },
      );
    }
    throw failureError(made, { what: where, requestedBytes: bytes || undefined, source: path });
  }
  return settle(where, { holder: made, log: new PlacementLog(pageBytes) }, lengthOf(made), request, path);
}

/** @throws MemoryError */
export function makeShared(request: SharedRequest): Made {
  const where = 'Region.shared';
  const { bytes, name, pages, numa, strict } = request;
  if (numa !== null) checkNodesExist(`${where}: numa`, numa);
  const log = new PlacementLog(machineFacts().pageBytes);
  const huge = pages === '2MiB' || pages === '1GiB' ? pages : null;
  if (huge !== null && name !== undefined) {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${where}: named memory lies on base pages; leave out name or pages`,
    );
  }
  if (huge !== null) {
    const made = makeHugeShared(huge, request, log);
    if (made !== null) return made;
    const refusal = strict ? strictError(where, log, bytes) : null;
    if (refusal !== null) throw refusal;
  }
  const made =
    name === undefined ? native().mapShared(bytes, 0) : native().mapNamed(checkSharedName(where, name), bytes, true);
  if (isFailure(made)) throw failureError(made, { what: where, requestedBytes: bytes, source: name });
  try {
    return settle(where, { holder: made, log }, bytes, request, name);
  } catch (error) {
    if (name !== undefined) native().unlinkNamed(name); // made a moment ago, and nobody has it
    throw error;
  }
}

function makeHugeShared(pages: '2MiB' | '1GiB', request: SharedRequest, log: PlacementLog): Made | null {
  const pageBytes = HUGE_BYTES[pages];
  const { bytes, numa } = request;
  const made = native().mapShared(bytes, pageBytes);
  if (!isFailure(made) && numa !== null) place(made, numa, bytes, log);
  const failure = isFailure(made) ? made : native().populate(made, 0, bytes);
  if (!isFailure(failure) && !isFailure(made)) {
    log.pages = pages;
    log.pageBytes = pageBytes;
    log.populated = true;
    if (numa !== null) verifyNodes(made, numa, bytes, pageBytes, log);
    return settle('Region.shared', { holder: made, log }, bytes, { ...request, populate: false, numa: null });
  }
  if (!isFailure(made)) native().release(made, false, false, false);
  log.numa = null;
  if (!isFailure(failure)) return null; // never: both were had
  const { reason, fix } = explainPool(pageBytes, bytes, failure);
  log.miss(`${pages} pages`, 'ERR_MEMORY_HUGE_PAGES_UNAVAILABLE', reason, fix, failure.errno);
  return null;
}

/** @throws MemoryError */
export function openNamed(name: unknown): Made & { readonly name: string } {
  const checked = checkSharedName('Region.open', name);
  const made = native().mapNamed(checked, 0, false);
  if (isFailure(made)) throw failureError(made, { what: 'Region.open', source: checked });
  return { holder: made, log: new PlacementLog(machineFacts().pageBytes), name: checked };
}

/** @throws MemoryError */
export function unlinkNamed(name: unknown): void {
  const checked = checkSharedName('Region.unlink', name);
  const done = native().unlinkNamed(checked);
  if (isFailure(done)) throw failureError(done, { what: 'Region.unlink', source: checked });
}
