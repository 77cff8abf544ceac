import { checkInteger, describe, INSPECT, memoryError } from '../../core';
import type { Arena } from '../arena';
import { shown } from '../typed/shown';
import { ArenaVec, checkArena } from './vec';

/** Text under construction in an arena's memory, as UTF-8. Ends with its arena, as {@link ArenaVec}. */
export class ArenaString {
  private readonly bytes: ArenaVec<'u8'>;

  /**
   * @param capacityBytes bytes of UTF-8 to make room for at once
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, and as Arena.allocate
   */
  constructor(arena: Arena, text: string = '', capacityBytes: number = 32) {
    checkArena('new ArenaString()', arena);
    checkInteger('new ArenaString(): capacityBytes', capacityBytes, 0, 2 ** 30);
    this.bytes = new ArenaVec(arena, 'u8', {
      capacity: Math.max(capacityBytes, utf8Length('new ArenaString()', text), 1),
    });
    this.append(text);
  }

  /** Bytes of UTF-8. @throws ERR_MEMORY_STALE_HANDLE */
  get byteLength(): number {
    return this.bytes.length;
  }
  /** False once the arena took the memory back. */
  get valid(): boolean {
    return this.bytes.valid;
  }

  /** Adds text at the end. @throws ERR_MEMORY_STALE_HANDLE, ERR_MEMORY_INVALID_ARGUMENT, and as Arena.allocate: unchanged then */
  append(text: string): this {
    const more = utf8Length('ArenaString.append', text);
    const { length } = this.bytes;
    if (more === 0) {
      this.bytes.view(); // stale is an error, also for nothing
      return this;
    }
    this.bytes.reserve(length + more);
    this.bytes.extend(SCRATCH.encode(text, more));
    return this;
  }

  /** Empties the text; the room stays. @throws ERR_MEMORY_STALE_HANDLE */
  clear(): void {
    this.bytes.clear();
  }

  /** The bytes in place: good until the text grows. @throws ERR_MEMORY_STALE_HANDLE */
  view(): Uint8Array {
    return this.bytes.view();
  }

  /** Same text. @throws ERR_MEMORY_STALE_HANDLE */
  equals(other: ArenaString | string): boolean {
    if (typeof other === 'string') return this.toString() === other;
    return other instanceof ArenaString && this.bytes.equals(other.bytes);
  }

  /** A JavaScript string. @throws ERR_MEMORY_STALE_HANDLE */
  toString(): string {
    const { buffer, byteOffset, byteLength } = this.bytes.view();
    return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString('utf8');
  }

  [INSPECT](): object {
    if (!this.valid) return shown('ArenaString', { valid: false });
    return shown('ArenaString', {
      byteLength: this.byteLength,
      text: Buffer.from(this.bytes.slice(0, 1000)).toString('utf8'),
    });
  }
}

function utf8Length(where: string, text: unknown): number {
  if (typeof text === 'string') return Buffer.byteLength(text, 'utf8');
  throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: text must be a string, got ${describe(text)}`);
}

/** A buffer in the JavaScript heap for text on its way; what it gives is good until the next call. */
class Scratch {
  private buffer = Buffer.allocUnsafeSlow(1024);

  encode(text: string, byteLength: number): Uint8Array {
    const small = byteLength <= this.buffer.length;
    const target = small ? this.buffer : Buffer.allocUnsafeSlow(byteLength);
    if (!small && byteLength <= 65_536) this.buffer = target;
    target.write(text, 0, byteLength, 'utf8');
    return target.subarray(0, byteLength);
  }
}

/** @internal Shared by the collections of this thread. */
export const SCRATCH = new Scratch();
