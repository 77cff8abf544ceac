import type { Chunk } from './chunk';

/** Where a walk over the blocks of an arena is. Internal: Arena.walkOn() moves it. */
export class BlockWalk {
  /** The blocks of the log below it are walked over: what is made meanwhile is left out. */
  readonly level: number;
  entry = -1;
  /** Of the chunk among those in use; a guess when blocks went meanwhile. */
  index = 0;
  chunk: Chunk | undefined;
  /** Of the block in its chunk. */
  start = 0;
  end = 0;

  constructor(level: number) {
    this.level = level;
  }
}
