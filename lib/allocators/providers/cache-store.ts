import type { Region } from '../../platform';

/** A region that waits for its next holder. */
export interface Cached {
  readonly region: Region;
  /** Of the region, in bytes. */
  readonly byteLength: number;
  /** The first bytes of it, which can hold something and count as kept; behind them the pages were given back. */
  keptBytes: number;
  readonly sizeClass: number;
  /** When it came, in steps of the decay curve. */
  readonly step: number;
  /** While upstream, somebody else's code, takes it back: it is nobody's to take meanwhile. */
  leaving: boolean;
}

const SCAN = 16;
const CLASSES_ABOVE = 3;

/** Eight classes a doubling, the first 15 sizes one by one. */
export function sizeClassOf(units: number): number {
  let rest = units;
  let shift = 0;
  while (rest >= 16) {
    rest = Math.floor(rest / 2);
    shift += 1;
  }
  return shift * 8 + rest;
}

/** Cached regions by size class and by age. Each stands in both; nothing here touches memory. */
export class CacheStore {
  private readonly classes = new Map<number, Cached[]>();
  // In the order in which they came: the first is the oldest.
  private readonly ages = new Set<Cached>();
  private readonly unitBytes: number;
  keptBytes = 0;

  constructor(unitBytes: number) {
    this.unitBytes = unitBytes;
  }

  get size(): number {
    return this.ages.size;
  }

  /** The oldest first. Entries may be removed meanwhile. */
  oldestFirst(): IterableIterator<Cached> {
    return this.ages.values();
  }

  add(region: Region, byteLength: number, step: number): void {
    const sizeClass = sizeClassOf(Math.ceil(byteLength / this.unitBytes));
    const entry = { region, byteLength, keptBytes: byteLength, sizeClass, step, leaving: false };
    const list = this.classes.get(sizeClass);
    if (list === undefined) this.classes.set(sizeClass, [entry]);
    else list.push(entry);
    this.ages.add(entry);
    this.keptBytes += byteLength;
  }

  remove(entry: Cached): void {
    if (!this.ages.delete(entry)) return;
    this.keptBytes -= entry.keptBytes;
    const list = this.classes.get(entry.sizeClass);
    if (list === undefined) return;
    const at = list.at(-1) === entry ? list.length - 1 : list.indexOf(entry);
    list.splice(at, 1);
    if (list.length === 0) this.classes.delete(entry.sizeClass);
  }

  /** Some of an entry's pages were given back. */
  shrink(entry: Cached, keptBytes: number): void {
    this.keptBytes -= entry.keptBytes - keptBytes;
    entry.keptBytes = keptBytes;
  }

  /** The youngest that fits and is at most a quarter larger; undefined without one. It stays. */
  find(byteLength: number): Cached | undefined {
    const first = sizeClassOf(Math.ceil(byteLength / this.unitBytes));
    const most = byteLength + byteLength / 4;
    for (let sizeClass = first; sizeClass <= first + CLASSES_ABOVE; sizeClass++) {
      const list = this.classes.get(sizeClass);
      if (list === undefined) continue;
      const end = Math.max(0, list.length - SCAN);
      for (let i = list.length - 1; i >= end; i--) {
        const entry = list[i];
        if (entry === undefined || entry.leaving) continue;
        if (entry.byteLength >= byteLength && entry.byteLength <= most) return entry;
      }
    }
    return undefined;
  }
}
