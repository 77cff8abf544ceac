import { PoolEntry, type PoolStats } from '../base';

/** What the tree knows of one object. */
export class TreeEntry<T extends object> extends PoolEntry<T> {
  /** Where it is: the level that lends it, or has it idle. */
  level: Level<T>;
  /** The lowest level that had it already when it was taken for a request; null for one made for it. */
  had: Level<T> | null = null;

  constructor(object: T, pool: object, level: Level<T>) {
    super(object, pool);
    this.level = level;
  }
}

/**
 * One node of the tree and its books. All numbers are of the node and everything below it; so an object counts once on
 * each level from where it is up to the root, and moves change the levels in between and no others.
 */
export class Level<T extends object> {
  readonly children = new Map<string, Level<T>>();
  /** Idle here, the newest last. */
  readonly stack: TreeEntry<T>[] = [];
  /** take(), for whoever chooses among the idle ones. */
  readonly pick = (): TreeEntry<T> | undefined => this.take();
  closed = false;
  /** Idle, lent, or in the hands of a hook. */
  places = 0;
  idle = 0;
  lent = 0;
  refusals = 0;
  private acquires = 0;
  private releases = 0;
  private hits = 0;
  private came = 0;
  private left = 0;
  private detached = 0;
  private invalid = 0;
  private peakLent = 0;
  private peakPlaces = 0;

  constructor(
    readonly name: string,
    readonly parent: Level<T> | null,
    readonly maxSize: number,
    readonly keepIdle: number,
  ) {}

  /** A path of names from the root, such as `jobs/images`. */
  get path(): string {
    return this.parent === null ? this.name : `${this.parent.path}/${this.name}`;
  }

  get isFull(): boolean {
    return this.places >= this.maxSize;
  }

  /** The level that has nothing left for a request here; null where one can be had. */
  blocker(): Level<T> | null {
    for (let level: Level<T> | null = this; level !== null; level = level.parent) {
      if (level.stack.length > 0) return null;
      if (level.isFull) return level.idle > 0 ? null : level;
    }
    return null;
  }

  /** The level below the root that has no place for a new object on its way here; null where all have. */
  narrow(): Level<T> | null {
    for (let level: Level<T> = this; level.parent !== null; level = level.parent) if (level.isFull) return level;
    return null;
  }

  /**
   * Takes an idle one for a request here: of this level, else of the nearest above it. A level that is at its limit
   * takes one back from below instead, from whoever has most. Undefined where a new one is needed, or none can be had.
   */
  take(): TreeEntry<T> | undefined {
    for (let level: Level<T> | null = this; level !== null; level = level.parent) {
      if (level.stack.length === 0 && !level.isFull) continue;
      const holder = level.stack.length > 0 ? level : level.richest();
      const entry = holder?.stack.pop();
      if (holder === undefined || entry === undefined) return undefined;
      holder.countIdle(-1);
      const meeting = holder === level ? level : holder.meeting(this);
      holder.leave(meeting);
      this.enter(meeting);
      entry.level = this;
      entry.had = meeting;
      return entry;
    }
    return undefined;
  }

  /** Lends the newest that is idle here. */
  takeOwn(): TreeEntry<T> | undefined {
    const entry = this.stack.pop();
    if (entry === undefined) return undefined;
    for (let level: Level<T> | null = this; level !== null; level = level.parent) {
      level.idle -= 1;
      level.hits += 1;
      level.acquires += 1;
      level.lent += 1;
      if (level.lent > level.peakLent) level.peakLent = level.lent;
    }
    return entry;
  }

  get keepsOneMore(): boolean {
    return !this.closed && this.stack.length < this.keepIdle;
  }

  /** Takes back one that was lent here and stays here. */
  putBack(entry: TreeEntry<T>): void {
    this.stack.push(entry);
    for (let level: Level<T> | null = this; level !== null; level = level.parent) {
      level.idle += 1;
      level.lent -= 1;
      level.releases += 1;
    }
  }

  /** Takes the oldest idle ones of this level and then of those below; they stay counted where they are. */
  takeSpares(count: number): TreeEntry<T>[] {
    const spares = this.stack.splice(0, Math.max(0, count));
    if (spares.length > 0) this.countIdle(-spares.length);
    for (const child of this.children.values()) {
      if (spares.length >= count) break;
      for (const spare of child.idle > 0 ? child.takeSpares(count - spares.length) : []) spares.push(spare);
    }
    return spares;
  }

