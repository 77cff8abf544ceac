/** Typed arrays over one chunk. Internal. */
export class ChunkViews {
  /** Empty once the memory is elsewhere: who reads asks for its length. */
  u8: Uint8Array;
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  readonly i8: Int8Array;
  readonly bool: Uint8Array;
  readonly u16: Uint16Array;
  readonly i16: Int16Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly u64: BigUint64Array;
  readonly i64: BigInt64Array;
  readonly text: Buffer;

  constructor(buffer: ArrayBuffer | SharedArrayBuffer) {
    this.buffer = buffer;
    this.u8 = new Uint8Array(buffer);
    this.i8 = new Int8Array(buffer, 0, Math.floor(buffer.byteLength / Int8Array.BYTES_PER_ELEMENT));
    this.bool = this.u8;
    this.u16 = new Uint16Array(buffer, 0, Math.floor(buffer.byteLength / Uint16Array.BYTES_PER_ELEMENT));
    this.i16 = new Int16Array(buffer, 0, Math.floor(buffer.byteLength / Int16Array.BYTES_PER_ELEMENT));
    this.u32 = new Uint32Array(buffer, 0, Math.floor(buffer.byteLength / Uint32Array.BYTES_PER_ELEMENT));
    this.i32 = new Int32Array(buffer, 0, Math.floor(buffer.byteLength / Int32Array.BYTES_PER_ELEMENT));
    this.f32 = new Float32Array(buffer, 0, Math.floor(buffer.byteLength / Float32Array.BYTES_PER_ELEMENT));
    this.f64 = new Float64Array(buffer, 0, Math.floor(buffer.byteLength / Float64Array.BYTES_PER_ELEMENT));
    this.u64 = new BigUint64Array(buffer, 0, Math.floor(buffer.byteLength / BigUint64Array.BYTES_PER_ELEMENT));
    this.i64 = new BigInt64Array(buffer, 0, Math.floor(buffer.byteLength / BigInt64Array.BYTES_PER_ELEMENT));
    this.text = Buffer.from(buffer as ArrayBuffer);
  }

  /** The memory has moved to another buffer; a shared one cannot be emptied. */
  leave(): void {
    this.u8 = new Uint8Array(0);
  }
}
