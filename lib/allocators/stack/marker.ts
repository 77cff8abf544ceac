import { notForUsers } from '../../core';
import { CursorMark, CursorScope } from '../base';

/** A height of a StackAllocator; `depth` is the number of blocks below it. */
export class StackMarker extends CursorMark {}

/** What a frame needs of its allocator. */
export interface Releasable {
  release(marker: StackMarker): void;
  releaseIfValid(marker: StackMarker): boolean;
}

/**
 * Everything that is allocated while it is open is given back when it ends: `using frame = stack.frame()`. Ending it after
 * the stack went below it, was reset or disposed does nothing.
 */
export class StackFrame extends CursorScope<StackMarker> {
  private readonly owner: Releasable;

  /** Not for users: call `frame()`. */
  constructor(owner: Releasable, marker: StackMarker) {
    if (!(marker instanceof StackMarker)) throw notForUsers('StackFrame', 'stack.frame()');
    super(marker);
    this.owner = owner;
  }

  protected override goBack(mark: StackMarker): void {
    this.owner.releaseIfValid(mark);
  }

  /** What it goes back to. */
  get marker(): StackMarker {
    return this.mark;
  }

  /**
   * Ends it.
   *
   * @throws ERR_MEMORY_LIFO_VIOLATION when a frame around it ended before, ERR_MEMORY_STALE_HANDLE after reset() or a
   *   second time, ERR_MEMORY_CLOSED
   */
  release(): void {
    const { owner, offset, depth } = this.mark;
    // An ended frame must not give back what a later one allocated at the same height.
    this.owner.release(this.open ? this.mark : new StackMarker(owner, offset, -1, depth, 0));
    this.open = false;
  }
}
