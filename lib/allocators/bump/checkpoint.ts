import { notForUsers } from '../../core';
import { CursorMark, CursorScope } from '../base';

/** A position of a BumpAllocator. Plain data of that allocator; holds no memory and needs no release. */
export class BumpCheckpoint extends CursorMark {}

/** What a scope needs of its allocator. */
export interface Restorable {
  restoreIfValid(checkpoint: BumpCheckpoint): boolean;
}

/**
 * Everything that is allocated while it is open is given back when it ends: `using scope = bump.scope()`.
 * Ending it after the allocator was reset, disposed or restored to before it does nothing: there is nothing left of it.
 */
export class BumpScope extends CursorScope<BumpCheckpoint> {
  private readonly owner: Restorable;

  /** Not for users: call `scope()`. */
  constructor(owner: Restorable, checkpoint: BumpCheckpoint) {
    if (!(checkpoint instanceof BumpCheckpoint)) throw notForUsers('BumpScope', 'bump.scope()');
    super(checkpoint);
    this.owner = owner;
  }

  protected override goBack(mark: BumpCheckpoint): void {
    this.owner.restoreIfValid(mark);
  }

  /** What it goes back to. */
  get checkpoint(): BumpCheckpoint {
    return this.mark;
  }
}
