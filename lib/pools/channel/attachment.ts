import { threadId } from 'node:worker_threads';
import { OwnerTable, PHASES, type SharedBlockLease, type SharedPoolBox } from '../../allocators';
import { ignoreFailure, isMemoryError, type Timers } from '../../core';
import type { Region } from '../../platform';
import { overwritten, tooManyPlaces } from './errors';
import { CELL, type ChannelLayout, HEAD, KINDS, MOST_BYTES, NOTES, SIDES } from './layout';
import { readLease } from './lease';
import { LOST, Ring } from './ring';
import { type Side, Wake } from './wake';

/** What adopts the blocks whose leases are sent: a SharedBlockAllocator, or anything of its kind. */
export interface LeaseAdopter {
  adopt(lease: SharedBlockLease): SharedPoolBox;
}

/** One attachment to a channel, in its thread or process. */
export interface ChannelPeer {
  /** The number of its place, as in `message.sender`. */
  readonly id: number;
  readonly pid: number;
  /** Of worker_threads; 0 is the main thread. */
  readonly threadId: number;
  readonly sends: boolean;
  readonly receives: boolean;
  /** True for the one that asks. */
  readonly self: boolean;
}

const BIT = Object.freeze({ senders: SIDES.sender, receivers: SIDES.receiver });
const OTHER = Object.freeze({ senders: 'receivers', receivers: 'senders' } as const);

/** This thread's place in a channel: who else is there, and what is done about the dead. Internal. */
export class Attachment {
  readonly name: string;
  readonly region: Region;
  readonly layout: ChannelLayout;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly bytes: Uint8Array;
  readonly ring: Ring;
  readonly wake: Wake;
  readonly timers: Timers;
  readonly blocks: LeaseAdopter | undefined;
  readonly owner: number;
  closed = false;
  private readonly table: OwnerTable;

  constructor(where: string, name: string, region: Region, layout: ChannelLayout, parts: AttachmentParts) {
    this.name = name;
    this.region = region;
    this.layout = layout;
    const { buffer } = region;
    const words = Math.floor(Math.min(region.byteLength, MOST_BYTES) / 8) * 2;
    this.words = new Int32Array(buffer, 0, words);
    this.doubles = new Float64Array(buffer, 0, words / 2);
    this.bytes = new Uint8Array(buffer, 0, words * 4);
    this.ring = new Ring(this.words, layout);
    this.wake = new Wake(region, this.words, parts.wake);
    this.timers = parts.timers;
    this.blocks = parts.blocks;
    this.table = new OwnerTable(this.words, layout.owners);
    let owner = this.table.claim();
    if (owner === 0 && this.recover().peers > 0) owner = this.table.claim();
    if (owner === 0) throw tooManyPlaces(where, name, layout.owners);
    this.owner = owner;
    this.note(NOTES.group, this.wake.group);
    this.note(NOTES.thread, threadId);
    this.note(NOTES.pid, process.pid);
  }

  private note(at: number, value: number): void {
    Atomics.store(this.words, this.table.notesOf(this.owner) + at, value);
  }

  private sidesOf(owner: number): number {
    return this.table.phaseOf(owner) === PHASES.free
      ? 0
      : Atomics.load(this.words, this.table.notesOf(owner) + NOTES.sides);
  }

  /** Enters a side. */
  open(side: Side): void {
    const bit = BIT[side];
    this.note(NOTES.sides, this.sidesOf(this.owner) | bit);
    Atomics.or(this.words, HEAD.had, bit);
    Atomics.and(this.words, HEAD.gone, ~bit);
  }

  /** Leaves a side; the last one there tells the other side. */
  leave(side: Side): void {
    this.note(NOTES.sides, this.sidesOf(this.owner) & ~BIT[side]);
    this.tellIfGone(side);
  }

  private tellIfGone(side: Side): void {
    if (this.isAnybody(side)) return;
    Atomics.or(this.words, HEAD.gone, BIT[side]);
    this.wake.wake(OTHER[side]);
  }

  private isAnybody(side: Side): boolean {
    for (let owner = 1; owner <= this.layout.owners; owner += 1) {
      if (!this.table.isVacant(owner) && (this.sidesOf(owner) & BIT[side]) !== 0) return true;
    }
    return false;
  }

