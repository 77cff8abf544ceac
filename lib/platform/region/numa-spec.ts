import { checkInteger, checkOptions, describe, memoryError } from '../../core';

/** Which nodes a region's pages shall lie on. Node numbers are those of `memory.topology()`. */
export type NumaSpec =
  | 'local'
  | {
      /** These nodes and no other. A full node never kills the process: what is missing is reported, or thrown when strict. */
      readonly bind?: number | readonly number[];
      /** This node first, others when it is full. */
      readonly preferred?: number;
      /** The nearest of these nodes first. */
      readonly preferredMany?: readonly number[];
      /** Page by page in turn. */
      readonly interleave?: readonly number[] | 'all';
      /** Shares by weight, 1 to 255 each: `{0: 3, 1: 1}`. */
      readonly weighted?: Readonly<Record<number, number>>;
    };

export interface NumaRequest {
  readonly policy: 'local' | 'bind' | 'preferred' | 'preferredMany' | 'interleave' | 'weighted';
  /** Sorted, without repeats. Empty with `local`, and with interleave over all nodes. */
  readonly nodes: readonly number[];
  /** With `weighted`: of each node in the order of `nodes`. */
  readonly weights: readonly number[];
  /** For reports: `bind 0,1`. */
  readonly text: string;
}

const POLICY_KEYS = ['bind', 'preferred', 'preferredMany', 'interleave', 'weighted'] as const;
const MAX_NODE = 1023;

function nodeList(name: string, value: unknown): number[] {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0 || list.length > MAX_NODE + 1) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${name} must name at least one node, got ${describe(value)}`);
  }
  const nodes = list.map((node) => checkInteger(`${name}: node`, node, 0, MAX_NODE));
  return [...new Set(nodes)].sort((a, b) => a - b);
}

function weightList(name: string, value: unknown): { nodes: number[]; weights: number[] } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${name} must map nodes to weights, such as {0: 3, 1: 1}, got ${describe(value)}`,
    );
  }
  const pairs = Object.entries(value).map(([key, weight]) => {
    const node = checkInteger(`${name}: node`, /^\d+$/.test(key) ? Number(key) : Number.NaN, 0, MAX_NODE);
    return [node, checkInteger(`${name}: weight of node ${node}`, weight, 1, 255)] as const;
  });
  if (pairs.length === 0) throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${name} must name at least one node`);
  pairs.sort((a, b) => a[0] - b[0]);
  return { nodes: pairs.map(([node]) => node), weights: pairs.map(([, weight]) => weight) };
}

function request(policy: NumaRequest['policy'], nodes: number[], weights: number[] = []): NumaRequest {
  const named = nodes.map((node, i) => (weights[i] === undefined ? `${node}` : `${node}:${weights[i]}`)).join(',');
  const text = policy === 'local' ? 'local' : `${policy} ${named || 'all'}`;
  return { policy, nodes, weights, text };
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function parseNuma(where: string, spec: NumaSpec): NumaRequest {
  if (spec === 'local') return request('local', []);
  if (typeof spec !== 'object' || spec === null) {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${where}: numa must be 'local' or an object such as {bind: [0]}, got ${describe(spec)}`,
    );
  }
  const options = checkOptions<Exclude<NumaSpec, string>>(`${where}: numa`, spec, POLICY_KEYS);
  const given = POLICY_KEYS.filter((key) => options[key] !== undefined);
  const [policy] = given;
  if (policy === undefined || given.length > 1) {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${where}: numa must hold exactly one of ${POLICY_KEYS.join(', ')}, got ${given.join(' and ') || 'none'}`,
    );
  }
  const name = `${where}: numa.${policy}`;
  if (policy === 'weighted') {
    const { nodes, weights } = weightList(name, options.weighted);
    return request(policy, nodes, weights);
  }
  if (policy === 'interleave' && options.interleave === 'all') return request(policy, []);
  const nodes = nodeList(name, options[policy]);
  if (policy === 'preferred' && nodes.length !== 1) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${name} must be one node, got ${nodes.length}`);
  }
  return request(policy, nodes);
}
