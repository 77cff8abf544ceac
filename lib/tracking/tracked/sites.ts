/** A place in the code that allocates, with what it holds. */
export interface LeakSite {
  /** Nearest frame first. */
  readonly frames: readonly string[];
  /** Recorded blocks that live. */
  readonly allocations: number;
  readonly bytes: number;
  /** Recorded blocks so far, freed ones included. */
  readonly totalAllocations: number;
  readonly totalBytes: number;
}

const OVERFLOW = '(other places: maxSites is reached)';

/** Interned stacks with their counts: a block keeps a number only. */
export class SiteTable {
  private readonly ids = new Map<string, number>();
  private readonly keys = new Map<string, number>();
  private readonly texts: string[] = [];
  private readonly live: number[] = [];
  private readonly liveBytes: number[] = [];
  private readonly total: number[] = [];
  private readonly totalBytes: number[] = [];
  private readonly maxSites: number;

  constructor(maxSites: number) {
    this.maxSites = maxSites;
  }

  get size(): number {
    return this.texts.length;
  }

  /** The site of a key that was given to `idOf` before. */
  idOfKey(key: string): number | undefined {
    return key === '' ? undefined : this.keys.get(key);
  }

  /** @param key names the same stack more cheaply; empty without one */
  idOf(frames: string, key: string = ''): number {
    const id = this.idOfFrames(frames);
    // Keys past the limit are forgotten, or a program that makes code at run time would grow them without end.
    if (key !== '' && this.keys.size < 4 * this.maxSites) this.keys.set(key, id);
    return id;
  }

  private idOfFrames(frames: string): number {
    const known = this.ids.get(frames);
    if (known !== undefined) return known;
    if (this.texts.length >= this.maxSites && frames !== OVERFLOW) return this.idOfFrames(OVERFLOW);
    const id = this.texts.length;
    this.ids.set(frames, id);
    this.texts.push(frames);
    for (const list of [this.live, this.liveBytes, this.total, this.totalBytes]) list.push(0);
    return id;
  }

  framesOf(id: number): readonly string[] {
    return (this.texts[id] ?? '').split('\n');
  }

  enter(id: number, bytes: number): void {
    this.live[id] = (this.live[id] ?? 0) + 1;
    this.liveBytes[id] = (this.liveBytes[id] ?? 0) + bytes;
    this.total[id] = (this.total[id] ?? 0) + 1;
    this.totalBytes[id] = (this.totalBytes[id] ?? 0) + bytes;
  }

  leave(id: number, bytes: number): void {
    this.live[id] = (this.live[id] ?? 0) - 1;
    this.liveBytes[id] = (this.liveBytes[id] ?? 0) - bytes;
  }

  clearLive(): void {
    this.live.fill(0);
    this.liveBytes.fill(0);
  }

  /** Sites with live blocks, those that hold the most bytes first. */
  holding(): LeakSite[] {
    const sites: LeakSite[] = [];
    for (let id = 0; id < this.texts.length; id++) {
      const allocations = this.live[id] ?? 0;
      if (allocations === 0) continue;
      sites.push({
        frames: this.framesOf(id),
        allocations,
        bytes: this.liveBytes[id] ?? 0,
        totalAllocations: this.total[id] ?? 0,
        totalBytes: this.totalBytes[id] ?? 0,
      });
    }
    return sites.sort((a, b) => b.bytes - a.bytes || b.allocations - a.allocations);
  }
}
