import { memoryError } from '../../core';
import type { Region } from '../../platform';

/** One region of an arena. Internal to the arenas; fields are plain because the hot paths read them. */
export class Chunk {
  readonly region: Region;
  /** Bytes that were charged and count against the limit. */
  readonly reservedBytes: number;
  /** Usable bytes. */
  readonly byteLength: number;
  /** Over the whole region; null where one buffer cannot span it. */
  buffer: ArrayBuffer | SharedArrayBuffer | null;
  /** A view was handed out since the memory was got or moved. */
  viewed = false;
  /** Below this may lie bytes of earlier blocks; above it the memory is as the system gave it. */
  dirtyBytes: number;
  // While in use:
  /** First offset of the arena's space that lies here. */
  base = 0;
  /** Bytes in use of this chunk; the current chunk's is the arena's own field. */
  usedBytes = 0;
  /** Bytes in use of the chunks before it. */
  usedBefore = 0;
  /** Index in the arena's log of the first block that lies here. */
  firstEntry = 0;
  /** Size of a block that is too large for the log; it lies here alone. */
  hugeBytes = 0;

  constructor(region: Region, reservedBytes: number, fresh: boolean) {
    this.region = region;
    this.reservedBytes = reservedBytes;
    this.byteLength = region.byteLength;
    this.dirtyBytes = fresh ? 0 : this.byteLength;
    this.buffer = spanning(region);
  }

  /** A view of a part that the caller has checked. @throws ERR_MEMORY_FREED when somebody freed the region */
  window(where: string, at: number, byteLength: number): Uint8Array {
    this.viewed = true;
    const { buffer, region } = this;
    if (buffer !== null && buffer.byteLength !== 0) return new Uint8Array(buffer, at, byteLength);
    if (region.state === 'freed') {
      throw memoryError('ERR_MEMORY_FREED', `${where}: the region below the arena was freed by somebody else`);
    }
    if (buffer === null) return region.window(at, byteLength);
    this.buffer = region.buffer; // the user transferred the buffer away; the pages are still here
    return new Uint8Array(this.buffer, at, byteLength);
  }

  /** Moves the memory from under every view. @throws what Region.remap throws: nothing has changed then */
  moveAway(): void {
    if (!this.viewed) return;
    this.region.remap(this.byteLength);
    this.refresh();
    this.viewed = false;
  }

  /** Looks anew where the memory is. */
  refresh(): void {
    if (this.region.state === 'live') this.buffer = spanning(this.region);
  }
}

function spanning(region: Region): ArrayBuffer | SharedArrayBuffer | null {
  try {
    return region.buffer;
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_MEMORY_TOO_LARGE') return null;
    throw error;
  }
}
