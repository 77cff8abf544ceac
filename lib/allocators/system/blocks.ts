import type { Region } from '../../platform';

export interface SystemBlock {
  readonly start: number;
  /** As it was asked for. */
  readonly byteLength: number;
  /** What it takes: whole pages. */
  readonly pageBytes: number;
  readonly region: Region;
}

const KEPT_DEAD = 64;

/** Live blocks in the order of their offsets, which only rise: new ones are appended, freed ones leave a hole for a while. */
export class SystemBlocks {
  private starts: number[] = [];
  private blocks: (SystemBlock | null)[] = [];
  private dead = 0;

  get live(): number {
    return this.blocks.length - this.dead;
  }

  add(block: SystemBlock): void {
    this.starts.push(block.start);
    this.blocks.push(block);
  }

  /** The live block that an offset lies in. */
  containing(offset: number): SystemBlock | undefined {
    const block = this.blocks[this.lastUpTo(offset)];
    return block && offset < block.start + block.pageBytes ? block : undefined;
  }

  remove(block: SystemBlock): void {
    this.blocks[this.lastUpTo(block.start)] = null;
    this.dead += 1;
    if (this.dead > KEPT_DEAD && this.dead * 2 > this.blocks.length) this.compact();
  }

  all(): SystemBlock[] {
    return this.blocks.filter((block) => block !== null);
  }

  private lastUpTo(offset: number): number {
    let low = 0;
    let high = this.starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.starts[middle] ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  private compact(): void {
    this.blocks = this.all();
    this.starts = this.blocks.map((block) => block?.start ?? 0);
    this.dead = 0;
  }
}
