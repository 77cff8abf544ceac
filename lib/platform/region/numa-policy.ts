import { type ErrorCode, memoryError } from '../../core';
import { openSysroot, parseList, readTopology, type Sysroot } from '../machine';
import {
  errnoName,
  explain,
  type Failure,
  isFailure,
  machineFacts,
  type NativeHolder,
  native,
  POLICIES,
  type PolicyName,
} from '../native';
import type { NumaRequest } from './numa-spec';
import type { PlacementLog } from './placement';

// Puts a policy on a range of a region, checks what came of it, and says so.

function nodeBytes(nodes: readonly number[]): Uint8Array {
  return new Uint8Array(Uint16Array.from(nodes).buffer);
}

function setPolicy(
  holder: NativeHolder,
  offset: number,
  length: number,
  policy: PolicyName,
  nodes: readonly number[],
  move: boolean,
): Failure | undefined {
  const result = native().setPolicy(holder, offset, length, POLICIES.indexOf(policy), nodeBytes(nodes), move);
  return isFailure(result) ? result : undefined;
}

/** Nodes that exist, from /sys; node 0 where the kernel has no node directory. */
export function onlineNodes(root: Sysroot = openSysroot()): number[] {
  const text = root.readText('/sys/devices/system/node/has_memory') ?? root.readText('/sys/devices/system/node/online');
  const nodes = text === null ? null : parseList(text);
  return nodes === null || nodes.length === 0 ? [0] : nodes;
}

/** @throws ERR_MEMORY_NUMA_UNAVAILABLE naming the nodes that exist */
export function checkNodesExist(where: string, request: NumaRequest): void {
  if (request.nodes.length === 0) return;
  if (machineFacts().platform === 'windows') return; // no list to read: mapping answers for itself
  const online = onlineNodes();
  const absent = request.nodes.filter((node) => !online.includes(node));
  if (absent.length === 0) return;
  throw memoryError(
    'ERR_MEMORY_NUMA_UNAVAILABLE',
    `${where}: node ${absent.join(', ')} does not exist or has no memory; this machine has ${online.join(', ')}`,
    {
      hint: 'memory.topology() lists the nodes.',
    },
  );
}

// The kernel's bind policy kills the process when the node is full, even while it populates. Preferring the same nodes
// and checking afterwards gives the same pages without that risk.
function prefer(
  holder: NativeHolder,
  offset: number,
  length: number,
  nodes: readonly number[],
  move: boolean,
): Failure | undefined {
  const [only] = nodes;
  if (nodes.length === 1 && only !== undefined) return setPolicy(holder, offset, length, 'preferred', [only], move);
  const many = setPolicy(holder, offset, length, 'preferredMany', nodes, move);
  if (many === undefined || errnoName(many.errno) !== 'EINVAL') return many;
  // Before Linux 5.15: an even part of the range for each node.
  return split(
    holder,
    offset,
    length,
    nodes,
    nodes.map(() => 1),
    move,
  );
}

/** A contiguous share of the range for each node, by weight: the static form of weighted interleave. */
function split(
  holder: NativeHolder,
  offset: number,
  length: number,
  nodes: readonly number[],
  weights: readonly number[],
  move: boolean,
): Failure | undefined {
  const described = native().describe(holder);
  if (isFailure(described)) return described;
  const { pageBytes } = described;
  const pages = Math.ceil(length / pageBytes);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let passed = 0;
  let weightPassed = 0;
  for (const [i, node] of nodes.entries()) {
    weightPassed += weights[i] ?? 0;
    const end = i === nodes.length - 1 ? pages : Math.round((pages * weightPassed) / total);
    if (end > passed) {
      const start = passed * pageBytes;
      const part = Math.min(length, end * pageBytes) - start;
      const failure = setPolicy(holder, offset + start, part, 'preferred', [node], move);
      if (failure !== undefined) return failure;
    }
    passed = end;
  }
  return undefined;
}

function kernelWeightsMatch({ nodes, weights }: NumaRequest, root: Sysroot): boolean {
  const folder = '/sys/kernel/mm/mempolicy/weighted_interleave';
  const own = nodes.map((node) => Number(root.readText(`${folder}/node${node}`) ?? Number.NaN));
  const [first = Number.NaN] = own;
  const [wanted = 0] = weights;
  return own.every((weight, i) => weight * wanted === first * (weights[i] ?? 0));
}

/**
 * Sets the policy on a range of the region.
 * @returns null, or why not
 */
