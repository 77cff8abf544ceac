/** A place to go back to in a bump or a stack allocator. Plain data of that allocator; holds no memory, needs no release. */
export abstract class CursorMark {
  /** Bytes in use when it was taken. */
  readonly offset: number;
  /** How often the allocator had been reset. */
  readonly generation: number;
  /** Not for users. */
  readonly owner: object;
  readonly depth: number;
  readonly serial: number;

  /** Not for users: the allocator makes them. */
  constructor(owner: object, offset: number, generation: number, depth: number, serial: number) {
    this.owner = owner;
    this.offset = offset;
    this.generation = generation;
    this.depth = depth;
    this.serial = serial;
  }
}

/** Goes back to a mark when it ends, once, and only if the mark is still good: otherwise there is nothing left of it. */
export abstract class CursorScope<M extends CursorMark> implements Disposable {
  protected readonly mark: M;
  protected open = true;

  protected constructor(mark: M) {
    this.mark = mark;
  }

  /** Does nothing for a mark that is stale, and after disposal. */
  protected abstract goBack(mark: M): void;

  /** Ends it if there is something to end. What cannot be given back (freed memory that is to be filled) leaves it open. */
  [Symbol.dispose](): void {
    if (!this.open) return;
    this.goBack(this.mark);
    this.open = false;
  }

  /** Alias of disposal, for code without `using`. */
  dispose(): void {
    this[Symbol.dispose]();
  }
}
