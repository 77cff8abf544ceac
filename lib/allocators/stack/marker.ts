/** A height of a StackAllocator. Plain data of that allocator; holds no memory. */
export class StackMarker {
  /** Blocks below it. */
  readonly depth: number;
  /** Bytes in use when it was taken. */
  readonly offset: number;
  /** How often the allocator had been reset. */
  readonly generation: number;
  /** Not for users. */
  readonly owner: object;
  readonly serial: number;

  /** Not for users: call `mark()`. */
  constructor(owner: object, depth: number, offset: number, generation: number, serial: number) {
    this.owner = owner;
    this.depth = depth;
    this.offset = offset;
    this.generation = generation;
    this.serial = serial;
  }
}

/** What a frame needs of its allocator. */
export interface Releasable {
  release(marker: StackMarker): void;
  isValid(marker: StackMarker): boolean;
}

/** Everything that is allocated while it is open is given back when it ends: `using frame = stack.frame()`. */
export class StackFrame implements Disposable {
  readonly marker: StackMarker;
  private readonly owner: Releasable;
  private open = true;

  /** Not for users: call `frame()`. */
  constructor(owner: Releasable, marker: StackMarker) {
    this.owner = owner;
    this.marker = marker;
  }

  /**
   * Ends it.
   *
   * @throws ERR_MEMORY_LIFO_VIOLATION when a frame around it ended before, ERR_MEMORY_STALE_HANDLE after reset() or a
   *   second time, ERR_MEMORY_CLOSED
   */
  release(): void {
    // An ended frame must not give back what a later one allocated at the same height.
    this.owner.release(
      this.open ? this.marker : new StackMarker(this.marker.owner, this.marker.depth, this.marker.offset, -1, 0),
    );
    this.open = false;
  }

  /** Ends it if there is something to end: a stack that went below it, was reset or disposed, has given it back. */
  [Symbol.dispose](): void {
    if (!this.open) return;
    if (this.owner.isValid(this.marker)) this.owner.release(this.marker);
    this.open = false;
  }

  /** Alias of disposal, for code without `using`. */
  dispose(): void {
    this[Symbol.dispose]();
  }
}
