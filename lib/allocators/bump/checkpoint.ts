/** A position of a BumpAllocator. Plain data of that allocator; holds no memory and needs no release. */
export class BumpCheckpoint {
  /** Bytes in use when it was taken. */
  readonly offset: number;
  /** How often the allocator had been reset. */
  readonly generation: number;
  /** Not for users. */
  readonly owner: object;
  readonly depth: number;
  readonly serial: number;

  /** Not for users: call `checkpoint()`. */
  constructor(owner: object, offset: number, generation: number, depth: number, serial: number) {
    this.owner = owner;
    this.offset = offset;
    this.generation = generation;
    this.depth = depth;
    this.serial = serial;
  }
}

/** What a scope needs of its allocator. */
export interface Restorable {
  restoreIfValid(checkpoint: BumpCheckpoint): boolean;
}

/**
 * Everything that is allocated while it is open is given back when it ends: `using scope = bump.scope()`.
 * Ending it after the allocator was reset, disposed or restored to before it does nothing: there is nothing left of it.
 */
export class BumpScope implements Disposable {
  readonly checkpoint: BumpCheckpoint;
  private readonly owner: Restorable;
  private open = true;

  /** Not for users: call `scope()`. */
  constructor(owner: Restorable, checkpoint: BumpCheckpoint) {
    this.owner = owner;
    this.checkpoint = checkpoint;
  }

  [Symbol.dispose](): void {
    if (!this.open) return;
    this.owner.restoreIfValid(this.checkpoint);
    this.open = false;
  }

  /** Alias of disposal, for code without `using`. */
  dispose(): void {
    this[Symbol.dispose]();
  }
}
