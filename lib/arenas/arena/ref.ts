import { memoryError, notForUsers } from '../../core';

/** What a reference needs of its arena. Internal. */
export interface RefHost {
  readonly name: string;
  readonly generation: number;
  /** Counts cuts and resets. */
  readonly changes: number;
  view(offset: number, byteLength: number): Uint8Array;
  isLiveSince(entry: number, since: number): boolean;
}

/**
 * A block with its generation: unlike a bare offset or a view it knows when reset(), rewind() or deallocate() took the
 * block away.
 */
export class ArenaRef {
  readonly offset: number;
  readonly byteLength: number;
  private readonly host: RefHost;
  private readonly entry: number;
  private readonly generation: number;
  private readonly since: number;
  /** The last count of changes at which the block was seen alive. */
  private seen: number;
  /** @internal Called when it is valid still after something has changed in the arena. */
  onLook: (() => void) | undefined = undefined;

  /** Not for users: call Arena.ref(). `entry` -1 stands for no bytes at all, which are never stale. */
  constructor(host: RefHost, offset: number, byteLength: number, entry: number) {
    if (typeof host?.isLiveSince !== 'function') throw notForUsers('ArenaRef', 'Arena.ref()');
    this.host = host;
    this.offset = offset;
    this.byteLength = byteLength;
    this.entry = entry;
    this.generation = host.generation;
    this.since = host.changes;
    this.seen = host.changes;
  }

  /** False once the block was taken away. A property read while nothing was. */
  get valid(): boolean {
    const { host } = this;
    if (this.seen === host.changes) return true;
    if (this.generation !== host.generation) return false;
    if (this.entry !== -1 && !host.isLiveSince(this.entry, this.since)) return false;
    this.seen = host.changes;
    this.onLook?.();
    return true;
  }

  /** The bytes. @throws ERR_MEMORY_STALE_HANDLE, ERR_MEMORY_CLOSED */
  view(): Uint8Array {
    this.check('view');
    return this.byteLength === 0 ? new Uint8Array(0) : this.host.view(this.offset, this.byteLength);
  }

  /** The bytes, or undefined for a stale reference. */
  tryView(): Uint8Array | undefined {
    return this.valid ? this.view() : undefined;
  }

  /** The bytes read as UTF-8, copied to the JavaScript heap. @throws as view() */
  toString(): string {
    const bytes = this.view();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  }

  /** @throws ERR_MEMORY_STALE_HANDLE */
  check(method: string): void {
    if (this.valid) return;
    throw memoryError(
      'ERR_MEMORY_STALE_HANDLE',
      `ArenaRef.${method}: the block at ${this.offset} was taken back by a reset, rewind, free or dispose`,
      { source: this.host.name, hint: 'Copy out of an arena what must live longer than its generation.' },
    );
  }
}
