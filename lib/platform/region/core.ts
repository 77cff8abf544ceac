import { type ByteSize, checkOptions, memoryError, parseBytes } from '../../core';
import {
  type Access,
  CODES,
  type FailureContext,
  type Fallible,
  failureError,
  isFailure,
  type NativeDescription,
  type NativeHolder,
  native,
  type RegionKind,
  unwrap,
} from '../native';
import { Buffers } from './buffers';
import { type Charge, forgetCharge, watchCharge } from './charge';
import { leaveAtExit, watchQuarantine } from './live';
import type { Made } from './objects';
import type { Carrier } from './options';
import type { Placement, Wishes } from './placement';
import type { Protection } from './secret';

/** A part of a region, in bytes. Default: from `offset` (0) to the end. */
export interface Span {
  readonly offset?: ByteSize;
  readonly length?: ByteSize;
}

/** How a region was made. */
export interface Origin {
  readonly made: Made;
  readonly kind: RegionKind;
  readonly byteLength: number;
  readonly carrier: Carrier;
  readonly name: string | undefined;
  readonly wishes: Wishes;
  readonly protection?: Protection;
  /** A file's path, for errors. */
  readonly path?: string;
  /** By a handle or name that others may have too. */
  readonly attached?: boolean;
  /** What a budget is charged for it. */
  readonly charge?: Charge | undefined;
}

// Raised by the fault guard for any region of the process; a region looks closer only when it has changed.
let faultEpoch: Uint32Array | undefined;

function currentEpoch(): number {
  faultEpoch ??= new Uint32Array(unwrap(native().faultEpoch(), () => ({ what: 'Region' })));
  return faultEpoch[0] ?? 0;
}

/**
 * What a Region keeps, and the checks that all of its calls share. Internal to region/, so its fields are ordinary ones:
 * private names cost microseconds for each object on Node 20.
 */
export class RegionCore {
  readonly holder: NativeHolder;
  readonly origin: Origin;
  freed = false;
  byteLength: number;
  access: Access = 'readwrite';
  private buffers: Buffers | undefined;
  private wholeView: Uint8Array | undefined;
  private outcome: Placement | undefined;
  private epoch = currentEpoch();
  private faultsSeen = 0;
  private registered = false;
  /** Pins through this object; other holders of the region have their own. */
  pins = 0;
  /** A handle went out: somebody may attach at any time. */
  handed: boolean;

  constructor(origin: Origin) {
    this.origin = origin;
    this.handed = origin.attached === true;
    this.holder = origin.made.holder;
    this.byteLength = origin.byteLength;
    if (origin.charge !== undefined) watchCharge(this, origin.charge);
  }

  // Made when first asked for: a region that nobody looks at has nothing to protect.
  private views(what: string): Buffers {
    this.needViews(what);
    this.buffers ??= new Buffers(this.holder, this.origin.made.log.carrier === 'shared');
    return this.buffers;
  }

  get placement(): Placement {
    this.outcome ??= this.origin.made.log.finish(this.origin.wishes);
    return this.outcome;
  }

  /** The native half, after the checks that every call makes. @throws ERR_MEMORY_FREED, ERR_MEMORY_FAULTED */
  open(what: string): NativeHolder {
    if (this.freed)
      throw memoryError('ERR_MEMORY_FREED', `${what}: the region was freed before`, { source: this.label() });
    const epoch = currentEpoch();
    if (epoch !== this.epoch) this.lookAtFaults(what, epoch);
    return this.holder;
  }

  private lookAtFaults(what: string, epoch: number): void {
    this.epoch = epoch;
    const described = native().describe(this.holder);
    if (isFailure(described) || described.faults === this.faultsSeen) return;
    const fresh = described.faults - this.faultsSeen;
    this.faultsSeen = described.faults;
    throw memoryError(
      'ERR_MEMORY_FAULTED',
      `${what}: ${fresh} access(es) met pages that no longer exist and read zeros instead`,
      {
        source: this.label(),
        hint:
          this.origin.kind === 'file'
            ? 'The file was truncated, or its device failed: free the region and map it again.'
            : 'Free the region: its contents are lost in part.',
      },
    );
  }

  label(): string | undefined {
    return this.origin.path ?? this.origin.name;
  }

  context(what: string, requestedBytes?: number): FailureContext {
    return { what, requestedBytes, source: this.label() };
  }

  /** The value of a native call, or its failure thrown. */
  take<T>(what: string, result: Fallible<T>, requestedBytes?: number): T {
    if (isFailure(result)) throw failureError(result, this.context(what, requestedBytes));
    return result;
  }

  describe(what: string): NativeDescription {
    if (this.freed)
      throw memoryError('ERR_MEMORY_FREED', `${what}: the region was freed before`, { source: this.label() });
    return this.take(what, native().describe(this.holder));
  }

