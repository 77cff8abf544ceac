import { isMemoryError, type MemoryError, memoryError } from '../../core';
import type { BufferPoolSettings } from './options';
import { SizeClass } from './size-class';
import { Slab, Slot, type SlotOwner } from './slab';
import { SlabSource } from './slab-source';

const MOST_SLOTS = 256;

export function isExhausted(error: unknown): boolean {
  return isMemoryError(error) && error.category === 'exhausted';
}

/**
 * The slow half of a BufferPool: maps slabs and gives them back. What calls somebody else's code (provider, budget) has
 * its books done before, so that being called back finds them right.
 */
export class SlabKeeper {
  readonly classes: readonly SizeClass[];
  readonly source: SlabSource;
  epoch = 1;
  slabs = 0;
  moves = 0;
  mishaps = 0;
  disposals = 0;
  creates = 0;
  /** Most buffers that there were at once. */
  peakBuffers = 0;
  readonly stuck = new Set<Slab>();
  private readonly settings: BufferPoolSettings;
  private readonly owner: SlotOwner;
  private busy = false;

  constructor(owner: SlotOwner, where: string, settings: BufferPoolSettings) {
    this.settings = settings;
    this.owner = owner;
    this.source = new SlabSource(where, settings);
    let above = 0;
    this.classes = settings.sizes.map((bytes, index) => {
      const most = Math.min(settings.maxBuffers, Math.floor(settings.maxClassBytes / bytes));
      const entry = new SizeClass(index, bytes, above, this.perSlab(bytes), most);
      above = bytes;
      return entry;
    });
  }

  /** Small limits get small slabs: one that is out in part may not be all there is. */
  private perSlab(bytes: number): number {
    const { reuse, slabBytes, maxBuffers, maxClassBytes, limitBytes } = this.settings;
    if (reuse === 'safe') return 1;
    const most = Math.min(slabBytes, maxClassBytes / 4, limitBytes / 4) / bytes;
    return Math.max(1, Math.floor(Math.min(most, maxBuffers / 4, MOST_SLOTS)));
  }

