import {
  type BudgetLike,
  type ByteSize,
  checkBoolean,
  checkBudget,
  checkOneOf,
  checkOptions,
  checkString,
  parseBytes,
} from '../../core';
import { type NumaRequest, type NumaSpec, parseNuma } from './numa-spec';

/** Which pages: base (never huge), transparent huge, the largest huge page that fits, or one size of hugetlb page. */
export type PageChoice = 'base' | 'thp' | 'huge' | '2MiB' | '1GiB';
/** `local`: an ArrayBuffer of one thread, emptied by free(). `shared`: a SharedArrayBuffer that costs the collector nothing. */
export type Carrier = 'local' | 'shared';
/** What a forked child sees: the same bytes, nothing, or zeros. */
export type ForkChoice = 'inherit' | 'exclude' | 'wipe';

export const PAGE_CHOICES = ['base', 'thp', 'huge', '2MiB', '1GiB'] as const;
const CARRIERS = ['local', 'shared'] as const;
const FORKS = ['inherit', 'exclude', 'wipe'] as const;

interface CommonOptions {
  /** Default `local`, whatever the size. */
  readonly carrier?: Carrier;
  /** Make every page present now, with an error instead of a later fault. Default false; huge pages always are. */
  readonly populate?: boolean;
  /** Keep the pages in RAM (mlock). Default false. */
  readonly lock?: boolean;
  /** Throw where something asked for could not be had, instead of reporting it in `placement`. Default false. */
  readonly strict?: boolean;
  /** Part of core dumps. Default true. */
  readonly dump?: boolean;
  /** Default `inherit`. */
  readonly fork?: ForkChoice;
  /** Charged with the region's bytes, in whole pages, until it is freed. Default: none. */
  readonly budget?: BudgetLike;
  /** A label for errors and reports, and for /proc/self/smaps where the kernel can. 1 to 80 characters. */
  readonly name?: string;
}

export interface MapOptions extends CommonOptions {
  /** Default: base pages, or whatever the system's policy makes of them. */
  readonly pages?: PageChoice;
  /** Which NUMA nodes. Default: the kernel's choice, near the thread that touches a page first. */
  readonly numa?: NumaSpec;
  /** Inaccessible pages before and after, against native overruns. Base pages only. Default false. */
  readonly guard?: boolean;
}

export interface FileOptions extends CommonOptions {
  /** `copy` (default): private, changes never reach the file. `shared`: changes are the file's. */
  readonly mode?: 'copy' | 'shared';
  /** First byte of the file, a multiple of the allocation granularity. Default 0. */
  readonly offset?: ByteSize;
  /** Default: to the end of the file. */
  readonly length?: ByteSize;
  /** With `shared`: make the file where it is missing (mode 0600). Needs `length`. Default false. */
  readonly create?: boolean;
  /** With `create`: fail where the file exists. Default false. */
  readonly exclusive?: boolean;
  /** With `shared`: lengthen a file that ends before offset + length. Default: as `create`. */
  readonly grow?: boolean;
  /** With `shared` on a DAX file system: MAP_SYNC. Default false. */
  readonly sync?: boolean;
  readonly numa?: NumaSpec;
}

export interface SharedOptions extends CommonOptions {
  /** Found by Region.open(name) in other processes; stays until Region.unlink(name). `[A-Za-z0-9._-]{1,200}`. */
  readonly name?: string;
  readonly pages?: 'base' | '2MiB' | '1GiB';
  readonly numa?: NumaSpec;
}

export interface SecretOptions {
  /** Throw unless every protection could be had. Default false. */
  readonly strict?: boolean;
}

/** Checked options with their defaults. */
export interface CommonRequest {
  readonly carrier: Carrier;
  readonly populate: boolean;
  readonly lock: boolean;
  readonly strict: boolean;
  readonly dump: boolean;
  readonly fork: ForkChoice;
  readonly name: string | undefined;
  readonly budget: BudgetLike | undefined;
}

function flag(where: string, name: string, value: unknown, otherwise: boolean): boolean {
  return value === undefined ? otherwise : checkBoolean(`${where}: ${name}`, value);
}

function common(where: string, options: CommonOptions, defaultCarrier: Carrier): CommonRequest {
  return {
    carrier:
      options.carrier === undefined ? defaultCarrier : checkOneOf(`${where}: carrier`, options.carrier, CARRIERS),
    populate: flag(where, 'populate', options.populate, false),
    lock: flag(where, 'lock', options.lock, false),
    strict: flag(where, 'strict', options.strict, false),
    dump: flag(where, 'dump', options.dump, true),
    fork: options.fork === undefined ? 'inherit' : checkOneOf(`${where}: fork`, options.fork, FORKS),
    name: options.name === undefined ? undefined : checkString(`${where}: name`, options.name, 200),
    budget: options.budget === undefined ? undefined : checkBudget(where, options.budget),
  };
}

