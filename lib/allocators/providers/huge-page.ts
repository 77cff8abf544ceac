import { checkOneOf, checkOptions } from '../../core';
import { type MapOptions, memory, Region } from '../../platform';
import { PROVIDER_KEYS, ProviderBase, type ProviderOptions } from './base';
import { tryOut } from './page';

/** `2MiB` and `1GiB` are pages of the kernel's pools, `thp` transparent ones, which need no pool and can be given back. */
export type HugePageChoice = '2MiB' | '1GiB' | 'thp';

const CHOICES = ['2MiB', '1GiB', 'thp'] as const;
const MAP_KEYS = ['carrier', 'populate', 'lock', 'strict', 'dump', 'fork', 'numa'] as const;
const MIB = 2 ** 20;

/** How {@link HugePageProvider} maps. */
export interface HugePageProviderOptions
  extends ProviderOptions,
    Pick<MapOptions, 'carrier' | 'populate' | 'lock' | 'dump' | 'fork' | 'numa'> {
  /** Throw where there is no huge page, instead of going down to the next smaller one. Default false. */
  readonly strict?: boolean;
}

function sizeOf(pages: HugePageChoice): number {
  if (pages === '1GiB') return 1024 * MIB;
  return pages === '2MiB' ? 2 * MIB : (memory.hugePages().thp.pmdBytes ?? 2 * MIB);
}

/**
 * Regions on huge pages. Where the pool is empty a region lies on smaller pages, and its `placement.fallbacks` says why and
 * what would help; `stats().fellBack` counts those. Pages of the pools are present from the start.
 */
export class HugePageProvider extends ProviderBase {
  readonly pages: HugePageChoice;
  private readonly options: MapOptions;
  private fellBack = 0;

  /**
   * @param pages the kind of huge page; `pageBytes` is its size. Default `2MiB`
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE
   */
  constructor(pages: HugePageChoice = '2MiB', options?: HugePageProviderOptions) {
    const where = 'HugePageProvider';
    const choice = checkOneOf(`${where}: pages`, pages, CHOICES);
    const given = checkOptions<HugePageProviderOptions>(where, options, [...PROVIDER_KEYS, ...MAP_KEYS]);
    super(where, sizeOf(choice), given);
    const { name: _name, budget: _budget, ...map } = given;
    tryOut(map);
    this.pages = choice;
    this.options = Object.freeze({ ...map, pages: choice });
  }

  /**
   * @throws with `strict` ERR_MEMORY_HUGE_PAGES_UNAVAILABLE naming the pool, its free pages and the command that enlarges
   *   it; otherwise as PageProvider.acquire
   */
  override acquire(byteLength: number): Region {
    return super.acquire(byteLength);
  }

  protected map(byteLength: number): Region {
    const region = Region.map(byteLength, this.options);
    if (region.placement.got.pages !== this.pages) this.fellBack += 1;
    return region;
  }

  override stats() {
    return Object.freeze({ ...this.numbers(), fellBack: this.fellBack });
  }
}
