import {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkOptions,
  describe,
  formatBytes,
  isMemoryError,
  isPowerOfTwo,
  type MemoryError,
  memoryError,
  type RegionProvider,
} from '../../core';
import { numa, openSysroot, parseKeyed, type Region, readTopology, type Sysroot, type Topology } from '../../platform';
import { acquireFrom, emptiesViews, isProvider } from '../base';
import { PROVIDER_KEYS, ProviderBase, type ProviderOptions, type RenewingProvider } from './base';
import { isExhausted, type ProviderStats } from './books';
import { cachedBytesOf } from './cached';
import { NodeProvider } from './numa-node';
import { PageProvider, type PageProviderOptions } from './page';

/** How {@link NumaProvider} chooses. */
export interface NumaProviderOptions extends ProviderOptions {
  /** Nodes that may be used. Default: every node with memory that this process is allowed. */
  readonly nodes?: readonly number[];
  /**
   * Populate each region, look up every page, and pass on to the next node where one lies elsewhere;
   * ERR_MEMORY_NUMA_UNAVAILABLE when no node can hold it all. Default false: the pages prefer their node, and what the
   * kernel does when it fills up between the look and the touch is the kernel's.
   */
  readonly strict?: boolean;
  /** How each node's regions are mapped. Default: PageProvider's defaults. */
  readonly map?: Omit<PageProviderOptions, 'numa' | 'strict' | 'name' | 'budget'>;
  /** Makes a node's provider instead, such as `(node) => new CachedProvider(new PageProvider({ numa: { preferred: node } }))`. */
  readonly provider?: (node: number) => RegionProvider;
  /** The node of the calling thread. Default: as `numa.current()` tells, and the first node where that is unknown. */
  readonly currentNode?: () => number;
  /** Where nodes, distances and free memory are read. Default: this machine. */
  readonly sysroot?: Sysroot;
}

/** Where a region went, and why not elsewhere. */
export interface NumaChoice {
  /** The node of the thread that asked, or the nearest allowed one. */
  readonly home: number;
  readonly node: number;
  /** Nearer nodes that were passed over. */
  readonly passed: readonly { readonly node: number; readonly reason: string }[];
}

export interface NumaProviderStats extends ProviderStats {
  /** Regions handed out by node, and how many of all were not on their thread's node. */
  readonly byNode: Readonly<Record<number, number>>;
  readonly remote: number;
}

interface Leaf {
  readonly node: number;
  readonly provider: RegionProvider;
  count: number;
}

/**
 * Memory near the thread that asks: a provider a node, and the next nearest node where one has no room. `node(n)` takes from
 * one node only. `choiceOf(region)` tells where a region went; `region.placement` what the kernel was asked.
 */
