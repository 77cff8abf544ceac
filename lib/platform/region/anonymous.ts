import { formatBytes, type MemoryError, memoryError } from '../../core';
import { openSysroot, readHugePages } from '../machine';
import {
  ADVICE,
  errnoName,
  explain,
  type Failure,
  failureError,
  isFailure,
  machineFacts,
  type NativeHolder,
  native,
} from '../native';
import { checkAvailable } from './available';
import { checkNodeRoom, checkNodesExist, placeMapped, verifyNodes } from './numa-policy';
import type { MapRequest } from './options';
import { PlacementLog } from './placement';

// Makes private anonymous memory: the chain 1 GiB → 2 MiB → transparent → collapsed → base pages, each step that fails
// with its reason.

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

type Step = '1GiB' | '2MiB' | 'thp' | 'base';

const BASE_ONLY: readonly Step[] = ['base'];

function stepsFor({ pages, bytes }: MapRequest): Step[] {
  switch (pages) {
    case '1GiB':
      return ['1GiB', '2MiB', 'thp', 'base'];
    case '2MiB':
      return ['2MiB', 'thp', 'base'];
    case 'thp':
      return ['thp', 'base'];
    case 'huge':
      // A page that is mostly air is no gain: the largest size that the request fills.
      return bytes >= GIB ? ['1GiB', '2MiB', 'thp', 'base'] : ['2MiB', 'thp', 'base'];
    default:
      return ['base'];
  }
}

export const HUGE_BYTES: Readonly<Record<'2MiB' | '1GiB', number>> = { '2MiB': 2 * MIB, '1GiB': GIB };

function advise(
  holder: NativeHolder,
  bytes: number,
  advice: (typeof ADVICE)[number],
): (ReturnType<typeof explain> & { errno: number }) | null {
  const result = native().advise(holder, 0, bytes, ADVICE.indexOf(advice));
  return isFailure(result) ? { ...explain(result), errno: result.errno } : null;
}

/** Why there are no huge pages: a Linux pool in its own numbers, with the command that enlarges it. */
export function explainPool(pageBytes: number, bytes: number, failure: Failure): { reason: string; fix: string } {
  if (machineFacts().platform !== 'linux') {
    const { reason, hint } = explain(failure);
    return { reason, fix: hint ?? '' };
  }
  const pool = readHugePages(openSysroot()).pools.find((candidate) => candidate.pageBytes === pageBytes);
  const size = formatBytes(pageBytes);
  if (pool === undefined) return { reason: `this machine has no huge pages of ${size}`, fix: '' };
  const needed = Math.ceil(bytes / pageBytes);
  const unused = Math.max(0, (pool.free ?? 0) - (pool.reserved ?? 0));
  return {
    reason: `${needed} huge ${needed === 1 ? 'page' : 'pages'} of ${size} needed, the pool has ${unused} free of ${pool.total ?? 0}`,
    fix: `echo ${(pool.total ?? 0) + needed - unused} | sudo tee /sys/kernel/mm/hugepages/hugepages-${pageBytes / 1024}kB/nr_hugepages`,
  };
}

function tryHugetlb(step: '2MiB' | '1GiB', request: MapRequest, log: PlacementLog): NativeHolder | null {
  const pageBytes = HUGE_BYTES[step];
  const wanted = `${step} pages`;
  const miss = (failure: Failure): null => {
    const { reason, fix } = explainPool(pageBytes, request.bytes, failure);
    log.miss(wanted, 'ERR_MEMORY_HUGE_PAGES_UNAVAILABLE', reason, fix, failure.errno);
    return null;
  };
  if (request.guard) {
    log.miss(wanted, 'ERR_MEMORY_UNSUPPORTED', 'guard pages stand beside base pages only', 'Leave out guard or pages.');
    return null;
  }
  const made = native().mapAnonymous(request.bytes, 0, pageBytes, false, request.numa?.nodes[0] ?? -1);
  if (isFailure(made)) return miss(made);
  if (request.numa !== null) placeMapped(made, request.numa, request.bytes, log);
  // Always now: a huge page that is missing at the first touch is a signal and not an error.
  const populated = native().populate(made, 0, request.bytes);
  if (isFailure(populated)) {
    native().release(made, false, false, false);
    log.numa = null;
    return miss(populated);
  }
  log.pages = step;
  log.pageBytes = pageBytes;
  log.populated = true;
  return made;
}

function mapBase(request: MapRequest, align: number): NativeHolder {
  const made = native().mapAnonymous(request.bytes, align, 0, request.guard, request.numa?.nodes[0] ?? -1);
  if (isFailure(made)) throw failureError(made, { what: 'Region.map', requestedBytes: request.bytes });
  return made;
}