export function applyPolicy(
  holder: NativeHolder,
  request: NumaRequest,
  offset: number,
  length: number,
  move: boolean,
): Failure | null {
  const { policy, nodes, weights } = request;
  switch (policy) {
    case 'local':
      return setPolicy(holder, offset, length, 'local', [], move) ?? null;
    case 'preferred':
      return setPolicy(holder, offset, length, 'preferred', nodes, move) ?? null;
    case 'interleave':
      return setPolicy(holder, offset, length, 'interleave', nodes.length === 0 ? onlineNodes() : nodes, move) ?? null;
    case 'weighted': {
      if (kernelWeightsMatch(request, openSysroot())) {
        const failure = setPolicy(holder, offset, length, 'weightedInterleave', nodes, move);
        if (failure === undefined || errnoName(failure.errno) !== 'EINVAL') return failure ?? null;
      }
      return split(holder, offset, length, nodes, weights, move) ?? null;
    }
    default:
      return prefer(holder, offset, length, nodes, move) ?? null;
  }
}

/** Pages of the range per node; `absent` have no page yet. Null where the kernel does not tell. */
export function countNodes(
  holder: NativeHolder,
  offset: number,
  length: number,
  pageBytes: number,
): { counts: Map<number, number>; absent: number } | Failure {
  const pages = Math.floor((offset + length + pageBytes - 1) / pageBytes) - Math.floor(offset / pageBytes);
  const cells = new Int32Array(pages);
  const counts = new Map<number, number>();
  const result = native().queryNodes(holder, offset, length, new Uint8Array(cells.buffer));
  if (isFailure(result)) return result;
  let absent = 0;
  for (const node of cells) {
    if (node < 0) absent += 1;
    else counts.set(node, (counts.get(node) ?? 0) + 1);
  }
  return { counts, absent };
}

/** Notes in the log which policy is in force; with strict a refusal is thrown by the caller from the log. */
export function place(holder: NativeHolder, request: NumaRequest, byteLength: number, log: PlacementLog): void {
  const failure = applyPolicy(holder, request, 0, byteLength, false);
  if (failure === null) {
    log.numa = request.text;
    return;
  }
  const { code, reason, hint } = explain(failure);
  log.miss(`numa ${request.text}`, code, reason, hint ?? '', failure.errno);
}

/** For private memory, whose first node was given to the system when it was mapped: all that Windows can do. */
export function placeMapped(holder: NativeHolder, request: NumaRequest, byteLength: number, log: PlacementLog): void {
  const { policy, nodes } = request;
  const given = machineFacts().platform === 'windows' && nodes.length === 1;
  if (given && (policy === 'preferred' || policy === 'bind')) log.numa = request.text;
  else place(holder, request, byteLength, log);
}

/** Before population: is there room on the nodes? Notes it when not. */
export function checkNodeRoom(request: NumaRequest, byteLength: number, log: PlacementLog): void {
  if (request.policy !== 'bind') return;
  const { nodes } = readTopology(openSysroot());
  let free = 0;
  for (const node of nodes) {
    if (!request.nodes.includes(node.id)) continue;
    if (node.freeBytes === null) return; // unknown: population and its check decide
    free += node.freeBytes;
  }
  if (free >= byteLength) return;
  log.miss(
    `numa ${request.text}`,
    'ERR_MEMORY_NUMA_UNAVAILABLE',
    `node ${request.nodes.join(',')} has ${free} bytes free, ${byteLength} are asked`,
    'Ask for less, or name more nodes.',
  );
}

/** After population: do the pages lie where they were asked to? Notes it when not. */
export function verifyNodes(
  holder: NativeHolder,
  request: NumaRequest,
  byteLength: number,
  pageBytes: number,
  log: PlacementLog,
): void {
  if (log.numa === null || request.policy === 'local') return;
  const found = countNodes(holder, 0, byteLength, pageBytes);
  if (isFailure(found)) {
    const { code, reason, hint } = explain(found);
    log.miss(`numa ${request.text} verified`, code, reason, hint ?? '', found.errno);
    return;
  }
  const nodes = request.nodes.length === 0 ? onlineNodes() : request.nodes;
  let elsewhere = 0;
  for (const [node, count] of found.counts) if (!nodes.includes(node)) elsewhere += count;
  if (elsewhere === 0 && found.absent === 0) {
    log.numaVerified = true;
    return;
  }
  const code: ErrorCode = 'ERR_MEMORY_NUMA_UNAVAILABLE';
  log.miss(
    `numa ${request.text}`,
    code,
    `${elsewhere} pages lie on other nodes, ${found.absent} have no page`,
    'Free memory on those nodes, or name more of them.',
  );
}