const AT_LEAST_ONE = Object.freeze({ minBytes: 1 });
const COMMON_KEYS = ['carrier', 'populate', 'lock', 'strict', 'dump', 'fork', 'name', 'budget'] as const;

export interface MapRequest extends CommonRequest {
  readonly bytes: number;
  readonly pages: PageChoice | null;
  readonly numa: NumaRequest | null;
  readonly guard: boolean;
}

// A literal in one piece: spreading defaults costs more than the system call that follows.
function plainMap(bytes: number): MapRequest {
  return {
    carrier: 'local',
    populate: false,
    lock: false,
    strict: false,
    dump: true,
    fork: 'inherit',
    name: undefined,
    budget: undefined,
    bytes,
    pages: null,
    numa: null,
    guard: false,
  };
}

export function parseMapOptions(size: ByteSize, given: MapOptions | undefined): MapRequest {
  const where = 'Region.map';
  const bytes = parseBytes(size, 'Region.map: size', AT_LEAST_ONE);
  if (given === undefined) return plainMap(bytes);
  const options = checkOptions<MapOptions>(where, given, [...COMMON_KEYS, 'pages', 'numa', 'guard']);
  return {
    ...common(where, options, 'local'),
    bytes,
    pages: options.pages === undefined ? null : checkOneOf(`${where}: pages`, options.pages, PAGE_CHOICES),
    numa: options.numa === undefined ? null : parseNuma(where, options.numa),
    guard: flag(where, 'guard', options.guard, false),
  };
}

export interface FileRequest extends CommonRequest {
  readonly path: string;
  readonly shared: boolean;
  readonly offset: number;
  /** 0: to the end of the file. */
  readonly bytes: number;
  readonly create: boolean;
  readonly exclusive: boolean;
  readonly grow: boolean;
  readonly sync: boolean;
  readonly numa: NumaRequest | null;
}

export function parseFileOptions(path: unknown, given: FileOptions | undefined): FileRequest {
  const where = 'Region.mapFile';
  const options = checkOptions<FileOptions>(where, given, [
    ...COMMON_KEYS,
    'mode',
    'offset',
    'length',
    'create',
    'exclusive',
    'grow',
    'sync',
    'numa',
  ]);
  const shared =
    options.mode !== undefined && checkOneOf(`${where}: mode`, options.mode, ['copy', 'shared']) === 'shared';
  const create = flag(where, 'create', options.create, false);
  return {
    ...common(where, options, 'local'),
    path: checkString(`${where}: path`, path, 4000),
    shared,
    offset: options.offset === undefined ? 0 : parseBytes(options.offset, `${where}: offset`),
    bytes: options.length === undefined ? 0 : parseBytes(options.length, `${where}: length`, { minBytes: 1 }),
    create,
    exclusive: flag(where, 'exclusive', options.exclusive, false),
    grow: flag(where, 'grow', options.grow, create),
    sync: flag(where, 'sync', options.sync, false),
    numa: options.numa === undefined ? null : parseNuma(where, options.numa),
  };
}

export interface SharedRequest extends CommonRequest {
  readonly bytes: number;
  readonly pages: 'base' | '2MiB' | '1GiB' | null;
  readonly numa: NumaRequest | null;
}

export function parseSharedOptions(where: string, size: ByteSize, given: SharedOptions | undefined): SharedRequest {
  const options = checkOptions<SharedOptions>(where, given, [...COMMON_KEYS, 'pages', 'numa']);
  return {
    ...common(where, options, 'shared'),
    bytes: parseBytes(size, `${where}: size`, { minBytes: 1 }),
    pages: options.pages === undefined ? null : checkOneOf(`${where}: pages`, options.pages, ['base', '2MiB', '1GiB']),
    numa: options.numa === undefined ? null : parseNuma(where, options.numa),
  };
}

export function parseSecretOptions(
  size: ByteSize,
  given: SecretOptions | undefined,
): { bytes: number; strict: boolean } {
  const where = 'Region.secret';
  const options = checkOptions<SecretOptions>(where, given, ['strict']);
  return {
    bytes: parseBytes(size, `${where}: size`, { minBytes: 1 }),
    strict: flag(where, 'strict', options.strict, false),
  };
}
