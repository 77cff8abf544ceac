import { type ByteSize, checkOptions, parseBytes } from '../../../core';
import { checkLease, type PooledBuffer } from '../pooled-buffer';

export interface PooledWebBodyOptions {
  /** Size of the pieces. Default 64 KiB. */
  readonly chunkBytes?: ByteSize;
}

/**
 * A lease as a web stream, for the body of fetch() (with `duplex: 'half'`), Response and undici. The pieces are copies,
 * because web streams give what they carry away for good; they are made when asked for, one ahead. The lease is released
 * when its last byte was read or the stream was canceled; where somebody else has pinned it, it is theirs to release then.
 *
 * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_STALE_HANDLE: the lease is as before then
 */
export function pooledWebBody(lease: PooledBuffer, options?: PooledWebBodyOptions): ReadableStream<Uint8Array> {
  const what = 'pooledWebBody';
  const given = checkOptions<PooledWebBodyOptions>(what, options, ['chunkBytes']);
  const chunkBytes = parseBytes(given.chunkBytes ?? 65_536, `${what}: chunkBytes`, { minBytes: 1, maxBytes: 2 ** 30 });
  const pin = checkLease(what, lease).pin();
  let at = 0;
  let open = true;
  const end = (): void => {
    if (!open) return;
    open = false;
    pin.release();
    try {
      lease[Symbol.dispose]();
    } catch {
      // Pinned by somebody else too: then it is theirs to release.
    }
  };
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        let piece: Uint8Array;
        try {
          piece = lease.bytes.slice(at, at + chunkBytes);
        } catch (error) {
          end(); // the memory was freed by its owner
          throw error;
        }
        at += piece.length;
        const last = at >= lease.byteLength;
        if (last) end();
        controller.enqueue(piece);
        if (last) controller.close();
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );
}
