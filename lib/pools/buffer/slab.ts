import { memoryError } from '../../core';
import type { Region } from '../../platform';

/** A view of nothing: what a slot has until somebody asks for its bytes. */
export const NO_VIEW = new Uint8Array(0);

const NO_NODE_VIEW = Buffer.alloc(0);

/** What a slot tells its pool. */
export interface SlotOwner {
  readonly name: string;
  give(slot: Slot): void;
}

/** Something that has to be told when a loan ends: a leak record, a stream that waits for room. */
export interface LoanWatcher {
  ended(): void;
}

/** One mapping, cut into buffers of one size. */
export class Slab {
  readonly region: Region;
  readonly slots: Slot[] = [];
  /** Slots whose former views may still be around: they are lent again after the pages have moved. */
  spent = 0;
  /** A view was made since the pages lie where they are. */
  viewed = false;
  /** The pool's epoch when a slot was last lent. */
  touched = 0;
  /** Its free slots, while the pool counts them. */
  loose: Slot[] = [];
  /** Slots that are lent, counted from the moment the pool was closed. */
  left = 0;
  private buffer: ArrayBuffer | SharedArrayBuffer | undefined;

  constructor(region: Region) {
    this.region = region;
  }

  /** True while nothing of it is lent; after the pool has put its free slots into `loose`. */
  get idle(): boolean {
    return this.loose.length + this.spent === this.slots.length;
  }

  /** @throws ERR_MEMORY_FREED where somebody else freed the region */
  memory(): ArrayBuffer | SharedArrayBuffer {
    // Length 0: somebody transferred it away; the region makes another one over the same pages.
    if (this.buffer === undefined || this.buffer.byteLength === 0) this.buffer = this.region.buffer;
    this.viewed = true;
    return this.buffer;
  }

  /** Empties every view: the pages go on at other addresses. @throws what Region.remap throws */
  move(): void {
    if (this.viewed) {
      this.buffer = undefined;
      this.region.remap(this.region.byteLength);
      this.viewed = false;
    }
    this.spent = 0;
  }
}

/** A buffer of a slab. Fields are plain because the hot path reads them. */
export class Slot {
  readonly owner: SlotOwner;
  readonly slab: Slab;
  readonly offset: number;
  readonly capacityBytes: number;
  /** Number of the class; -1 for a region of its own. */
  readonly classIndex: number;
  /** Counts the loans: a lease of an earlier one is stale. */
  generation = 0;
  pins = 0;
  /** May hold bytes that are not zeros. */
  dirty: boolean;
  view: Uint8Array = NO_VIEW;
  watcher: LoanWatcher | null = null;
  private nodeView: Buffer = NO_NODE_VIEW;

  constructor(owner: SlotOwner, slab: Slab, offset: number, capacityBytes: number, classIndex: number, dirty: boolean) {
    this.owner = owner;
    this.slab = slab;
    this.offset = offset;
    this.capacityBytes = capacityBytes;
    this.classIndex = classIndex;
    this.dirty = dirty;
  }

  /** The view of a length; the last one is kept. */
  viewOf(byteLength: number): Uint8Array {
    if (this.view.length === byteLength) return this.view;
    this.checkLength(byteLength);
    this.view = new Uint8Array(this.slab.memory(), this.offset, byteLength);
    return this.view;
  }

  bufferOf(byteLength: number): Buffer {
    if (this.nodeView.length === byteLength) return this.nodeView;
    this.checkLength(byteLength);
    this.nodeView = Buffer.from(this.slab.memory() as ArrayBuffer, this.offset, byteLength);
    return this.nodeView;
  }

  /** True where somebody may have kept a view. */
  get seen(): boolean {
    return this.view !== NO_VIEW || this.nodeView !== NO_NODE_VIEW;
  }

  forgetViews(): void {
    this.view = NO_VIEW;
    this.nodeView = NO_NODE_VIEW;
  }

  private checkLength(byteLength: number): void {
    if (byteLength > 0 && byteLength <= this.capacityBytes) return;
    throw memoryError(
      'ERR_MEMORY_CORRUPTION',
      `${this.owner.name}: a lease of ${this.capacityBytes} bytes says that it has ${byteLength}`,
      { source: this.owner.name, hint: 'Somebody wrote to its byteLength: call resize() instead.' },
    );
  }
}
