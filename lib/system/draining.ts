import { formatBytes, type MemoryError, memoryError, stopTimer, type Timers } from '../core';
import { type HolderStats, holdersText } from './holders';

/** Waits until nothing is held, or a deadline. Internal. */
export class Draining {
  private readonly countLive: () => number;
  private left = 0;
  private readonly waiting = new Set<() => void>();

  /** @param countLive blocks that are handed out; asked when as many frees have come as there were */
  constructor(countLive: () => number) {
    this.countLive = countLive;
    this.left = countLive();
  }

  /** A block was freed. */
  note(): void {
    this.left -= 1;
    if (this.left > 0) return;
    this.recount();
  }

  /** Something other than a free may have changed what is held. */
  recount(): void {
    this.left = this.countLive();
    if (this.left > 0) return;
    for (const done of [...this.waiting]) done();
  }

  /** True when nothing is held, false when the deadline came first. Null waits without end. @throws what the timers throw */
  wait(timers: Timers, deadlineMs: number | null): Promise<boolean> {
    this.recount();
    if (this.left <= 0) return Promise.resolve(true);
    if (deadlineMs === 0) return Promise.resolve(false);
    return new Promise((resolve) => {
      let timer: unknown = null;
      const end = (empty: boolean): void => {
        this.waiting.delete(done);
        if (timer !== null) stopTimer(timers, timer);
        resolve(empty);
      };
      const done = (): void => end(true);
      if (deadlineMs !== null) {
        timer = timers.start(() => {
          timer = null;
          end(false);
        }, deadlineMs);
      }
      this.waiting.add(done);
    });
  }
}

/** What shutdown() says when its deadline has come. */
export function stillHeld(
  name: string,
  deadlineMs: number,
  holders: readonly HolderStats[],
  spaces: readonly { readonly name: string; readonly blocks: number; readonly bytes: number }[],
): MemoryError {
  const leases = holders.reduce((sum, holder) => sum + holder.leases, 0);
  const blocks = spaces.reduce((sum, space) => sum + space.blocks, 0);
  const bytes = spaces.reduce((sum, space) => sum + space.bytes, 0);
  const words: string[] = [];
  if (leases > 0) words.push(holdersText(holders));
  if (blocks > leases) {
    const where = spaces.filter((space) => space.blocks > 0).map((space) => `${space.name} ${space.blocks}`);
    words.push(`blocks of the number form among those of ${where.join(', ')}`);
  }
  return memoryError(
    'ERR_MEMORY_TIMEOUT',
    `shutdown of '${name}': after ${deadlineMs} ms ${blocks} ${blocks === 1 ? 'block' : 'blocks'} of ${formatBytes(bytes)} are still held: ${words.join('; ')}`,
    {
      source: name,
      hint: 'Give them back and shut down again, or pass { force: true }: views of them have length 0 then.',
    },
  );
}
