import { isThenable, type MemoryError } from '../../core';
import { entryOf, GONE, type PoolHooks } from '../base';
import { levelFull } from './errors';
import { Level, TreeEntry } from './level';

/** Where new objects belong in a tree, and that each leaves its levels when it ends. */
export class Placement<T extends object> {
  readonly root: Level<T>;
  /** For whom the next object is made; those made ahead are of the root. */
  asking: Level<T> | null = null;
  /** The level that has a place for the object that was just made. */
  entering: Level<T> | null = null;
  /** What was thrown last because hooks took the place that a request was to have. */
  noRoom: MemoryError | null = null;

  constructor(name: string, maxSize: number) {
    this.root = new Level<T>(name, null, maxSize, Number.POSITIVE_INFINITY);
  }

  /** The hooks of the user, with the places of the levels kept around them. */
  wrap(hooks: PoolHooks<T>): PoolHooks<T> {
    return {
      ...hooks,
      create: () => this.create(hooks),
      ...(hooks.validate === undefined ? {} : { validate: (object: T) => this.validate(hooks, object) }),
      dispose: (object) => this.dispose(hooks, object),
    };
  }

  entryFor(object: T, pool: object): TreeEntry<T> {
    const level = this.entering ?? this.root;
    this.entering = null;
    return new TreeEntry(object, pool, level);
  }

  /** Places are taken on all levels before the hook runs. */
  private create(hooks: PoolHooks<T>): T {
    const level = this.asking ?? this.root;
    this.asking = null;
    const narrow = level.narrow();
    if (narrow !== null) throw (this.noRoom = levelFull(level, 'acquire', narrow));
    level.enter(null);
    let isTaken = false;
    try {
      const made = hooks.create();
      isTaken = canEnter(made);
      return made;
    } finally {
      // What the pool is going to refuse has no place, whoever asked: a request, or growth ahead of one.
      if (isTaken) this.entering = level;
      else level.undoEnter();
    }
  }

  private validate(hooks: PoolHooks<T>, object: T): boolean {
    let isFit = false;
    try {
      const answer = hooks.validate?.(object) as boolean;
      isFit = answer === true;
      return answer;
    } finally {
      if (!isFit) (entryOf(object) as TreeEntry<T> | undefined)?.level.countInvalid();
    }
  }

  private dispose(hooks: PoolHooks<T>, object: T): unknown {
    try {
      return hooks.dispose?.(object); // a promise is refused by who called
    } finally {
      (entryOf(object) as TreeEntry<T> | undefined)?.level.leave(null);
    }
  }
}

/** Whether a pool takes what `create` gave: an object or function that belongs to none. */
function canEnter(made: unknown): boolean {
  if ((typeof made !== 'object' || made === null) && typeof made !== 'function') return false;
  const former = entryOf(made);
  return !isThenable(made) && (former === undefined || former.state === GONE);
}
