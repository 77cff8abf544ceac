export type { CgroupEvents, CgroupLimits } from './cgroup';
export { type CgroupChain, findCgroups } from './cgroup-paths';
export type { Degraded } from './degraded';
export { type HugePagePool, type HugePages, readHugePages, type ThpState } from './huge-pages';
export { type Limits, type MachineMemory, readLimits } from './limits';
export { type NumaPlacement, parseNumaMaps } from './numa-maps';
export { parseKeyed, parseList, parseMask } from './parse';
export {
  type Pressure,
  type PressureLine,
  type PressureReading,
  parsePressure,
  readPressure,
} from './pressure';
export {
  type MemoryBreakdown,
  type ProcessMemory,
  type ProcessNumbers,
  readProcessMemory,
} from './process-memory';
export { type AddressRange, residentWithin } from './resident';
export { parseRlimits, type Rlimit, type Rlimits } from './rlimits';
export { type PageStats, parseSmaps, SmapsReader } from './smaps';
export { openSysroot, type Sysroot } from './sysroot';
export { type ReadTopologyOptions, readTopology } from './topology';
export type {
  CpuCache,
  CpuLists,
  MemorySideCache,
  MemoryTier,
  NodeAccess,
  NodeHugePages,
  NumaNode,
  Topology,
} from './topology-types';
