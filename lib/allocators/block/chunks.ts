import { type Backing, openMemory, Supply } from '../base';
import type { BlockSettings } from './options';

/**
 * The regions of a BlockAllocator as one row of blocks: the first holds `blocks` of them, each further one `growBlocks`,
 * the last perhaps fewer. Offsets of the allocator are virtual: block number times stride.
 */
export class Chunks {
  private readonly backings: Backing[] = [];
  private readonly settings: BlockSettings;
  private readonly supply: Supply;
  /** Blocks that there are now. */
  blocks = 0;
  reservedBytes = 0;

  constructor(where: string, settings: BlockSettings) {
    this.settings = settings;
    this.supply = new Supply(settings);
    const { region, blocks, strideBytes } = settings;
    this.add(openMemory(where, region === undefined ? blocks * strideBytes : { region }, settings), blocks);
  }

  get length(): number {
    return this.backings.length;
  }

  at(chunk: number): Backing | undefined {
    return this.backings[chunk];
  }

  /** Maps one more region. @throws what the provider or the budget throws, with nothing changed */
  grow(where: string): void {
    const { growBlocks, maxBlocks, strideBytes } = this.settings;
    const blocks = Math.min(growBlocks, maxBlocks - this.blocks);
    this.add(this.supply.open(where, blocks * strideBytes), blocks);
  }

  private add(backing: Backing, blocks: number): void {
    this.backings.push(backing);
    this.blocks += blocks;
    this.reservedBytes += backing.byteLength;
  }

  /** Number of the region that holds a block. */
  chunkOf(block: number): number {
    const { blocks, growBlocks } = this.settings;
    return block < blocks ? 0 : 1 + Math.floor((block - blocks) / growBlocks);
  }

  /** The first block of a region. */
  firstBlock(chunk: number): number {
    const { blocks, growBlocks } = this.settings;
    return chunk === 0 ? 0 : blocks + (chunk - 1) * growBlocks;
  }

  /** One past the last block of a region. */
  endBlock(chunk: number): number {
    return Math.min(this.firstBlock(chunk + 1), this.blocks);
  }

  /** Lets go of all, newest first. What throws stays, and all before it; may be called again. @throws ERR_MEMORY_IN_USE */
  release(): void {
    for (let backing = this.backings.pop(); backing !== undefined; backing = this.backings.pop()) {
      try {
        backing.release(); // out of the list before, for a provider that calls back
      } catch (error) {
        this.backings.push(backing);
        throw error;
      }
      this.reservedBytes -= backing.byteLength;
    }
  }
}