  /** An idle one comes to rest: here, or at the nearest level above that is open and keeps one more. */
  static put<T extends object>(entry: TreeEntry<T>): void {
    let to = entry.level;
    while (to.parent !== null && !to.keepsOneMore) to = to.parent;
    Level.move(entry, to);
    to.stack.push(entry);
    to.countIdle(1);
  }

  /** Takes up to `count` idle ones from below; they are idle here then. */
  reclaim(count: number): number {
    let taken = 0;
    for (; taken < count; taken += 1) {
      const holder = this.stack.length < this.idle ? this.richest() : undefined;
      const entry = holder?.stack.pop();
      if (holder === undefined || entry === undefined) break;
      holder.countIdle(-1);
      Level.move(entry, this);
      this.stack.push(entry);
      this.countIdle(1);
    }
    return taken;
  }

  /** One comes in from `top`, which has it already; null: from nowhere. */
  enter(top: Level<T> | null): void {
    for (let level: Level<T> | null = this; level !== top && level !== null; level = level.parent) {
      level.places += 1;
      level.came += 1;
      if (level.places > level.peakPlaces) level.peakPlaces = level.places;
    }
  }

  /** Takes back enter(null): what was to come was not made. */
  undoEnter(): void {
    for (let level: Level<T> | null = this; level !== null; level = level.parent) {
      level.places -= 1;
      level.came -= 1;
      level.forget();
    }
  }

  /** One goes to `top`, or out of the tree. Who is closed and empty is forgotten. */
  leave(top: Level<T> | null, detached: number = 0): void {
    for (let level: Level<T> | null = this; level !== top && level !== null; level = level.parent) {
      level.places -= 1;
      level.left += 1 - detached;
      level.detached += detached;
      level.forget();
    }
  }

  /** A request here was served with the entry. */
  countLoan({ had }: TreeEntry<T>): void {
    let isHit = false;
    for (let level: Level<T> | null = this; level !== null; level = level.parent) {
      isHit ||= level === had;
      if (isHit) level.hits += 1;
      level.acquires += 1;
      level.lent += 1;
      if (level.lent > level.peakLent) level.peakLent = level.lent;
    }
  }

  /** A loan of here ended; `by`: -1 takes that back. */
  countReturn(by: 1 | -1, released: boolean): void {
    for (let level: Level<T> | null = this; level !== null; level = level.parent) {
      level.lent -= by;
      if (released) level.releases += by;
    }
  }

  /** A request was refused on the way from here up to `top`, inclusive. */
  countRefusal(top: Level<T> | null): void {
    for (let level: Level<T> | null = this; level !== null; level = level.parent) {
      level.refusals += 1;
      if (level === top) break;
    }
  }

  /** One of here was found unfit, and is ended next. */
  countInvalid(): void {
    for (let level: Level<T> | null = this; level !== null; level = level.parent) level.invalid += 1;
  }

  /** Leaves the list of its parent once it is closed and has nothing out. */
  forget(): void {
    if (this.closed && this.places === 0 && this.parent?.children.get(this.name) === this) {
      this.parent.children.delete(this.name);
    }
  }

  stats(): PoolStats {
    const { path: name, idle, lent: borrowed, places: size, acquires, releases, hits, refusals, detached } = this;
    return {
      ...{ name, idle, borrowed, size, maxSize: this.maxSize === Number.POSITIVE_INFINITY ? null : this.maxSize },
      ...{ waiting: 0, acquires, releases, hits, misses: acquires - hits, refusals, detached },
      ...{ creates: this.came, disposals: this.left, invalid: this.invalid, expired: 0 },
      ...{ peakBorrowed: this.peakLent, peakSize: this.peakPlaces },
    };
  }

  private static move<T extends object>(entry: TreeEntry<T>, to: Level<T>): void {
    entry.level.leave(to);
    entry.level = to;
  }

  private countIdle(by: number): void {
    for (let level: Level<T> | null = this; level !== null; level = level.parent) level.idle += by;
  }

  /** True for this level and all above it. */
  isWithin(other: Level<T>): boolean {
    for (let level: Level<T> | null = this; level !== null; level = level.parent) if (level === other) return true;
    return false;
  }

  /** The nearest level from here up that the other one stands below, or is. */
  private meeting(other: Level<T>): Level<T> | null {
    for (let level: Level<T> | null = this; level !== null; level = level.parent) {
      if (other.isWithin(level)) return level;
    }
    return null;
  }

  /** The level below that has idle ones, on the way to where most are. */
  private richest(): Level<T> | undefined {
    let found: Level<T> | undefined;
    for (const child of this.children.values()) {
      if (child.idle > (found?.idle ?? 0)) found = child;
    }
    return found === undefined || found.stack.length > 0 ? found : found.richest();
  }
}
