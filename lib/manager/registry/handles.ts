import { type Allocator, checkInteger, describe, type MemoryError, memoryError } from '../../core';
import type { Region } from '../../platform';

// One space of handles for the offsets of many allocators. A handle is `where the owner's part begins + offset`:
//   below 2^31   parts of whole MiB, for allocators with at most 128 MiB. Such numbers cost no garbage anywhere.
//   from 2^32    parts of 4 GiB each, taken as an allocator's offsets reach them.
// Parts below are never used twice. Parts above are, but only after all 2^21 - 1 have been: that is the generation of a handle.

const LOW_SHIFT = 20;
const LOW_UNIT = 2 ** LOW_SHIFT;
/** Where the small handles end. */
export const LOW_END: number = 2 ** 31;
const LOW_UNITS = LOW_END / LOW_UNIT;
const LARGEST_LOW = 128 * LOW_UNIT;
const HIGH_UNIT = 2 ** 32;
const HIGH_UNITS = 2 ** 21;

/** One registered allocator and its parts of the space. Fields are plain for speed; internal to the manager and the system. */
export class Owner {
  readonly name: string;
  readonly allocator: Allocator;
  /** Whether the manager disposes it. */
  readonly owned: boolean;
  readonly region: Region | undefined;
  /** Handle of offset 0; offsets below `lowSpan` simply add to it. */
  base = 0;
  lowSpan = 0;
  /** Parts of 4 GiB, by offset / 2^32. */
  readonly parts = new Map<number, number>();
  registered = true;
  /** Whatever the user of the registry keeps with it. */
  data: unknown = null;

  constructor(name: string, allocator: Allocator, owned: boolean, region: Region | undefined) {
    this.name = name;
    this.allocator = allocator;
    this.owned = owned;
    this.region = region;
  }
}

interface Part {
  readonly owner: Owner;
  /** The offset at which it begins. */
  readonly start: number;
}

export class HandleSpace {
  /** Owner of each MiB below 2^31. The user of the hot path reads it directly. */
  readonly low: (Owner | null)[] = new Array<Owner | null>(LOW_UNITS).fill(null);
  private lowNext = 1; // handle 0 is nobody's, so that no handle is falsy
  private readonly high = new Map<number, Part>();
  private highNext = 1;
  private wrapped = false;

  /** Gives an owner its first part. */
  admit(owner: Owner): void {
    const { capacityBytes } = owner.allocator;
    const units = capacityBytes === null ? 0 : Math.ceil(capacityBytes / LOW_UNIT);
    if (capacityBytes === null || !(units > 0) || capacityBytes > LARGEST_LOW || this.lowNext + units > LOW_UNITS)
      return;
    owner.base = this.lowNext * LOW_UNIT;
    owner.lowSpan = units * LOW_UNIT;
    this.low.fill(owner, this.lowNext, this.lowNext + units);
    this.lowNext += units;
  }

  /** Takes back all parts of an owner: its handles are stale from here on. */
  dismiss(owner: Owner): void {
    if (owner.lowSpan > 0) this.low.fill(null, owner.base / LOW_UNIT, (owner.base + owner.lowSpan) / LOW_UNIT);
    for (const unit of owner.parts.values()) this.high.delete(unit);
    owner.parts.clear();
    owner.lowSpan = 0;
  }

  /**
   * The handle of an offset.
   *
   * @throws ERR_MEMORY_OVERFLOW where all parts are taken, ERR_MEMORY_INVALID_STATE for what an allocator of somebody else's
   *   calls an offset and is none
   */
  handleOf(owner: Owner, offset: number): number {
    if (offset >= 0 && offset < owner.lowSpan) return owner.base + offset;
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw memoryError(
        'ERR_MEMORY_INVALID_STATE',
        `'${owner.name}' handed out ${describe(offset)}, which is no offset`,
        {
          source: owner.name,
        },
      );
    }
    const index = Math.floor(offset / HIGH_UNIT);
    const unit = owner.parts.get(index) ?? this.takeHigh(owner, index);
    return unit * HIGH_UNIT + (offset - index * HIGH_UNIT);
  }

  /** What is added to every offset of an owner; -1 where that differs from part to part. @throws as handleOf() */
  baseOf(owner: Owner): number {
    const { capacityBytes } = owner.allocator;
    if (capacityBytes === null || !(capacityBytes <= HIGH_UNIT)) return -1;
    return owner.lowSpan > 0 ? owner.base : this.handleOf(owner, 0);
  }

  /** Whose handle it is; null for nobody's. */
  ownerOf(handle: number): Owner | null {
    if (typeof handle !== 'number') return null;
    if (handle < LOW_END) return this.low[handle >>> LOW_SHIFT] ?? null;
    return this.high.get(Math.floor(handle / HIGH_UNIT))?.owner ?? null;
  }

  /** The owner's offset behind a handle of it. */
  offsetOf(owner: Owner, handle: number): number {
    if (handle < LOW_END) return handle - owner.base;
    const unit = Math.floor(handle / HIGH_UNIT);
    return (this.high.get(unit)?.start ?? 0) + (handle - unit * HIGH_UNIT);
  }

  /**
   * The error of a handle that is nobody's.
   *
   * @returns ERR_MEMORY_INVALID_ARGUMENT and ERR_MEMORY_OUT_OF_RANGE for what can be no handle, ERR_MEMORY_STALE_HANDLE for one
   *   whose allocator has gone, ERR_MEMORY_FOREIGN_FREE for one that was never handed out
   */
  refusal(where: string, handle: unknown): MemoryError {
    const checked = checkInteger(`${where}: handle`, handle);
    const unit = Math.floor(checked / HIGH_UNIT);
    const stale =
      checked < LOW_END
        ? checked >= LOW_UNIT && checked < this.lowNext * LOW_UNIT
        : unit > 0 && (this.wrapped || unit < this.highNext);
    return memoryError(
      stale ? 'ERR_MEMORY_STALE_HANDLE' : 'ERR_MEMORY_FOREIGN_FREE',
      `${where}: handle ${checked} ${stale ? 'belongs to an allocator that was unregistered' : 'was never handed out'}`,
      { hint: 'Pass handles as they were returned; they do not survive their allocator.' },
    );
  }

  private takeHigh(owner: Owner, index: number): number {
    if (this.high.size >= HIGH_UNITS - 1) {
      throw memoryError(
        'ERR_MEMORY_OVERFLOW',
        `'${owner.name}': all ${HIGH_UNITS - 1} parts of the handles are in use`,
        {
          source: owner.name,
          hint: 'Unregister allocators that are no longer needed, or use a second manager.',
        },
      );
    }
    while (this.highNext >= HIGH_UNITS || this.high.has(this.highNext)) {
      if (this.highNext >= HIGH_UNITS) {
        this.highNext = 1;
        this.wrapped = true;
      } else this.highNext += 1;
    }
    const unit = this.highNext;
    this.highNext += 1;
    this.high.set(unit, { owner, start: index * HIGH_UNIT });
    owner.parts.set(index, unit);
    return unit;
  }
}