  buffer(what: string): ArrayBuffer | SharedArrayBuffer {
    this.open(what);
    return this.views(what).main(what, this.byteLength);
  }

  bytes(what: string): Uint8Array {
    this.open(what);
    // Length 0: the user transferred the buffer away. The region still has its pages, so it gets another one.
    if (this.wholeView === undefined || this.wholeView.length === 0) {
      this.wholeView = new Uint8Array(this.views(what).main(what, this.byteLength));
    }
    return this.wholeView;
  }

  window(what: string, offset: ByteSize, length: ByteSize): Uint8Array {
    this.open(what);
    const span = this.span(what, { offset, length });
    return this.views(what).window(what, this.byteLength, span.offset, span.length);
  }

  private needViews(what: string): void {
    if (this.access !== 'readwrite') {
      throw memoryError('ERR_MEMORY_INVALID_STATE', `${what}: a region protected to '${this.access}' has no views`, {
        hint:
          this.access === 'read'
            ? "Copy with read(), or call protect('readwrite')."
            : "Call protect('readwrite') first.",
      });
    }
    if (this.registered) return;
    this.registered = true;
    if (this.origin.made.log.carrier === 'local') leaveAtExit(this, (core) => core.release());
  }

  needSharing(what: string): void {
    if (this.origin.carrier === 'shared' || this.origin.kind === 'shared') return;
    throw memoryError('ERR_MEMORY_INVALID_STATE', `${what}: nobody else can reach a region with carrier 'local'`, {
      hint: "Make it with carrier: 'shared', or by Region.shared().",
    });
  }

  /** @throws ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_INVALID_ARGUMENT */
  span(what: string, range: Span | undefined): { readonly offset: number; readonly length: number } {
    const size = this.byteLength;
    if (range === undefined) return { offset: 0, length: size };
    const given = checkOptions<Span>(what, range, ['offset', 'length']);
    const offset = given.offset === undefined ? 0 : parseBytes(given.offset, `${what}: offset`);
    const length =
      given.length === undefined ? Math.max(0, size - offset) : parseBytes(given.length, `${what}: length`);
    if (offset + length <= size) return { offset, length };
    throw memoryError(
      'ERR_MEMORY_OUT_OF_RANGE',
      `${what}: ${length} bytes from ${offset} do not lie inside the region of ${size} bytes`,
      {
        limitBytes: size,
      },
    );
  }

  /** Empties the views, after the pages moved from under them. */
  dropViews(): void {
    this.wholeView = undefined;
    if (this.buffers === undefined) return;
    this.buffers.drop();
    watchQuarantine();
  }

  /**
   * What stands for the same pages from now on; this one counts as freed. With `keep` the buffers go along as they are,
   * without they were emptied before.
   */
  succeed(keep: boolean): RegionCore {
    if (this.origin.charge !== undefined) forgetCharge(this);
    const next = new RegionCore(this.origin);
    next.byteLength = this.byteLength;
    next.access = this.access;
    next.outcome = this.outcome;
    next.faultsSeen = this.faultsSeen;
    next.handed = this.handed;
    if (keep) {
      next.buffers = this.buffers;
      next.wholeView = this.wholeView;
      if (this.registered && this.access === 'readwrite') next.needViews('Region.renew');
    }
    this.buffers = undefined;
    this.wholeView = undefined;
    this.freed = true;
    this.byteLength = 0;
    return next;
  }

  /** Lets go. @returns the error instead of throwing it; null when done or when it was freed before */
  release(): Error | null {
    if (this.freed) return null;
    // Natively only the last holder is refused. A pin is of this one: its work needs these views, and only it can unpin.
    if (this.pins > 0) {
      const pinned = { failed: CODES.inUse, call: 'claim', errno: 0, detail: this.pins };
      return failureError(pinned, this.context('Region.free'));
    }
    let claimed = false;
    let detached = false;
    let settled = false;
    const { buffers } = this;
    const viewed = buffers?.made === true;
    if (viewed) {
      // Claimed first: views are not taken away from a region that cannot be freed.
      const claim = native().claim(this.holder);
      if (isFailure(claim)) return failureError(claim, this.context('Region.free'));
      claimed = claim;
      ({ taken: detached, settled } = buffers.drop());
      this.wholeView = undefined;
    }
    const corrupted = native().release(this.holder, claimed, detached, settled);
    if (isFailure(corrupted)) return failureError(corrupted, this.context('Region.free'));
    this.freed = true;
    this.byteLength = 0;
    this.origin.charge?.release();
    if (viewed) watchQuarantine();
    if (!corrupted) return null;
    return memoryError(
      'ERR_MEMORY_CORRUPTION',
      'Region.free: the bytes behind the secret region were overwritten by native code',
      {
        source: this.label(),
      },
    );
  }
}
