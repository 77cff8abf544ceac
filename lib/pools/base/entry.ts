/** Where an object stands. */
export const IDLE = 0;
/** Lent to whoever called acquire(). */
export const LENT = 1;
/** Lent through a lease or use(), which end when somebody else gives the object back first. */
export const LEASED = 2;
/** In the hands of a hook or a callback: nobody may give it back. */
export const BUSY = 3;
/** Ended by its pool. */
export const GONE = 4;

/** What a pool knows of one object. */
export class PoolEntry<T extends object> {
  readonly object: T;
  /** Whose it is. */
  readonly pool: object;
  state = BUSY;
  /** The lease that holds it, in the state LEASED. */
  lease: object | null = null;

  constructor(object: T, pool: object) {
    this.object = object;
    this.pool = pool;
  }
}

class Same {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: a sub-class puts its private fields onto what this returns
    return object;
  }
}

/**
 * A private field on objects of any kind that leads to their entry. Unlike a property it shows nowhere, is neither
 * copied nor inherited, works on frozen objects, and a proxy around the object does not have it.
 */
class Mark extends Same {
  #entry: PoolEntry<object> | undefined;

  static get(object: object): PoolEntry<object> | undefined {
    try {
      return (object as Mark).#entry;
    } catch {
      return undefined;
    }
  }

  static put(object: object, entry: PoolEntry<object> | undefined): void {
    const marked = #entry in object ? (object as Mark) : new Mark(object);
    marked.#entry = entry;
  }
}

// Engines to come refuse private fields on what is not extensible.
const unmarked = new WeakMap<object, PoolEntry<object> | undefined>();
let anyUnmarked = false;

/** The entry of an object that belongs to a pool or did so; undefined for everything else, of any type. */
export function entryOf(object: unknown): PoolEntry<object> | undefined {
  const entry = Mark.get(object as object);
  return entry === undefined && anyUnmarked ? unmarked.get(object as object) : entry;
}

/** Notes whose an object is; undefined: nobody's. */
export function noteEntry(object: object, entry: PoolEntry<object> | undefined): void {
  try {
    Mark.put(object, entry);
  } catch {
    anyUnmarked = true;
    unmarked.set(object, entry);
  }
}