function populate(holder: NativeHolder, request: MapRequest, log: PlacementLog): void {
  if (request.numa !== null) checkNodeRoom(request.numa, request.bytes, log);
  checkAvailable('Region.map', request.bytes);
  const done = native().populate(holder, 0, request.bytes);
  if (isFailure(done)) throw failureError(done, { what: 'Region.map: populate', requestedBytes: request.bytes });
  log.populated = true;
}

/** Base pages joined into huge ones by the kernel, on demand or by advice. Null when not to be had; the pages stay. */
function tryTransparent(request: MapRequest, log: PlacementLog): NativeHolder | null {
  const { transparentHugeBytes } = machineFacts();
  const miss = (reason: string, fix: string, errno = 0): null => {
    log.miss('transparent huge pages', 'ERR_MEMORY_HUGE_PAGES_UNAVAILABLE', reason, fix, errno);
    return null;
  };
  if (transparentHugeBytes === 0) return miss('this kernel has none', '');
  if (request.bytes < transparentHugeBytes) {
    return miss(`${request.bytes} bytes do not fill one of ${formatBytes(transparentHugeBytes)}`, '');
  }
  if (request.guard) return miss('guard pages stand beside base pages only', 'Leave out guard or pages.');
  const { enabled } = readHugePages(openSysroot()).thp;
  const off = enabled === 'never';
  const fix = 'echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled';
  if (off && !request.populate)
    return miss('they are switched off; with populate: true they can be collapsed all the same', fix);
  const holder = mapBase(request, transparentHugeBytes);
  try {
    if (request.numa !== null) placeMapped(holder, request.numa, request.bytes, log);
    const refused = advise(holder, request.bytes, 'hugepage');
    if (refused !== null && !request.populate) {
      miss(refused.reason, fix, refused.errno);
      return holder;
    }
    if (request.populate) populate(holder, request, log);
    if (off || refused !== null) {
      miss(off ? 'they are switched off' : (refused?.reason ?? ''), fix, refused?.errno ?? 0);
      const failed = advise(holder, request.bytes - (request.bytes % transparentHugeBytes), 'collapse');
      if (failed !== null) {
        log.miss(
          'collapsed huge pages',
          'ERR_MEMORY_HUGE_PAGES_UNAVAILABLE',
          `${failed.reason} (${errnoName(failed.errno)})`,
          '',
          failed.errno,
        );
        return holder;
      }
    }
    log.pages = 'thp';
    return holder;
  } catch (error) {
    native().release(holder, false, false, false);
    throw error;
  }
}

function mapOnBase(request: MapRequest, log: PlacementLog): NativeHolder {
  const holder = mapBase(request, 0);
  try {
    if (request.pages === 'base') advise(holder, request.bytes, 'nohugepage'); // a kernel without huge pages refuses: fine
    if (request.numa !== null) placeMapped(holder, request.numa, request.bytes, log);
    if (request.populate) populate(holder, request, log);
    return holder;
  } catch (error) {
    native().release(holder, false, false, false);
    throw error;
  }
}

/** What strict makes of the first thing that could not be had. */
export function strictError(what: string, log: PlacementLog, bytes: number): MemoryError | null {
  const [first] = log.fallbacks;
  if (first === undefined) return null;
  return memoryError(
    first.code,
    `${what} of ${formatBytes(bytes)}: ${first.wanted} could not be had: ${first.reason}`,
    {
      requestedBytes: bytes,
      hint: first.fix || undefined,
      errno: first.errno || undefined,
    },
  );
}

/** @throws MemoryError; nothing is left mapped then */
export function makeAnonymous(request: MapRequest): { holder: NativeHolder; log: PlacementLog } {
  if (request.numa !== null) checkNodesExist('Region.map: numa', request.numa);
  const log = new PlacementLog(machineFacts().pageBytes);
  const populateForBind = request.strict && request.numa !== null && request.numa.policy === 'bind';
  const effective = populateForBind && !request.populate ? { ...request, populate: true } : request;
  const { pages } = effective;
  const steps = pages === null || pages === 'base' ? BASE_ONLY : stepsFor(effective);
  for (const step of steps) {
    let holder: NativeHolder | null;
    if (step === 'base') holder = mapOnBase(effective, log);
    else if (step === 'thp') holder = tryTransparent(effective, log);
    else holder = tryHugetlb(step, effective, log);
    if (holder === null) {
      const refusal = request.strict ? strictError('Region.map', log, request.bytes) : null;
      if (refusal !== null) throw refusal;
      continue;
    }
    if (effective.numa !== null && log.populated) {
      verifyNodes(holder, effective.numa, request.bytes, log.pageBytes, log);
    }
    const refusal = request.strict ? strictError('Region.map', log, request.bytes) : null;
    if (refusal === null) return { holder, log };
    native().release(holder, false, false, false);
    throw refusal;
  }
  throw memoryError('ERR_MEMORY_INVALID_STATE', 'Region.map: no kind of page was tried');
}
