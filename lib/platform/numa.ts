import { availableParallelism } from 'node:os';
import { checkInteger, memoryError } from '../core';
import { openSysroot, readTopology, type Topology } from './machine';
import { native, unwrap } from './native';

let cached: Topology | undefined;

function topology(): Topology {
  cached ??= readTopology(openSysroot());
  return cached;
}

function nodeOf(where: string, id: unknown): Topology['nodes'][number] {
  checkInteger(where, id, 0, 1023);
  const node = topology().nodes.find((candidate) => candidate.id === id);
  if (node !== undefined) return node;
  const known = topology()
    .nodes.map((candidate) => candidate.id)
    .join(', ');
  throw memoryError(
    'ERR_MEMORY_NUMA_UNAVAILABLE',
    `${where}: node ${String(id)} does not exist; this machine has ${known}`,
  );
}

/** The calling thread and the nodes of the machine. All calls are cheap; none is for a hot path. */
export const numa = Object.freeze({
  /** The CPU and node that the calling thread runs on at this moment. @throws ERR_MEMORY_UNSUPPORTED */
  current(): { readonly cpu: number; readonly node: number } {
    return unwrap(native().currentProcessor(), () => ({ what: 'numa.current()' }));
  },

  /**
   * Pins the calling thread (main or worker) to the CPUs of a node; other threads are not touched. `null` lets it run on
   * every CPU again.
   *
   * @throws ERR_MEMORY_NUMA_UNAVAILABLE for a node that does not exist, has no CPU or may not be used
   */
  runOn(node: number | null): void {
    const where = 'numa.runOn: node';
    const cpus = node === null ? topology().cpus.online : nodeOf(where, node).cpus;
    if (cpus.length === 0 && node !== null) {
      throw memoryError('ERR_MEMORY_NUMA_UNAVAILABLE', `numa.runOn(${node}): node ${node} has no CPU`, {
        hint: 'Take a node with hasCpu in memory.topology().nodes.',
      });
    }
    const all = cpus.length > 0 ? cpus : Array.from({ length: availableParallelism() }, (_, cpu) => cpu);
    const cells = Uint32Array.from(all);
    unwrap(native().runOn(new Uint8Array(cells.buffer)), () => ({ what: `numa.runOn(${String(node)})` }));
  },

  /** Distance between two nodes as the firmware gives it, 10 being local; null where it says nothing. */
  distance(from: number, to: number): number | null {
    const row = nodeOf('numa.distance: from', from);
    const column = topology().nodes.indexOf(nodeOf('numa.distance: to', to));
    return row.distances[column] ?? null;
  },
});
