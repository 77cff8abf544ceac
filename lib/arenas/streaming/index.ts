export { BufferLease } from './lease';
export type { LeaseSource, PositionedReader } from './sources';
export {
  type AcquireOptions,
  type SocketReader,
  StreamingArena,
  type StreamingArenaOptions,
  type StreamingArenaStats,
} from './streaming-arena';