  /** True when that side had somebody and has nobody left. Costs a read mostly. */
  isGone(side: Side): boolean {
    const bit = BIT[side];
    if (((this.words[HEAD.gone] as number) & bit) === 0) return false;
    if ((Atomics.load(this.words, HEAD.had) & bit) === 0) return false;
    if (!this.isAnybody(side)) return true;
    // Somebody came at the moment in which the last one left.
    Atomics.and(this.words, HEAD.gone, ~bit);
    if (this.isAnybody(side)) return false;
    // And has left meanwhile: its own sign may be the one that was taken away.
    Atomics.or(this.words, HEAD.gone, bit);
    return true;
  }

  /** True when somebody of that side may be there whose event loop and this one cannot wake each other. */
  mustLookFor(side: Side): boolean {
    if (!this.wake.isAsync) return true;
    for (let owner = 1; owner <= this.layout.owners; owner += 1) {
      if (this.table.isVacant(owner) || (this.sidesOf(owner) & BIT[side]) === 0) continue;
      if (Atomics.load(this.words, this.table.notesOf(owner) + NOTES.group) !== this.wake.group) return true;
    }
    return false;
  }

  peers(): readonly ChannelPeer[] {
    const found: ChannelPeer[] = [];
    for (let owner = 1; owner <= this.layout.owners; owner += 1) {
      if (this.table.phaseOf(owner) !== PHASES.live) continue;
      const notes = this.table.notesOf(owner);
      const sides = Atomics.load(this.words, notes + NOTES.sides);
      found.push(
        Object.freeze({
          id: owner,
          pid: Atomics.load(this.words, notes + NOTES.pid),
          threadId: Atomics.load(this.words, notes + NOTES.thread),
          sends: (sides & SIDES.sender) !== 0,
          receives: (sides & SIDES.receiver) !== 0,
          self: owner === this.owner,
        }),
      );
    }
    return Object.freeze(found);
  }

  /** Lets go of what attachments held whose worker or process has ended. */
  recover(): { readonly peers: number; readonly messages: number } {
    const { owners, amount } = this.table.recover((owner) => {
      const given = this.clean(owner);
      if (given > 0) Atomics.add(this.words, HEAD.lost, given);
      return given;
    });
    return { peers: owners, messages: amount };
  }

  /**
   * When a side waits in vain for a while: the dead are looked for, and the cell that it waits for is looked at.
   *
   * @throws ERR_MEMORY_CORRUPTION
   */
  look(method: string, side: Side): void {
    this.recover();
    const owner = this.ring.blockedBy(side === 'senders' ? 'tail' : 'head');
    if (owner === LOST) throw overwritten(this.name, method, 'a state that cannot be');
    // Whoever leaves lets go of its cells first: a cell in the name of an empty place is in nobody's.
    if (owner > this.layout.owners || (owner > 0 && this.table.isVacant(owner))) this.ring.unblock();
  }

  /**
   * Repeatable up to its last line, because who cleans may die too. Nor does a place say for sure where it was: its owner,
   * or another one that cleaned it, may have died after the note was gone and before the other side was told.
   */
  private clean(owner: number): number {
    const count = this.ring.reclaim(owner, (index) => this.takeBack(index));
    Atomics.store(this.words, this.table.notesOf(owner) + NOTES.sides, 0);
    const had = Atomics.load(this.words, HEAD.had);
    if ((had & SIDES.sender) !== 0) this.tellIfGone('senders');
    if ((had & SIDES.receiver) !== 0) this.tellIfGone('receivers');
    if (count > 0) {
      this.wake.wake('senders');
      this.wake.wake('receivers');
    }
    return count;
  }

  /** A block whose lease died with its receiver is still the sender's, who does not know: it goes back to the allocator. */
  takeBack(index: number): void {
    if (this.blocks === undefined || this.words[this.ring.cellOf(index) + CELL.kind] !== KINDS.lease) return;
    try {
      const lease = readLease(this.doubles, this.ring.bytesOf(index));
      if (lease !== null) this.blocks.adopt(lease).release();
    } catch {
      // adopted before, or freed: then it is somebody else's or nobody's
    }
  }

  /** Leaves the channel: what this attachment was writing or reading is let go of. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    try {
      this.table.cleanUp(this.owner, true, (owner) => this.clean(owner));
    } finally {
      this.wake.close();
      this.letGo();
    }
  }

  private letGo(): void {
    try {
      this.region.free();
    } catch (error) {
      // A peer blocks in a wait on it at this moment: it was woken, or looks soon.
      if (!isMemoryError(error, 'ERR_MEMORY_IN_USE')) throw error;
      ignoreFailure(this.region.freeWhenIdle());
    }
  }
}

export interface AttachmentParts {
  readonly wake: unknown;
  readonly timers: Timers;
  readonly blocks: LeaseAdopter | undefined;
}
