import type { CpuCache, NumaNode, Topology } from '../../../platform';
import { paragraph, section, stack, type TreeNode, tree } from '../../render/layout';
import { span } from '../../render/text';
import { count, glyphs, size, type View } from '../../render/view';
import type { ProbeData } from '../data';
import { cacheName, nodeKind, ranges, unknowns } from './common';

export function renderTopology({ topology, host, degraded }: ProbeData, view: View): string {
  if (topology === undefined) return '';
  const { cpus } = topology;
  const title = [
    span('machine', 'strong'),
    `  ${size(view, topology.totalMemoryBytes)}, ${count(topology.nodes.length, 'node')}${cpus.online.length === 0 ? '' : `, ${count(cpus.online.length, 'CPU')}`}`,
    span(host.cpuModel === null ? '' : `  ${host.cpuModel}`, 'dim'),
  ];
  const children = groupNodes(topology, view);
  return stack([
    tree(view, { text: title, children: [...children, ...outside(topology, view)] }),
    section(view, 'CPUs', cpuLines(topology, view)),
    unknowns(view, degraded, ['topology']),
  ]);
}

function cpuLines({ cpus }: Topology, view: View): string[] {
  // A running machine has a CPU: an empty list was not told.
  const told = (ids: readonly number[]): string => (ids.length === 0 ? 'unknown' : ranges(ids));
  const rest = cpus.offline.length === 0 ? '' : `, offline ${ranges(cpus.offline)}`;
  return [
    ...paragraph(view, `online ${told(cpus.online)}${rest}`),
    ...paragraph(view, `allowed to this process ${told(cpus.allowed)}`),
  ];
}

interface Described {
  readonly ids: number[];
  readonly first: NumaNode;
  readonly branches: readonly string[];
}

/** Nodes that differ by nothing but their ids and CPUs share a branch: 64 equal nodes are one. */
function groupNodes(topology: Topology, view: View): TreeNode[] {
  const groups: Described[] = [];
  for (const node of topology.nodes) {
    const branches = describeNode(topology, node, view);
    const same = groups.find((group) => isSame(group, node, branches, view));
    if (same === undefined) groups.push({ ids: [node.id], first: node, branches });
    else same.ids.push(node.id);
  }
  return groups.map((group) => toBranch(topology, group, view));
}

function isSame({ first, branches }: Described, node: NumaNode, others: readonly string[], view: View): boolean {
  return (
    // Nodes of one build differ by some kilobytes: what is shown alike counts as alike.
    size(view, first.memoryBytes) === size(view, node.memoryBytes) &&
    first.cpus.length === node.cpus.length &&
    nodeKind(first) === nodeKind(node) &&
    first.tier === node.tier &&
    branches.join('\n') === others.join('\n')
  );
}

function toBranch(topology: Topology, { ids, first, branches }: Described, view: View): TreeNode {
  const isGroup = ids.length > 1;
  const cpus = topology.nodes.filter((node) => ids.includes(node.id)).flatMap((node) => node.cpus);
  const facts = [
    `${size(view, first.memoryBytes)}${isGroup ? ' each' : ''}`,
    ...(cpus.length === 0 ? [] : [`CPUs ${ranges(cpus.sort((a, b) => a - b))}`]),
    ...(nodeKind(first) === '' || topology.source === 'synthetic' ? [] : [nodeKind(first)]),
    ...(first.tier === null ? [] : [`tier ${first.tier}`]),
  ];
  const name = isGroup ? `nodes ${ranges(ids)}` : `node ${first.id}`;
  return {
    text: [span(name, 'accent'), `  ${facts.join(', ')}`],
    children: branches.map((text) => ({ text })),
  };
}

function describeNode(topology: Topology, node: NumaNode, view: View): string[] {
  const own = new Set(node.cpus);
  const caches = topology.caches.filter(
    (cache) => cache.sharedCpus.length > 0 && cache.sharedCpus.every((cpu) => own.has(cpu)),
  );
  const pools = node.hugePages.filter((pool) => (pool.total ?? 0) > 0);
  return [
    ...node.memorySideCaches.map((cache) => `memory-side cache L${cache.level} ${size(view, cache.sizeBytes)}`),
    ...cacheTexts(caches, view),
    ...pools.map((pool) => `huge pages ${size(view, pool.pageBytes)}: ${pool.free ?? '?'} of ${pool.total} free`),
  ];
}

/** Caches that no single node holds: shared by nodes, or on a machine whose CPUs belong to none. */
function outside({ caches, nodes }: Topology, view: View): TreeNode[] {
  const sets = nodes.map((node) => new Set(node.cpus));
  const shared = caches.filter((cache) => !sets.some((own) => cache.sharedCpus.every((cpu) => own.has(cpu))));
  return cacheTexts(shared, view).map((text) => ({ text: `${text}, across nodes` }));
}

/** One line for the caches of a kind and size, the largest level first. */
function cacheTexts(caches: readonly CpuCache[], view: View): string[] {
  const groups = new Map<string, { cache: CpuCache; number: number }>();
  for (const cache of caches) {
    const key = [cache.level, cache.type, cache.sizeBytes, cache.sharedCpus.length].join(' ');
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { cache, number: 1 });
    else group.number++;
  }
  return (
    [...groups.values()]
      // Plain comparison: localeCompare loads the collation tables first, 20 ms for nothing.
      .sort((a, b) => b.cache.level - a.cache.level || (a.cache.type < b.cache.type ? -1 : 1))
      .map(({ cache, number }) => {
        const many = number === 1 ? '' : `${number} ${glyphs(view).times} `;
        const shared = cache.sharedCpus.length;
        return `${many}${cacheName(cache)} ${size(view, cache.sizeBytes)}, ${count(shared, 'CPU')}${number === 1 ? '' : ' each'}`;
      })
  );
}
