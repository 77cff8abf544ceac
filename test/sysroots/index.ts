export { buildMachine, MachinePark, type MachineSpec, type NodeSpec } from './build';
export * as groupMachines from './machines/groups';
export * as numaMachines from './machines/numa';
export * as pageMachines from './machines/pages';
