import {
  alignUp,
  type ByteSize,
  checkInteger,
  checkOneOf,
  checkOptions,
  checkSignal,
  describe,
  memoryError,
  parseBytes,
  systemClock,
} from '../../core';
import { ACCESS, type Access, ADVICE, failureError, isFailure, machineFacts, native, unwrap } from '../native';
import { checkAvailable } from './available';
import type { RegionCore, Span } from './core';
import type { RegionHandle } from './handle';
import { applyPolicy, checkNodesExist } from './numa-policy';
import { type NumaSpec, parseNuma } from './numa-spec';

// The bodies of Region's calls that are more than one native call. Each begins with core.open(), which checks that the
// region lives and has met no fault.

/** Keeps a region from being freed while native work runs on it. */
export interface Pin extends Disposable {
  /** Ends the pin; a second call does nothing. */
  release(): void;
}

/** Which pages are in RAM. */
export interface Residency {
  readonly residentBytes: number;
  readonly pageBytes: number;
  /** A byte a page: bit 0 is set for a resident one. */
  readonly pages: Uint8Array;
}

export interface FreeWhenIdleOptions {
  /** Milliseconds to go on trying. Default: without end. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface BindOptions extends Span {
  /** Move pages that are present already. Default false. */
  readonly move?: boolean;
}

export function handleOf(core: RegionCore): RegionHandle {
  const what = 'Region.handle';
  const holder = core.open(what);
  const { carrier, kind, name } = core.origin;
  if (carrier === 'local') {
    throw memoryError('ERR_MEMORY_INVALID_STATE', `${what}: a region with carrier 'local' belongs to one thread`, {
      hint: "Make it with carrier: 'shared', or by Region.shared().",
    });
  }
  const { slot, generation, token } = unwrap(native().identity(holder), () => ({ what }));
  core.handed = true;
  const { file, fileIdentity } = core.describe(what);
  const remote =
    kind === 'shared' && file >= 0 ? Object.freeze({ pid: process.pid, file, identity: fileIdentity }) : null;
  const { byteLength } = core;
  return Object.freeze({
    type: 'nebula-memory.region',
    slot,
    generation,
    token,
    byteLength,
    name: name ?? null,
    remote,
  });
}

export function pin(core: RegionCore): Pin {
  const holder = core.open('Region.pin');
  core.take('Region.pin', native().pin(holder));
  core.pins += 1;
  let held = true;
  const release = (): void => {
    if (!held) return;
    held = false;
    core.pins -= 1;
    core.take('Pin.release', native().unpin(holder));
  };
  return { release, [Symbol.dispose]: release };
}

export function use<T>(core: RegionCore, work: (bytes: Uint8Array) => T): T {
  if (typeof work !== 'function') {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `Region.use: a function is needed, got ${describe(work)}`);
  }
  const bytes = core.bytes('Region.use');
  const held = pin(core);
  let later = false;
  try {
    const result = work(bytes);
    if (typeof (result as PromiseLike<unknown> | undefined)?.then === 'function') {
      later = true;
      return Promise.resolve(result).finally(held.release) as T;
    }
    return result;
  } finally {
    if (!later) held.release();
  }
}

export async function freeWhenIdle(
  core: RegionCore,
  free: () => void,
  options: FreeWhenIdleOptions | undefined,
): Promise<void> {
  const what = 'Region.freeWhenIdle';
  const { timeoutMs, ...given } = checkOptions<FreeWhenIdleOptions>(what, options, ['timeoutMs', 'signal']);
  const signal = checkSignal(`${what}: signal`, given.signal);
  const limitMs = timeoutMs === undefined ? Number.POSITIVE_INFINITY : checkInteger(`${what}: timeoutMs`, timeoutMs);
  const end = systemClock.nowMs() + limitMs;
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 50)) {
    if (signal?.aborted === true) {
      throw memoryError('ERR_MEMORY_ABORTED', `${what} was aborted`, { cause: signal.reason, source: core.label() });
    }
    try {
      free();
      return;
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ERR_MEMORY_IN_USE') throw error;
      if (systemClock.nowMs() >= end) {
        throw memoryError('ERR_MEMORY_TIMEOUT', `${what}: the region was still in use after ${limitMs} ms`, {
          cause: error,
        });
      }
    }
    await new Promise<void>((resolve) => void setTimeout(resolve, pauseMs).unref());
  }
}

export function advise(core: RegionCore, advice: unknown, range: Span | undefined): void {
  const what = 'Region.advise';
  const holder = core.open(what);
  const word = checkOneOf(`${what}: advice`, advice, ADVICE);
  const { offset, length } = core.span(what, range);
  const { pages } = core.origin.made.log;
  const drops = word === 'dontneed' || word === 'free';
  if (drops && pages !== 'base' && pages !== 'thp') {
    throw memoryError('ERR_MEMORY_UNSUPPORTED', `${what}: '${word}' would lose huge pages that may not come back`, {
      hint: 'Use zero() to clear them, free() to give them back.',
    });
  }
  core.take(`${what}('${word}')`, native().advise(holder, offset, length, ADVICE.indexOf(word)));
}

export function populate(core: RegionCore, range: Span | undefined): void {
  const what = 'Region.populate';
  const holder = core.open(what);
  const { offset, length } = core.span(what, range);
  checkAvailable(what, length);
  core.take(what, native().populate(holder, offset, length));
}

export function lock(core: RegionCore, range: Span | undefined): void {
  const what = 'Region.lock';
  const holder = core.open(what);
  const { offset, length } = core.span(what, range);
  checkAvailable(what, length);
  core.take(what, native().lock(holder, offset, length, false));
}

