import { constants } from 'node:buffer';
import { memoryError } from '../../core';
import { type NativeHolder, native, unwrap } from '../native';
import { detachWhenIdle } from './live';

export type AnyBuffer = ArrayBuffer | SharedArrayBuffer;

// In a field of its own, so that tests on one Node can stand for another.
const LARGEST_BUFFER = constants.MAX_LENGTH;

type Transferable = ArrayBuffer & { transfer?(length?: number): ArrayBuffer };

/** Empties an ArrayBuffer of our own making. False where somebody else has made that impossible; it then reads zeros. */
function detach(buffer: ArrayBuffer): boolean {
  const transferable = buffer as Transferable;
  if (typeof transferable.transfer !== 'function') return detachWhenIdle(buffer);
  try {
    // By JavaScript and not by the native call, which ends the process on a buffer that was marked untransferable.
    transferable.transfer(0);
    return true;
  } catch {
    return false;
  }
}

/**
 * The buffers that one holder has made over its region: the main one, made when first asked for, and windows of regions
 * too large for one buffer. Nothing is made before it is asked for, because V8 counts every local byte against the heap.
 */
export class Buffers {
  private readonly holder: NativeHolder;
  private readonly shared: boolean;
  private whole: AnyBuffer | undefined;
  private windows: WeakRef<AnyBuffer>[] = [];
  private escaped = false;

  constructor(holder: NativeHolder, shared: boolean) {
    this.holder = holder;
    this.shared = shared;
  }

  get made(): boolean {
    return this.whole !== undefined || this.windows.length > 0;
  }

  /** The same buffer at each call, until it is dropped here or transferred away by the user. */
  main(what: string, byteLength: number): AnyBuffer {
    if (this.whole?.byteLength === 0) this.escaped = true;
    if (this.whole === undefined || this.whole.byteLength === 0) this.whole = this.make(what, 0, byteLength);
    return this.whole;
  }

  /** A view of a part: over the main buffer, or over one of its own where one buffer cannot span the region. */
  window(what: string, byteLength: number, offset: number, length: number): Uint8Array {
    if (byteLength <= LARGEST_BUFFER) return new Uint8Array(this.main(what, byteLength), offset, length);
    if (length === 0) return new Uint8Array(0);
    const buffer = this.make(what, offset, length);
    if (this.windows.length % 64 === 63) this.escaped = true;
    if (this.windows.length % 64 === 63) this.windows = this.windows.filter((ref) => ref.deref() !== undefined);
    this.windows.push(new WeakRef(buffer));
    return new Uint8Array(buffer);
  }

  /**
   * Empties every local buffer and forgets all. `taken`: a view may have been taken from under a running native job.
   * `settled`: no buffer can have been transferred elsewhere before.
   */
  drop(): { readonly taken: boolean; readonly settled: boolean } {
    const windows = this.windows.map((ref) => ref.deref());
    if (windows.includes(undefined)) this.escaped = true; // the shell of a transferred buffer is collected too
    const all = [this.whole, ...windows];
    this.whole = undefined;
    this.windows = [];
    if (this.shared) return { taken: false, settled: false }; // a job on a shared buffer keeps it alive
    let taken = false;
    for (const buffer of all) {
      if (buffer === undefined) continue;
      const emptied = buffer instanceof ArrayBuffer && buffer.byteLength > 0 && detach(buffer);
      if (emptied) taken = true;
      else this.escaped = true;
    }
    return { taken, settled: !this.escaped };
  }

  private make(what: string, offset: number, length: number): AnyBuffer {
    if (length > LARGEST_BUFFER) {
      throw memoryError('ERR_MEMORY_TOO_LARGE', `${what}: this Node.js cannot span ${length} bytes with one buffer`, {
        requestedBytes: length,
        limitBytes: LARGEST_BUFFER,
        hint: 'Take windows of the region instead: region.window(offset, length).',
      });
    }
    const made = this.shared
      ? native().sharedBuffer(this.holder, offset, length)
      : native().localBuffer(this.holder, offset, length);
    return unwrap<AnyBuffer>(made, () => ({ what, requestedBytes: length }));
  }
}
