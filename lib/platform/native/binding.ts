import { loadNative } from './load';

// What the addon exports, as types. The numbers of the lists below are the positions in native/platform/platform.h;
// test/platform/native.test.ts compares both.

/** The native half of a Region: opaque, with a type tag. */
export interface NativeHolder {
  readonly nativeRegion: unique symbol;
}

/** What a native call returns when it could not be done. */
export interface Failure {
  /** A number of {@link CODES}. */
  readonly failed: number;
  /** The system call or function that failed. */
  readonly call: string;
  readonly errno: number;
  /** A number that explains the refusal: a count, a limit or a size; 0 without one. */
  readonly detail: number;
  /** Region.migrate: pages that had moved before. */
  readonly moved?: number;
}

export type Fallible<T> = T | Failure;

export const CODES = Object.freeze({
  system: 1,
  invalid: 2,
  range: 3,
  freed: 4,
  stale: 5,
  inUse: 6,
  state: 7,
  mapLimit: 8,
  unsupported: 9,
  faulted: 10,
  corruption: 11,
  tooLarge: 12,
  noMemory: 13,
});

export const ADVICE = [
  'normal',
  'random',
  'sequential',
  'willneed',
  'dontneed',
  'free',
  'cold',
  'pageout',
  'hugepage',
  'nohugepage',
  'collapse',
  'dodump',
  'dontdump',
  'dofork',
  'dontfork',
  'wipeonfork',
  'keeponfork',
  'mergeable',
  'unmergeable',
  'populate_read',
  'populate_write',
] as const;
/** madvise in the kernel's own words. */
export type Advice = (typeof ADVICE)[number];

export const POLICIES = [
  'default',
  'preferred',
  'bind',
  'interleave',
  'local',
  'preferredMany',
  'weightedInterleave',
] as const;
export type PolicyName = (typeof POLICIES)[number];

export const FEATURES = [
  'memfd',
  'memfdSecret',
  'populateWrite',
  'collapse',
  'guardPages',
  'moveKeepingZeros',
  'hugePages2MiB',
  'hugePages1GiB',
  'transparentHugePages',
  'lock',
  'numaPolicy',
  'numaQuery',
  'preferredMany',
  'weightedInterleave',
  'excludeFromDump',
  'wipeOnFork',
  'cold',
  'pageOut',
  'futex',
  'faultGuard',
  'namedShared',
  'rangeNames',
  'pressureTrigger',
  'mergeable',
] as const;
export type FeatureName = (typeof FEATURES)[number];

export const KINDS = ['anonymous', 'file', 'shared', 'secret'] as const;
export type RegionKind = (typeof KINDS)[number];

export const ACCESS = ['none', 'read', 'readwrite'] as const;
export type Access = (typeof ACCESS)[number];

export interface NativeMachine {
  readonly platform: string;
  readonly sourceHash: string;
  readonly pageBytes: number;
  readonly granularityBytes: number;
  readonly defaultHugeBytes: number;
  readonly transparentHugeBytes: number;
  readonly atomicTombstone: boolean;
  readonly numa: boolean;
  readonly sharedFutex: boolean;
  readonly faultGuard: boolean;
}

export interface NativeDescription {
  readonly kind: number;
  readonly access: number;
  readonly byteLength: number;
  readonly mappedBytes: number;
  readonly pageBytes: number;
  readonly hugeBytes: number;
  readonly holders: number;
  readonly pins: number;
  readonly stores: number;
  readonly faults: number;
  /** For /proc/self/smaps and numa_maps; memory is never reached by it. */
  readonly address: number;
  readonly file: number;
  readonly fileBytes: number;
  readonly fileIdentity: number;
  readonly locked: boolean;
  readonly guarded: boolean;
  readonly exposed: boolean;
  readonly secretMemory: boolean;
  readonly sharedObject: boolean;
}

/** What all regions of the process hold. Bytes and counts. */
export interface NativeTotals {
  readonly regions: number;
  readonly mappedBytes: number;
  /** Address ranges whose region is gone while views are left; they read as zeros and hold no pages. */
  readonly retiredRanges: number;
  readonly retiredBytes: number;
  readonly quarantinedRanges: number;
  readonly quarantinedBytes: number;
  /** Ranges kept for ever, because a worker was terminated while a view may have been moved out of it. */
  readonly abandonedRanges: number;
  readonly abandonedBytes: number;
  /** Upper bound of the mappings that the regions account for, and the limit for the process. */
  readonly mappings: number;
  readonly mappingLimit: number;
  readonly faults: number;
  /** Bytes spanned by the local buffers that are alive: V8 counts them as external memory. */
  readonly localBytes: number;
}

export interface Identity {
  readonly slot: number;
  readonly generation: number;
  readonly token: number;
}

type Spanned = (holder: NativeHolder, offset: number, length: number) => Fallible<undefined>;