export function protect(core: RegionCore, access: unknown): void {
  const what = 'Region.protect';
  const holder = core.open(what);
  const wanted: Access = checkOneOf(`${what}: access`, access, ACCESS);
  const done = native().protect(holder, ACCESS.indexOf(wanted));
  // The pages can have moved before their protection was refused: the views are over the old place then.
  if (isFailure(done) && core.describe(what).stores === 0) core.dropViews();
  core.take(what, done);
  core.access = wanted;
  if (wanted !== 'readwrite') core.dropViews();
}

export function remap(core: RegionCore, size: ByteSize): void {
  const what = 'Region.remap';
  const holder = core.open(what);
  const bytes = parseBytes(size, `${what}: size`, { minBytes: 1 });
  const { charge } = core.origin;
  const pages = charge === undefined ? 0 : alignUp(bytes, machineFacts().pageBytes);
  const taken = charge?.grow(what, pages) ?? 0;
  try {
    core.take(what, native().remap(holder, bytes), bytes);
  } catch (error) {
    charge?.undo(taken);
    throw error;
  }
  core.dropViews();
  core.byteLength = bytes;
  charge?.shrink(pages);
}

/** How {@link Region.renew} treats the views of the region it ends. */
export interface RenewOptions {
  /** `empty` (default): length 0, what escaped reads zeros. `keep`: they go on showing the bytes, whoever has them. */
  readonly views?: 'empty' | 'keep';
}

/** The same pages under a core of their own. @throws what {@link Region.renew} says; nothing has changed then */
export function renew(core: RegionCore, options: RenewOptions | undefined): RegionCore {
  const what = 'Region.renew';
  const holder = core.open(what);
  const { views } = checkOptions<RenewOptions>(what, options, ['views']);
  const keep = views !== undefined && checkOneOf(`${what}: views`, views, ['empty', 'keep']) === 'keep';
  const { kind, name } = core.origin;
  if (core.handed || (kind === 'shared' && name !== undefined)) {
    throw memoryError(
      'ERR_MEMORY_INVALID_STATE',
      `${what}: others can still attach by ${core.handed ? 'handle' : 'name'}`,
      {
        source: core.label(),
        hint: 'Free it and make another one.',
      },
    );
  }
  if (keep) {
    const { pins } = core.describe(what);
    if (pins === 0) return core.succeed(true);
    throw memoryError('ERR_MEMORY_IN_USE', `${what}: the region is pinned`, { source: core.label() });
  }
  core.take(what, native().remap(holder, core.byteLength), core.byteLength);
  core.dropViews();
  return core.succeed(false);
}

type Spanned = 'unlock' | 'zero' | 'decommit';

/** The calls that take a range and nothing else. */
export function onSpan<Name extends Spanned>(
  core: RegionCore,
  name: Name,
  range: Span | undefined,
): number | undefined {
  const what = `Region.${name}`;
  const holder = core.open(what);
  const { offset, length } = core.span(what, range);
  return core.take(what, native()[name](holder, offset, length));
}

export function flush(core: RegionCore, range: Span | undefined): void {
  const what = 'Region.flush';
  const holder = core.open(what);
  const { offset, length } = core.span(what, range);
  core.take(what, native().flush(holder, offset, length, true));
}

export async function flushAsync(core: RegionCore, range: Span | undefined): Promise<void> {
  const what = 'Region.flushAsync';
  const holder = core.open(what);
  const { offset, length } = core.span(what, range);
  const pending = core.take(what, native().flushLater(holder, offset, length));
  core.take(what, await pending);
}

export function copy(core: RegionCore, name: 'read' | 'write', offset: ByteSize, bytes: unknown): void {
  const what = `Region.${name}`;
  const holder = core.open(what);
  if (!ArrayBuffer.isView(bytes) || bytes instanceof DataView) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${what}: a Uint8Array is needed, got ${describe(bytes)}`);
  }
  let plain: Uint8Array;
  try {
    plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  } catch (cause) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${what}: the array has lost its memory`, { cause });
  }
  const span = core.span(what, { offset, length: plain.length });
  core.take(what, native()[name](holder, span.offset, plain));
}

export function residency(core: RegionCore, range: Span | undefined): Residency {
  const what = 'Region.residency';
  const holder = core.open(what);
  const { offset, length } = core.span(what, range);
  const { pageBytes } = machineFacts();
  const granule = core.describe(what).pageBytes;
  // Rounded outwards, the range can reach into one page more than its length fills.
  const pages = new Uint8Array((Math.ceil(length / granule) + 1) * (granule / pageBytes));
  const count = core.take(what, native().residency(holder, offset, length, pages));
  let resident = 0;
  for (let i = 0; i < count; i++) resident += (pages[i] ?? 0) & 1;
  return { residentBytes: resident * pageBytes, pageBytes, pages: pages.subarray(0, count) };
}

export function bind(core: RegionCore, spec: NumaSpec, options: BindOptions | undefined): void {
  const what = 'Region.bind';
  const holder = core.open(what);
  const { move, ...range } = checkOptions<BindOptions>(what, options, ['offset', 'length', 'move']);
  const { offset, length } = core.span(what, range);
  const request = parseNuma(what, spec);
  checkNodesExist(what, request);
  const failure = applyPolicy(holder, request, offset, length, move === true);
  if (failure !== null) throw failureError(failure, core.context(what));
}

export function migrate(core: RegionCore, node: number, range: Span | undefined): number {
  const what = 'Region.migrate';
  const holder = core.open(what);
  checkNodesExist(what, parseNuma(what, { preferred: node }));
  const { offset, length } = core.span(what, range);
  const moved = native().migrate(holder, offset, length, node);
  if (!isFailure(moved)) return moved;
  const before = moved.moved ?? 0;
  throw failureError(moved, core.context(before === 0 ? what : `${what} (after ${before} pages were moved)`));
}