  classOf(bytes: number): SizeClass {
    const { classes } = this;
    let low = 0;
    let high = classes.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((classes[middle] as SizeClass).bytes < bytes) low = middle + 1;
      else high = middle;
    }
    return classes[low] as SizeClass;
  }

  /** Maps free buffers for a class. @returns their slab @throws ERR_MEMORY_POOL_EXHAUSTED at a bound; what budget and provider throw */
  extend(entry: SizeClass): Slab {
    const room = entry.most - entry.buffers;
    if (room < 1) throw this.full(entry);
    const count = Math.min(entry.perSlab, room);
    entry.buffers += count; // before anybody else's code runs
    let slots = count;
    try {
      const region = this.mapWithRetry(count * entry.bytes, entry.bytes);
      slots = Math.min(count, Math.floor(region.byteLength / entry.bytes));
      const slab = new Slab(region);
      this.cut(slab, entry, slots);
      entry.buffers -= count - slots;
      return slab;
    } catch (error) {
      entry.buffers -= count;
      throw error;
    }
  }

  /** A region for one lease. @throws as extend() */
  alone(bytes: number): Slot {
    const region = this.mapWithRetry(bytes, bytes);
    const slab = new Slab(region);
    const slot = new Slot(this.owner, slab, 0, region.byteLength, -1, this.source.dirty);
    slab.slots.push(slot);
    this.slabs += 1;
    this.made(1);
    return slot;
  }

  private cut(slab: Slab, entry: SizeClass, count: number): void {
    const { source, owner } = this;
    for (let i = 0; i < count; i++) {
      slab.slots.push(new Slot(owner, slab, i * entry.bytes, entry.bytes, entry.index, source.dirty));
    }
    entry.slabs.add(slab);
    slab.touched = this.epoch;
    this.slabs += 1;
    this.made(count);
    for (let i = count - 1; i >= 0; i--) entry.free.push(slab.slots[i] as Slot); // the first one is lent first
  }

  private made(count: number): void {
    this.creates += count;
    this.peakBuffers = Math.max(this.peakBuffers, this.creates - this.disposals);
  }

  /** What is idle goes before a request is refused; then less is enough. */
  private mapWithRetry(bytes: number, least: number) {
    try {
      return this.map(bytes);
    } catch (error) {
      if (!isExhausted(error)) throw error;
      const given = this.giveIdle(0).bytes;
      if (given === 0 && bytes === least) throw error;
      try {
        return this.map(bytes);
      } catch (again) {
        if (!isExhausted(again) || bytes === least) throw again;
        return this.map(least);
      }
    }
  }

  private map(bytes: number) {
    if (this.busy) {
      throw memoryError(
        'ERR_MEMORY_INVALID_STATE',
        `${this.owner.name}: its own provider or budget asks it for memory`,
        {
          source: this.owner.name,
          hint: 'They may call trim() and release(), and acquire() only what is idle.',
        },
      );
    }
    this.busy = true;
    try {
      return this.source.map(bytes);
    } finally {
      this.busy = false;
    }
  }

  /** All of a slab came back: its pages move away from the views, and it is free again, or gone where that fails. */
  renew(slab: Slab, entry: SizeClass): void {
    try {
      slab.move();
      this.moves += 1;
    } catch {
      slab.loose = [];
      entry.drop([slab]);
      this.give([slab]);
      return;
    }
    for (let i = slab.slots.length - 1; i >= 0; i--) entry.free.push(slab.slots[i] as Slot);
  }

  /** Gives idle slabs back until at most `keepBytes` of them are left, those that were used longest ago first. */
  giveIdle(keepBytes: number): { readonly bytes: number; readonly failure: unknown } {
    const idle: { readonly slab: Slab; readonly entry: SizeClass }[] = [];
    let bytes = 0;
    for (const entry of this.classes) {
      if (entry.slabs.size === 0) continue;
      for (const slab of entry.census()) {
        idle.push({ slab, entry });
        bytes += this.source.bytesOf(slab.region);
      }
    }
    idle.sort((a, b) => a.slab.touched - b.slab.touched);
    const chosen = new Map<SizeClass, Slab[]>();
    for (const { slab, entry } of idle) {
      if (bytes <= keepBytes) break;
      bytes -= this.source.bytesOf(slab.region);
      const list = chosen.get(entry);
      if (list === undefined) chosen.set(entry, [slab]);
      else list.push(slab);
    }
    for (const [entry, slabs] of chosen) entry.drop(slabs);
    return this.give([...this.stuck, ...[...chosen.values()].flat()]);
  }

  /** Gives back a share of what nobody used since the epoch began. @returns what was given, and whether any slab is left */
  decay(halfLives: number): { readonly bytes: number; readonly left: boolean } {
    const gone: Slab[] = [...this.stuck];
    for (const entry of this.classes) {
      if (entry.slabs.size === 0) continue;
      const unused = entry.census().filter((slab) => slab.touched < this.epoch);
      // What is lent now is used in the epoch to come, whenever its loan began.
      for (const slab of entry.slabs) if (!slab.idle) slab.touched = this.epoch + 1;
      const chosen = unused.slice(0, unused.length - Math.floor(unused.length * 0.5 ** halfLives));
      entry.drop(chosen);
      gone.push(...chosen);
    }
    this.epoch += 1;
    const { bytes } = this.give(gone);
    return { bytes, left: this.slabs > 0 };
  }

  /** Nothing is lent any more. @returns the idle slabs, out of the books; those in use count their loans from now on */
  end(): Slab[] {
    const gone: Slab[] = [];
    for (const entry of this.classes) {
      const idle = entry.census();
      entry.drop(idle);
      gone.push(...idle);
      for (const slab of entry.slabs) slab.left = slab.slots.length - slab.loose.length - slab.spent;
      entry.free = [];
    }
    return gone;
  }

  /** Slabs that are in nobody's books any more go back; those that are not taken are kept for later. */
  give(slabs: readonly Slab[]): { readonly bytes: number; readonly failure: unknown } {
    const { source, stuck } = this;
    let given = 0;
    let failure: unknown;
    for (const slab of slabs) {
      const fresh = !stuck.has(slab);
      const bytes = source.bytesOf(slab.region);
      if (bytes === 0) continue; // given back meanwhile, by somebody who was called from here
      stuck.delete(slab);
      try {
        source.unmap(slab.region);
      } catch (error) {
        failure ??= error;
        this.mishaps += 1;
      }
      if (source.has(slab.region)) {
        stuck.add(slab);
        if (!fresh) continue;
      } else {
        given += bytes;
      }
      if (!fresh) continue;
      this.slabs -= 1;
      this.disposals += slab.slots.length;
    }
    return { bytes: given, failure };
  }

  private full(entry: SizeClass): MemoryError {
    const { name } = this.owner;
    const { maxClassBytes } = this.settings;
    if (entry.bytes > maxClassBytes) {
      return memoryError(
        'ERR_MEMORY_TOO_LARGE',
        `${name}: a buffer of ${entry.bytes} bytes is larger than maxBytesPerClass of ${maxClassBytes}`,
        { source: name, requestedBytes: entry.bytes, limitBytes: maxClassBytes },
      );
    }
    return memoryError(
      'ERR_MEMORY_POOL_EXHAUSTED',
      `${name}: all ${entry.buffers} buffers of ${entry.bytes} bytes are in use or rest; ${entry.lent} of them are lent`,
      { source: name, hint: 'Release sooner, raise maxBuffersPerClass or maxBytesPerClass, or take other sizes.' },
    );
  }
}