export class NumaProvider extends ProviderBase {
  private readonly leaves = new Map<number, Leaf>();
  private readonly orders = new Map<number, readonly Leaf[]>();
  private readonly choices = new WeakMap<Region, NumaChoice>();
  private readonly strict: boolean;
  private readonly sysroot: Sysroot;
  private readonly topology: Topology;
  private readonly currentNode: () => number;
  private remote = 0;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_NUMA_UNAVAILABLE for nodes that are not there or not allowed */
  constructor(options?: NumaProviderOptions) {
    const where = 'NumaProvider';
    const given = checkOptions<NumaProviderOptions>(where, options, [
      ...PROVIDER_KEYS,
      'nodes',
      'strict',
      'map',
      'provider',
      'currentNode',
      'sysroot',
    ]);
    const { strict = false, sysroot = openSysroot(), currentNode = threadNode, map, provider } = given;
    checkBoolean(`${where}: strict`, strict);
    checkFunction(`${where}: currentNode`, currentNode);
    if (typeof (sysroot as Partial<Sysroot> | null)?.readText !== 'function') {
      throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: sysroot must come from openSysroot()`);
    }
    if (map !== undefined && provider !== undefined) {
      throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: take map or provider, not both`);
    }
    const topology = readTopology(sysroot);
    const nodes = chooseNodes(where, given.nodes, topology);
    const placed = (node: number): PageProviderOptions =>
      strict ? { ...map, strict: true, numa: { bind: node } } : { ...map, numa: { preferred: node } };
    const make = provider ?? ((node: number) => new PageProvider(placed(node)));
    checkFunction(`${where}: provider`, make);
    const leaves = nodes.map((node) => ({ node, provider: checkLeaf(where, node, make(node)), count: 0 }));
    super(where, Math.max(...leaves.map((leaf) => leaf.provider.pageBytes)), given);
    for (const leaf of leaves) this.leaves.set(leaf.node, leaf);
    this.strict = strict;
    this.sysroot = sysroot;
    this.topology = topology;
    this.currentNode = currentNode;
  }

  override get emptiesViews(): boolean {
    return [...this.leaves.values()].every(({ provider }) => emptiesViews(provider));
  }

  /** The nodes that are used, ascending. */
  get nodes(): readonly number[] {
    return [...this.leaves.keys()];
  }

  /** A provider of one node's memory: it never takes from another. @throws ERR_MEMORY_NUMA_UNAVAILABLE */
  node(node: number): RenewingProvider {
    checkInteger(`${this.where('node')}: node`, node, 0, 1023);
    const leaf = this.leaves.get(node);
    if (leaf === undefined) {
      throw memoryError('ERR_MEMORY_NUMA_UNAVAILABLE', `${this.where('node')}: node ${node} is not used here`, {
        hint: `Nodes of this provider: ${this.nodes.join(', ')}.`,
      });
    }
    return new NodeProvider(this, node, leaf.provider, (bytes) => this.acquireOn(node, bytes));
  }

  /** Where a region of this provider went. @throws ERR_MEMORY_FOREIGN_FREE, ERR_MEMORY_DOUBLE_FREE */
  choiceOf(region: Region): NumaChoice {
    this.books.bytesOf(this.where('choiceOf'), this.name, region);
    return this.choices.get(region) as NumaChoice;
  }

  private acquireOn(node: number, byteLength: number): Region {
    const leaf = this.leaves.get(node) as Leaf;
    return this.acquireBy(byteLength, (bytes) => this.take(leaf, bytes, { home: node, node, passed: [] }));
  }

  protected map(byteLength: number): Region {
    const order = this.nearestFirst(this.currentNode());
    const [first] = order as [Leaf, ...Leaf[]];
    const passed: { node: number; reason: string }[] = [];
    const full: Leaf[] = [];
    let last: unknown;
    const attempt = (leaf: Leaf): Region | null => {
      try {
        const nearer = passed.filter(({ node }) => node !== leaf.node);
        return this.take(leaf, byteLength, { home: first.node, node: leaf.node, passed: nearer });
      } catch (error) {
        if (!isPassable(error)) throw error;
        last = error;
        passed.push({ node: leaf.node, reason: error.message });
        return null;
      }
    };
    for (const leaf of order) {
      const free = this.freeBytes(leaf.node);
      if (free !== null && free < byteLength) {
        passed.push({ node: leaf.node, reason: `${formatBytes(free)} free, ${formatBytes(byteLength)} asked` });
        full.push(leaf);
        continue;
      }
      const region = attempt(leaf);
      if (region !== null) return region;
    }
    if (this.strict) throw this.nowhere(byteLength, passed);
    // No node has that much free: the kernel can still reclaim, and knows better than numbers that are old already.
    for (const leaf of full) {
      const region = attempt(leaf);
      if (region !== null) return region;
    }
    throw last;
  }

  private take(leaf: Leaf, byteLength: number, choice: NumaChoice): Region {
    const region = acquireFrom(this.where('acquire'), leaf.provider, byteLength);
    leaf.count += 1;
    if (choice.node !== choice.home) this.remote += 1;
    this.choices.set(region, Object.freeze({ ...choice, passed: Object.freeze([...choice.passed]) }));
    return region;
  }

  protected override unmap(region: Region): void {
    const leaf = this.leafOf(region);
    leaf.provider.release(region);
    leaf.count -= 1;
  }

  protected override forget(region: Region): void {
    const leaf = this.leafOf(region);
    leaf.count -= 1;
    quietly(() => leaf.provider.release(region));
  }

  protected override renewRegion(region: Region, options: { readonly views?: 'empty' | 'keep' } | undefined): Region {
    const provider = this.leafOf(region).provider as Partial<RenewingProvider>;
    if (typeof provider.renew !== 'function') {
      throw memoryError('ERR_MEMORY_UNSUPPORTED', `${this.where('renew')}: the node's provider cannot renew regions`);
    }
    const fresh = provider.renew(region, options);
    this.choices.set(fresh, this.choices.get(region) as NumaChoice);
    return fresh;
  }

  private leafOf(region: Region): Leaf {
    return this.leaves.get((this.choices.get(region) as NumaChoice).node) as Leaf;
  }

  /** Trims every node's provider; `keepBytes` in all, kept on the lowest nodes first. */
  override trim(keepBytes: number = 0): number {
    let keep = checkInteger(`${this.where('trim')}: keepBytes`, keepBytes);
    let given = 0;
    for (const { provider } of this.leaves.values()) {
      const before = cachedBytesOf(provider);
      given += provider.trim(Math.min(keep, before));
      keep -= Math.min(keep, cachedBytesOf(provider));
    }
    return given;
  }

  override stats(): NumaProviderStats {
    const byNode = Object.fromEntries([...this.leaves.values()].map(({ node, count }) => [node, count]));
    return Object.freeze({ ...this.numbers(), byNode: Object.freeze(byNode), remote: this.remote });
  }

  protected override letGo(): void {
    for (const { provider } of this.leaves.values()) {
      provider.trim();
      (provider as Partial<Disposable>)[Symbol.dispose]?.();
    }
  }

  private nearestFirst(node: number): readonly Leaf[] {
    const known = this.orders.get(node);
    if (known !== undefined) return known;
    const here = this.topology.nodes.find((candidate) => candidate.id === node);
    if (here === undefined && node !== -1) return this.nearestFirst(-1); // somebody else's code says where we are
    const distances = here?.distances;
    // Where the firmware says nothing: the node itself, then the others by number.
    const distance = (to: number): number => {
      const column = this.topology.nodes.findIndex((candidate) => candidate.id === to);
      return distances?.[column] ?? (to === node ? 10 : 255);
    };
    const order = [...this.leaves.values()].sort((a, b) => distance(a.node) - distance(b.node) || a.node - b.node);
    this.orders.set(node, order);
    return order;
  }

  /** Null where the kernel does not say. */
  private freeBytes(node: number): number | null {
    const text = this.sysroot.readText(`/sys/devices/system/node/node${node}/meminfo`);
    return text === null ? null : (parseKeyed(text.replace(/^Node \d+ /gm, '')).get('MemFree') ?? null);
  }

  private nowhere(byteLength: number, passed: readonly { node: number; reason: string }[]): MemoryError {
    const why = passed.map(({ node, reason }) => `node ${node}: ${reason}`).join('; ');
    return memoryError(
      'ERR_MEMORY_NUMA_UNAVAILABLE',
      `${this.where('acquire')}: no node can hold ${formatBytes(byteLength)}: ${why}`,
      {
        requestedBytes: byteLength,
        source: this.name,
        hint: 'Free memory there, name more nodes, or leave out strict.',
      },
    );
  }
}