export interface NativeBinding {
  mapAnonymous(bytes: number, align: number, hugeBytes: number, guard: boolean, node: number): Fallible<NativeHolder>;
  mapFile(
    path: string,
    offset: number,
    bytes: number,
    shared: boolean,
    writable: boolean,
    create: boolean,
    exclusive: boolean,
    sync: boolean,
    extend: boolean,
  ): Fallible<NativeHolder>;
  mapShared(bytes: number, hugeBytes: number): Fallible<NativeHolder>;
  mapNamed(name: string, bytes: number, create: boolean): Fallible<NativeHolder>;
  mapRemote(pid: number, file: number, identity: number, bytes: number): Fallible<NativeHolder>;
  mapSecret(bytes: number): Fallible<NativeHolder>;
  unlinkNamed(name: string): Fallible<undefined>;
  attach(slot: number, generation: number, token: number): Fallible<NativeHolder>;
  identity(holder: NativeHolder): Fallible<Identity>;
  describe(holder: NativeHolder): Fallible<NativeDescription>;
  /** True when the pages go with this holder. */
  claim(holder: NativeHolder): Fallible<boolean>;
  /** True when a canary was overwritten. */
  release(holder: NativeHolder, claimed: boolean, detached: boolean, settled: boolean): Fallible<boolean>;
  pin(holder: NativeHolder): Fallible<undefined>;
  unpin(holder: NativeHolder): Fallible<undefined>;

  localBuffer(holder: NativeHolder, offset: number, length: number): Fallible<ArrayBuffer>;
  sharedBuffer(holder: NativeHolder, offset: number, length: number): Fallible<SharedArrayBuffer>;
  /** Node 20 only, on buffers made by localBuffer only. */
  detach(buffer: ArrayBuffer): Fallible<boolean>;
  faultEpoch(): Fallible<ArrayBuffer>;
  /** 0 none, 1 by Node-API, 2 by the engine's own interface. */
  sharedCarrier(): number;

  advise(holder: NativeHolder, offset: number, length: number, advice: number): Fallible<undefined>;
  populate: Spanned;
  unlock: Spanned;
  zero: Spanned;
  lock(holder: NativeHolder, offset: number, length: number, onFault: boolean): Fallible<undefined>;
  decommit(holder: NativeHolder, offset: number, length: number): Fallible<number>;
  flush(holder: NativeHolder, offset: number, length: number, wait: boolean): Fallible<undefined>;
  flushLater(holder: NativeHolder, offset: number, length: number): Fallible<Promise<Fallible<undefined>>>;
  residency(holder: NativeHolder, offset: number, length: number, out: Uint8Array): Fallible<number>;
  read(holder: NativeHolder, offset: number, target: Uint8Array): Fallible<undefined>;
  write(holder: NativeHolder, offset: number, source: Uint8Array): Fallible<undefined>;
  name(holder: NativeHolder, name: string): Fallible<undefined>;
  protect(holder: NativeHolder, access: number): Fallible<undefined>;
  remap(holder: NativeHolder, bytes: number): Fallible<undefined>;
  /** 0 woken, 1 not equal, 2 timed out. */
  wait(holder: NativeHolder, offset: number, expected: number, timeoutNs: number): Fallible<number>;
  notify(holder: NativeHolder, offset: number, count: number): Fallible<number>;

  setPolicy(
    holder: NativeHolder,
    offset: number,
    length: number,
    policy: number,
    nodeIds: Uint8Array,
    move: boolean,
  ): Fallible<undefined>;
  queryNodes(holder: NativeHolder, offset: number, length: number, out: Uint8Array): Fallible<number>;
  migrate(holder: NativeHolder, offset: number, length: number, node: number): Fallible<number>;
  currentProcessor(): Fallible<{ readonly cpu: number; readonly node: number }>;
  runOn(cpus: Uint8Array): Fallible<undefined>;

  machine(): NativeMachine;
  totals(): NativeTotals;
  /** Pairs of address and bytes as 64-bit floats, as far as they fit; returns how many ranges there are. */
  ranges(out: Uint8Array): Fallible<number>;
  tryFeature(feature: number): Fallible<true>;
  /** True when no request of this event loop is in flight. */
  idle(): boolean;
  /** The number of the calling thread's environment: no other one of this process had it or gets it. */
  environmentSerial(): number;
  /** False once that environment runs no JavaScript any more, or when there was none. */
  environmentAlive(serial: number): Fallible<boolean>;
  drain(all: boolean): number;
  configureQuarantine(idleMs: number, busyMs: number): Fallible<undefined>;
  configureMappingLimit(mappings: number): Fallible<undefined>;
}

let binding: NativeBinding | undefined;

/** The addon, loaded at the first call. @throws ERR_MEMORY_UNSUPPORTED where it cannot be loaded */
export function native(): NativeBinding {
  binding ??= loadNative() as NativeBinding;
  return binding;
}

let facts: NativeMachine | undefined;

/** What does not change while the process lives. */
export function machineFacts(): NativeMachine {
  facts ??= Object.freeze(native().machine());
  return facts;
}

export function isFailure(value: unknown): value is Failure {
  return typeof value === 'object' && value !== null && typeof (value as Failure).failed === 'number';
}
