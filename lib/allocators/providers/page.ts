import { checkOneOf, checkOptions, overPreset } from '../../core';
import { type MapOptions, Region } from '../../platform';
import { basePageBytes, PROVIDER_KEYS, ProviderBase, type ProviderOptions } from './base';

/** How {@link PageProvider} maps: the options of Region.map, for every region alike. */
export interface PageProviderOptions extends ProviderOptions, Omit<MapOptions, 'name' | 'pages'> {
  /** `base`: never huge; `thp`: transparent huge pages where they fill. Default: the system's policy. */
  readonly pages?: 'base' | 'thp';
  /** A label of the regions in /proc/self/smaps and reports. Default: none, which saves a system call for each. */
  readonly regionName?: string;
}

const MAP_KEYS = ['carrier', 'populate', 'lock', 'strict', 'dump', 'fork', 'numa', 'guard'] as const;

/** The options of Region.map out of a provider's; undefined without any, which Region.map serves fastest. */
export function mapOptionsOf(options: PageProviderOptions): MapOptions | undefined {
  const { regionName, pages } = options;
  const map: Record<string, unknown> = {};
  for (const key of MAP_KEYS) if (options[key] !== undefined) map[key] = options[key];
  if (pages !== undefined) map['pages'] = pages;
  if (regionName !== undefined) map['name'] = regionName;
  return Object.keys(map).length === 0 ? undefined : Object.freeze(map as MapOptions);
}

/**
 * Private memory straight from the system: each `acquire` is one Region.map, each `release` frees it at once. Costs two
 * system calls and the faults of the first touch; put a CachedProvider in front where regions come and go.
 */
export class PageProvider extends ProviderBase {
  private readonly options: MapOptions | undefined;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE for bad options, now and not at the first region */
  constructor(options?: PageProviderOptions) {
    const where = 'PageProvider';
    const given = checkOptions<PageProviderOptions>(where, options, [
      ...PROVIDER_KEYS,
      ...MAP_KEYS,
      'pages',
      'regionName',
    ]);
    if (given.pages !== undefined) checkOneOf(`${where}: pages`, given.pages, ['base', 'thp']);
    super(where, basePageBytes(), given);
    this.options = mapOptionsOf(given);
    if (this.options !== undefined) tryOut(this.options);
  }

  /** Guard pages around every region, kept out of core dumps and zeros in a forked child. */
  static debug(more?: PageProviderOptions): PageProvider {
    return new PageProvider(overPreset('PageProvider.debug', { guard: true, dump: false }, more));
  }

  /** Pages as the system's policy has them. */
  static production(more?: PageProviderOptions): PageProvider {
    return new PageProvider(more);
  }

  /** Transparent huge pages, and buffers that the collector does not count. */
  static performance(more?: PageProviderOptions): PageProvider {
    return new PageProvider(overPreset('PageProvider.performance', { pages: 'thp', carrier: 'shared' }, more));
  }

  protected map(byteLength: number): Region {
    return Region.map(byteLength, this.options);
  }
}

/** Bad options are the constructor's errors; what this machine cannot do is the first region's. */
export function tryOut(options: MapOptions): void {
  Region.map(1, { ...options, populate: false, lock: false, strict: false }).free();
}
