import {
  doubleRelease,
  foreignRelease,
  PoolBase,
  type PoolEntry,
  type PoolHooks,
  poolClosed,
  reentrant,
  type SyncPoolSettings,
} from '../base';
import { BUSY, entryOf, IDLE, LEASED, LENT } from '../base/entry'; // not through getters: this is the hot path
import { levelFull, wrongLevel } from './errors';
import { Level, type TreeEntry } from './level';
import { Placement } from './placement';

/**
 * All objects of one tree, with their hooks and the bound of the root. The levels only say where an object is: so there
 * is one set of books for what an object is doing, and a hook runs once, on whichever level.
 */
export class TreeStore<T extends object> extends PoolBase<T, TreeEntry<T>> {
  readonly root: Level<T>;
  private readonly placement: Placement<T>;
  private readonly resets: boolean;

  constructor(settings: SyncPoolSettings<T>, hooks: PoolHooks<T>) {
    const placement = new Placement<T>(settings.name, settings.maxSize);
    super(settings, placement.wrap(hooks));
    this.placement = placement;
    this.resets = hooks.reset !== undefined;
    this.root = placement.root;
    this.warm();
  }

  get idle(): number {
    return this.root.idle;
  }

  /** @throws ERR_MEMORY_POOL_EXHAUSTED naming the level that has nothing left */
  override acquire(level: Level<T> = this.root): T {
    return this.takeQuickly(level) ?? this.need(level, 'acquire').object;
  }

  override tryAcquire(level: Level<T> = this.root): T | undefined {
    return this.takeQuickly(level) ?? this.lendTo(level, 'tryAcquire')?.object;
  }

  /** As acquire(), for a lease. */
  borrow(level: Level<T>): TreeEntry<T> {
    return this.need(level, 'borrow');
  }

  override release(object: T, level: Level<T> = this.root): void {
    const entry = entryOf(object) as TreeEntry<T> | undefined;
    // What stays here and nobody has to be told of, in the fewest steps.
    if (
      entry !== undefined &&
      entry.pool === this &&
      entry.level === level &&
      entry.state === LENT &&
      this.plainRelease &&
      !this.resets &&
      level.keepsOneMore &&
      this.root.idle < this.settings.maxIdle
    ) {
      this.lent -= 1;
      this.releases += 1;
      entry.state = IDLE;
      level.putBack(entry);
    } else this.giveBack(this.loanOf(object, level, 'release'), 'release');
  }

  /** Takes back what a level has lent: by release() or a lease. */
  giveBack(entry: TreeEntry<T>, method: string): void {
    const { level } = entry;
    level.countReturn(1, true);
    try {
      this.takeBack(entry, method);
    } catch (error) {
      // Refused before anything was done: it is still lent.
      if (isLent(entry)) level.countReturn(-1, true);
      throw error;
    }
  }

  override detach(object: T, level: Level<T> = this.root): T {
    this.loanOf(object, level, 'detach');
    level.countReturn(1, false);
    super.detach(object);
    level.leave(null, 1);
    return object;
  }

  override destroy(object: T, level: Level<T> = this.root): void {
    this.loanOf(object, level, 'destroy');
    level.countReturn(1, false);
    super.destroy(object);
  }

  /** Ends what is idle on a level and below. */
  clearLevel(level: Level<T>, method: string): number {
    const spares = level.takeSpares(level.idle);
    const failures: unknown[] = [];
    this.endAll(spares, failures);
    this.throwAll(failures, method);
    return spares.length;
  }

  /** Closes a level and those below: what is idle goes home, what is lent does so when it comes back. */
  closeLevel(level: Level<T>): void {
    if (level.closed) return;
    close(level);
    try {
      if (level.parent === null) this.close();
      else for (const entry of level.takeSpares(level.idle)) Level.put(entry);
    } finally {
      forgetEmpty(level);
    }
  }

  /** A failure that no caller is told of. */
  report(error: unknown): void {
    this.runner.report(error, 'release');
  }

  protected entryFor(object: T): TreeEntry<T> {
    return this.placement.entryFor(object, this);
  }

  protected takeIdle(): TreeEntry<T> | undefined {
    return this.root.take();
  }

  protected takeSpares(count: number): TreeEntry<T>[] {
    return this.root.takeSpares(count);
  }

  protected putIdle(entry: TreeEntry<T>): void {
    Level.put(entry);
  }

  /** One that is idle at the very level, where no hook or callback is to be asked. */
  private takeQuickly(level: Level<T>): T | undefined {
    const entry = this.plain ? level.takeOwn() : undefined; // a level that is closed has none
    if (entry === undefined) return undefined;
    entry.state = LENT;
    this.acquires += 1;
    this.lent += 1;
    if (this.lent > this.peakLent) this.peakLent = this.lent;
    return entry.object;
  }

  private need(level: Level<T>, method: string): TreeEntry<T> {
    const entry = this.lendTo(level, method);
    if (entry === undefined) throw levelFull(level, method === 'borrow' ? 'lease' : method, level.blocker() ?? level);
    return entry;
  }

  private lendTo(level: Level<T>, method: string): TreeEntry<T> | undefined {
    this.needOpen(level, method);
    const blocker = level.blocker();
    if (blocker !== null && blocker.parent !== null) {
      level.countRefusal(blocker);
      return undefined;
    }
    const entry = this.serveLevel(level, method);
    if (entry === undefined) {
      level.countRefusal(null);
      return undefined;
    }
    level.countLoan(entry);
    if (!level.closed || this.closed) return entry;
    this.giveBack(entry, method); // a hook closed the level meanwhile
    throw poolClosed(level.path, method);
  }

  private serveLevel(level: Level<T>, method: string): TreeEntry<T> | undefined {
    const { placement } = this;
    const { asking, entering } = placement;
    placement.asking = level;
    try {
      return this.serve(method, level.pick);
    } catch (error) {
      // What was made is no object that can be lent: nobody has its place.
      if (placement.entering !== null && placement.entering !== entering) placement.entering.undoEnter();
      if (method === 'tryAcquire' && error === placement.noRoom) return undefined;
      level.countRefusal(null);
      throw error;
    } finally {
      placement.asking = asking;
      placement.entering = entering;
    }
  }

  private needOpen(level: Level<T>, method: string): void {
    if (!level.closed || level.parent === null) return; // the root says so itself
    level.countRefusal(level);
    throw poolClosed(level.path, method);
  }

  /** The loan of an object. @throws ERR_MEMORY_DOUBLE_FREE, ERR_MEMORY_FOREIGN_FREE */
  private loanOf(object: T, level: Level<T>, method: string): TreeEntry<T> {
    const entry = entryOf(object) as TreeEntry<T> | undefined;
    if (entry === undefined || entry.pool !== this) throw foreignRelease(level.path, method, 'this object');
    if (entry.state === BUSY) throw reentrant(level.path, method, 'object’s own');
    if (!isLent(entry)) throw doubleRelease(level.path, method);
    if (entry.level !== level) throw wrongLevel(level.path, method, entry.level.path);
    return entry;
  }
}

function isLent({ state }: PoolEntry<object>): boolean {
  return state === LENT || state === LEASED;
}

function close<T extends object>(level: Level<T>): void {
  level.closed = true;
  for (const child of level.children.values()) close(child);
}

function forgetEmpty<T extends object>(level: Level<T>): void {
  for (const child of [...level.children.values()]) forgetEmpty(child);
  level.forget();
}
