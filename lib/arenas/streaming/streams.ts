import { Readable } from 'node:stream';
import type { UnderlyingSource } from 'node:stream/web';
import type { BufferLease } from './lease';
import type { LeaseStream } from './lease-stream';

/** A copy on the JavaScript heap in memory of its own; the lease is given back. */
function copyOut(lease: BufferLease): Buffer<ArrayBuffer> {
  using held = lease;
  const copy = new Uint8Array(held.bytes);
  return Buffer.from(copy.buffer, 0, copy.length);
}

/** A Node stream of leases: what it has read ahead is given back when it is destroyed. */
class LeaseReadable extends Readable {
  private readonly leases: LeaseStream;
  /** The last that were pushed; the newest `readableLength` of them were not delivered yet. */
  private queued: BufferLease[] = [];

  constructor(leases: LeaseStream) {
    super({ objectMode: true, highWaterMark: 1 });
    this.leases = leases;
  }

  override _read(): void {
    this.leases.next().then(
      ({ value }) => this.deliver(value ?? null),
      (error) => this.destroy(error),
    );
  }

  private deliver(lease: BufferLease | null): void {
    if (lease !== null) {
      this.queued = [...this.waiting(), lease];
      if (this.destroyed) lease[Symbol.dispose]();
    }
    this.push(lease);
  }

  private waiting(): BufferLease[] {
    const { queued } = this;
    return queued.slice(Math.max(0, queued.length - this.readableLength));
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    for (const lease of this.waiting()) lease[Symbol.dispose]();
    this.queued = [];
    stopThen(this.leases, error, callback);
  }
}

/** A Node stream of copies. */
class ByteReadable extends Readable {
  private readonly leases: LeaseStream;

  constructor(leases: LeaseStream, bufferBytes: number) {
    super({ highWaterMark: bufferBytes });
    this.leases = leases;
  }

  override _read(): void {
    this.leases
      .next()
      .then(({ value }) => (value === undefined ? null : copyOut(value)))
      .then(
        (chunk) => this.push(chunk),
        (error) => this.destroy(error),
      );
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    stopThen(this.leases, error, callback);
  }
}

function stopThen(leases: LeaseStream, error: Error | null, callback: (error?: Error | null) => void): void {
  leases.stop().then(
    () => callback(error),
    (failure) => callback(error ?? failure),
  );
}

export function toReadable(leases: LeaseStream, bytes: boolean, bufferBytes: number): Readable {
  return bytes ? new ByteReadable(leases, bufferBytes) : new LeaseReadable(leases);
}

/** A web stream without read-ahead: a chunk is read when somebody asks for it. */
export function toWebStream(leases: LeaseStream, bytes: boolean): ReadableStream<BufferLease | Uint8Array> {
  let ended = false;
  // A lease that came when its reader had gone; whoever takes it looks at it.
  let left: BufferLease | undefined;
  const source: UnderlyingSource<BufferLease | Uint8Array> = {
    async pull(controller) {
      left = undefined;
      const { value: lease } = await leases.next();
      if (ended) {
        lease?.[Symbol.dispose](); // canceled in the turn between
        return;
      }
      if (lease === undefined) {
        controller.close();
        return;
      }
      try {
        controller.enqueue(bytes ? copyOut(lease) : lease);
      } catch (error) {
        // The stream has failed and asks for nothing more: the source would stay open.
        ended = true;
        if (!bytes && lease.untouched) lease[Symbol.dispose]();
        await leases.stop().catch(() => {});
        throw error;
      }
      if (!bytes && (controller.desiredSize ?? 0) < 0) left = lease;
    },
    async cancel() {
      ended = true;
      if (left?.untouched === true) left[Symbol.dispose]();
      await leases.stop();
    },
  };
  return new ReadableStream(source, { highWaterMark: 0 });
}