function threadNode(): number {
  try {
    return numa.current().node;
  } catch {
    return -1; // no node is nearest then
  }
}

function chooseNodes(where: string, wanted: readonly number[] | undefined, topology: Topology): number[] {
  const usable = topology.nodes
    .filter((node) => node.hasMemory && topology.allowedNodes.includes(node.id))
    .map((node) => node.id);
  if (wanted === undefined) return usable.length > 0 ? usable : [0];
  if (!Array.isArray(wanted) || wanted.length === 0) {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${where}: nodes must list at least one node, got ${describe(wanted)}`,
    );
  }
  const nodes = wanted.map((node) => checkInteger(`${where}: node`, node, 0, 1023));
  const absent = nodes.filter((node) => !usable.includes(node));
  if (absent.length === 0) return [...new Set(nodes)].sort((a, b) => a - b);
  throw memoryError(
    'ERR_MEMORY_NUMA_UNAVAILABLE',
    `${where}: node ${absent.join(', ')} does not exist, has no memory or is not allowed; usable are ${usable.join(', ')}`,
    { hint: 'memory.topology() lists the nodes.' },
  );
}

/** What a user's function made for a node. */
function checkLeaf(where: string, node: number, made: unknown): RegionProvider {
  if (isProvider(made) && typeof made.trim === 'function' && isPowerOfTwo(made.pageBytes)) return made;
  throw memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `${where}: provider must make a provider for node ${node}, got ${describe(made)}`,
    { hint: 'A provider has pageBytes, a power of two, and the methods acquire, release and trim.' },
  );
}

function isPassable(error: unknown): error is MemoryError {
  return isMemoryError(error) && (isExhausted(error) || error.code === 'ERR_MEMORY_NUMA_UNAVAILABLE');
}

function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // the region is gone already
  }
}
