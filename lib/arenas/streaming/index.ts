export { BufferLease } from './lease';
export type { LeaseSink } from './pipe';
export type { LeaseSource, PositionedReader } from './sources';
export {
  type AcquireOptions,
  type LeaseStreamOptions,
  type SocketReader,
  StreamingArena,
  type StreamingArenaOptions,
  type StreamingArenaStats,
} from './streaming-arena';
