import {
  type BudgetLike,
  type ByteSize,
  checkInteger,
  checkString,
  formatBytes,
  memoryError,
  parseBytes,
} from '../../core';

/** The plainest budget: a limit in bytes and what is taken of it. Share one to limit several allocators together. */
export class ByteLimit implements BudgetLike {
  /** Stands in errors. */
  readonly name: string;
  /** Most bytes that can be taken at a time. */
  readonly limitBytes: number;
  private taken = 0;

  /** @param name stands in errors @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
  constructor(limitBytes: ByteSize, name: string = 'limit') {
    this.limitBytes = parseBytes(limitBytes, 'ByteLimit: limitBytes');
    this.name = checkString('ByteLimit: name', name);
  }

  /** Bytes that are taken now. */
  get usedBytes(): number {
    return this.taken;
  }

  /** @throws ERR_MEMORY_BUDGET_EXCEEDED, or ERR_MEMORY_TOO_LARGE for more than the whole limit; takes nothing then */
  reserve(bytes: number): void {
    if (this.tryReserve(bytes)) return;
    const never = bytes > this.limitBytes;
    const limit = formatBytes(this.limitBytes);
    throw memoryError(
      never ? 'ERR_MEMORY_TOO_LARGE' : 'ERR_MEMORY_BUDGET_EXCEEDED',
      never
        ? `${this.name}: ${bytes} bytes can never fit into a limit of ${limit}`
        : `${this.name}: ${bytes} bytes more would exceed the limit of ${limit}: ${formatBytes(this.taken)} are taken`,
      {
        requestedBytes: bytes,
        limitBytes: this.limitBytes,
        availableBytes: this.limitBytes - this.taken,
        source: this.name,
        hint: never ? 'Ask for less, or raise the limit.' : 'Free something that the limit covers, or raise it.',
      },
    );
  }

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE for what is no size */
  tryReserve(bytes: number): boolean {
    if (!(Number.isSafeInteger(bytes) && bytes >= 0)) checkInteger('ByteLimit.reserve: bytes', bytes);
    if (bytes > this.limitBytes - this.taken) return false;
    this.taken += bytes;
    return true;
  }

  /** Gives bytes back; more than was taken gives back all. @throws for what is no size, as reserve() */
  release(bytes: number): void {
    if (!(Number.isSafeInteger(bytes) && bytes >= 0)) checkInteger('ByteLimit.release: bytes', bytes);
    this.taken = Math.max(0, this.taken - bytes);
  }
}
