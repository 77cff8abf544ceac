import { memoryError } from '../../core';

declare const brand: unique symbol;

/** A point in an arena's life that rewind() returns to: a number that no other mark of this thread has. */
export type ArenaMark = number & { readonly [brand]: 'ArenaMark' };

// One series for all arenas of the thread, so that a mark of another arena is never taken for one's own.
let serial = 0;

/**
 * The marks of one arena that are still good, oldest first, each with the number of log entries below it. Internal.
 * Marks at the same place share a serial, so there are never more of them than blocks.
 */
export class MarkStack {
  private serials: number[] = [];
  private levels: number[] = [];

  /** A mark at `level`, the number of blocks below it. */
  add(level: number): ArenaMark {
    const top = this.levels.length - 1;
    if (top >= 0 && this.levels[top] === level) return this.serials[top] as ArenaMark;
    return this.addOwn(level);
  }

  /** A mark that nobody else has. */
  addOwn(level: number): ArenaMark {
    serial += 1;
    this.serials.push(serial);
    this.levels.push(level);
    return serial as ArenaMark;
  }

  /** The blocks below a mark, or -1 for one that is gone. */
  levelOf(mark: number): number {
    const at = this.indexOf(mark);
    return at === -1 ? -1 : (this.levels[at] as number);
  }

  /** Drops the marks made after this one. */
  dropAbove(mark: number): void {
    const at = this.indexOf(mark);
    if (at === -1) return;
    this.serials.length = at + 1;
    this.levels.length = at + 1;
  }

  /** Drops this one and those made after it. */
  dropFrom(mark: number): void {
    const at = this.indexOf(mark);
    if (at === -1) return;
    this.serials.length = at;
    this.levels.length = at;
  }

  /** Blocks were freed down to `level`: no mark stands higher. */
  clamp(level: number): void {
    for (let at = this.levels.length - 1; at >= 0 && (this.levels[at] as number) > level; at -= 1) {
      this.levels[at] = level;
    }
  }

  clear(): void {
    if (this.serials.length === 0) return;
    this.serials = [];
    this.levels = [];
  }

  private indexOf(mark: number): number {
    const { serials } = this;
    let low = 0;
    let high = serials.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = serials[middle] as number;
      if (found === mark) return middle;
      if (found < mark) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }
}

export function staleMark(where: string, source: string): Error {
  return memoryError(
    'ERR_MEMORY_STALE_HANDLE',
    `${where}: the mark is gone: its arena was reset or rewound below it, or it is another arena's`,
    { source, hint: 'Marks are good until a reset() or a rewind() to an earlier mark.' },
  );
}
