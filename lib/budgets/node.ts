import { type MemoryError, memoryError, type Waiter, WaiterQueue } from '../core';
import { type BudgetPolicy, checkAllowance } from './policy';
import type { BudgetReclaimer } from './reclaimer';

/** A request that waits for capacity of a node. */
export interface Waiting extends Waiter {
  readonly bytes: number;
  readonly node: BudgetNode;
  /** Where it stands. */
  at: BudgetNode;
  /** Where reclaimers were asked for it as the first, and how much was tied up there when each was asked. */
  short: BudgetNode | null;
  asked: Map<BudgetReclaimer, number> | null;
  grant(): void;
  /** Ends the wait with an error; the caller counts it out. */
  fail(error: unknown): void;
}

/** What all nodes of one tree share. */
export interface TreeState {
  /** Requests that wait anywhere in the tree. While there are any, nobody is served past them. */
  waiting: number;
  arrivals: number;
  readonly reclaiming: TreeReclaiming;
  /** After ensure() was in vain: the node that its parent's policy does not let grow; null where capacity is missing. */
  barred: BudgetNode | null;
}

/** Who asks the reclaimers of a tree. */
export interface TreeReclaiming {
  /** Reclaimers of the whole tree. */
  count: number;
  /** True while reclaimers run. */
  readonly running: boolean;
  /** For a request that nobody stands before. True when `node` has the bytes free. */
  provide(node: BudgetNode, bytes: number, refusing: BudgetNode): boolean;
  /** For those who wait between `from` and the root. */
  hurry(from: BudgetNode): void;
  /** For all who wait, soon. */
  plan(): void;
}

export interface NodeOptions {
  /** For the root of a tree. */
  readonly reclaiming: (root: BudgetNode) => TreeReclaiming;
  readonly limitBytes: number;
  readonly guaranteedBytes: number;
  readonly priority: number;
  readonly quantumBytes: number;
  readonly policy: BudgetPolicy;
}

/**
 * The capacity of one budget and how it moves through the tree. Of the `held` bytes that a node has got from its parent
 * `used` are its own users', `free` are nobody's, and the rest is held by its children. The root holds its limit.
 * So every byte is counted once on each level, and a limit cannot be passed: there is no moment at which more is granted
 * than a node holds. Internal; fields are plain for speed.
 */
export class BudgetNode {
  readonly children = new Map<string, BudgetNode>();
  readonly waiters = new WaiterQueue<Waiting>();
  /** Children whose first waiter waits for this node's policy: they hold up nobody else. */
  readonly barred = new Set<BudgetNode>();
  readonly reclaimers = new Set<BudgetReclaimer>();
  readonly tree: TreeState;
  readonly name: string;
  readonly parent: BudgetNode | null;
  readonly policy: BudgetPolicy;
  readonly priority: number;
  limit: number;
  guaranteed: number;
  quantum: number;
  /** What its children are guaranteed together. */
  promised = 0;
  held = 0;
  free = 0;
  used = 0;
  closed = false;
  /** Bytes ever granted to those who waited, here and below. */
  granted = 0;
  /** Bytes that came back while reclaimers were asked for its requests, and calls that failed. */
  reclaimed = 0;
  reclaimFailures = 0;

  constructor(name: string, parent: BudgetNode | null, options: NodeOptions) {
    this.name = name;
    this.parent = parent;
    this.tree = parent?.tree ?? { waiting: 0, arrivals: 0, reclaiming: options.reclaiming(this), barred: null };
    this.policy = options.policy;
    this.priority = options.priority;
    this.limit = options.limitBytes;
    this.guaranteed = options.guaranteedBytes;
    this.quantum = options.quantumBytes;
    if (parent === null) {
      this.held = this.limit;
      this.free = this.limit;
    }
  }

  /** Bytes in use by this node's own users and those of all below it. */
  totalUsed(): number {
    let total = this.used;
    for (const child of this.children.values()) total += child.totalUsed();
    return total;
  }

  *allReclaimers(): Generator<BudgetReclaimer> {
    yield* this.reclaimers;
    for (const child of this.children.values()) yield* child.allReclaimers();
  }

  /** A path of names from the root, such as `service/images`. */
  path(): string {
    return this.parent === null ? this.name : `${this.parent.path()}/${this.name}`;
  }

  /**
   * Makes `free` at least `bytes`, with capacity from the parents.
   *
   * @param passed the node at whose queue the asker stands first; it passes the queues from here up to that one
   * @param passing whether it does
   * @returns null when done, otherwise the node that has not got it (or where others wait, or whose policy does not give it:
   *   see `barred`) and nothing has changed
   */
  ensure(bytes: number, passed: BudgetNode | null, passing: boolean): BudgetNode | null {
    this.tree.barred = null;
    if (!passing && this.waiters.size > 0 && this.waiters.peek() !== undefined) return this;
    if (this.free >= bytes) return null;
    const { parent } = this;
    const need = bytes - this.free;
    const room = this.limit - this.held;
    if (parent === null || need > room) return this;
    const allowance = parent.allowanceOf(this, this.held + need);
    if (this.held + need > allowance) {
      this.tree.barred = this;
      return parent;
    }
    const further = passing && this !== passed;
    const rounded = Math.ceil(need / this.quantum) * this.quantum;
    let got = Math.max(need, Math.min(room, rounded, allowance - this.held));
    let blocked = parent.ensure(got, passed, further);
    if (blocked !== null && got > need) {
      got = need;
      blocked = parent.ensure(need, passed, further);
    }
    if (blocked !== null) return blocked;
    // A policy that reserved or closed meanwhile, which it must not, costs its user the answer and never the books.
    if (this.free + got < bytes || this.held + got > this.limit || this.closed) return this;
    parent.free -= got;
    this.held += got;
    this.free += got;
    return null;
  }

  private allowanceOf(child: BudgetNode, wantedBytes: number): number {
    if (this.policy.name === 'greedy' || wantedBytes <= child.guaranteed) return Number.POSITIVE_INFINITY;
    let activeChildren = 0;
    for (const other of this.children.values()) if (other === child || other.held > other.free) activeChildren += 1;
    const { name, priority, held: heldBytes, guaranteed: guaranteedBytes } = child;
    const allowance = this.policy.allowance({
      limitBytes: this.limit,
      usedBytes: this.held - this.free,
      activeChildren,
      child: { name, priority, heldBytes, guaranteedBytes },
      wantedBytes,
    });
    return checkAllowance(this.policy.name, this.path(), allowance);
  }

  /** Takes back what the nodes below hold and do not use, down to their guarantees. */
  harvest(): void {
    for (const child of this.children.values()) {
      child.harvest();
      child.lend(child.free);
    }
  }

  /** Gives capacity that nobody uses to the parent: up to `bytes`, and not what is guaranteed. */
  private lend(bytes: number): void {
    const { parent } = this;
    if (parent === null) return;
    const give = Math.min(bytes, this.free, this.held - this.guaranteed);
    if (give <= 0) return;
    this.held -= give;
    this.free -= give;
    parent.free += give;
  }

  /** After capacity became free here: waiters first, otherwise whatever is more than will soon be needed goes up. */
  settle(): void {
    if (this.tree.waiting > 0) {
      this.serveUp();
      if (this.tree.waiting > 0) this.tree.reclaiming.plan();
      return;
    }
    if (this.parent === null || this.free <= 2 * this.quantum) return;
    this.lend(Math.floor((this.free - this.quantum) / this.quantum) * this.quantum);
    this.parent.settle();
  }

  /** Serves those who wait here or above and can be served. */
  serveUp(): void {
    for (let node: BudgetNode | null = this; node !== null; node = node.parent) node.serve();
  }

  /** Serves those who wait here, strictly in their order, and those of children that wait for the policy. */
  private serve(): void {
    this.serveOwn();
    if (this.barred.size === 0) return;
    const again = [...this.barred];
    this.barred.clear();
    for (const child of again) child.serve();
    this.serveOwn(); // whom the policy lets grow now may stand here since then
  }

  private serveOwn(): void {
    for (let waiter = this.waiters.peek(); waiter !== undefined; waiter = this.waiters.peek()) {
      if (!this.serveFirst(waiter)) return;
    }
  }

  /** False when the first one must go on waiting here; who lacks something of another node waits there from now on. */
  private serveFirst(waiter: Waiting): boolean {
    const { node, bytes } = waiter;
    let blocked: BudgetNode | null;
    try {
      blocked = node.ensure(bytes, this, true);
      if (blocked === this || this.tree.barred !== null) {
        blocked?.harvest();
        blocked = node.ensure(bytes, this, true);
      }
    } catch (error) {
      // A policy threw: that is the answer of the one who asked, not of the one whose release led here.
      if (!waiter.done) this.fail(waiter, error);
      return true;
    }
    if (waiter.done || this.waiters.peek() !== waiter) return true; // by the policy: it aborted, or called acquire()
    if (blocked === null) {
      this.waiters.pop();
      node.free -= bytes;
      node.used += bytes;
      for (let up: BudgetNode | null = node; up !== null; up = up.parent) up.granted += bytes;
      waiter.done = true;
      this.tree.waiting -= 1;
      waiter.grant();
      return true;
    }
    if (blocked.placeFor() !== this) {
      this.waiters.pop();
      blocked.placeFor().enqueue(waiter); // settle() comes by there next
      return true;
    }
    // Nothing is in use that could be released: it would wait for ever, and hold up others.
    if (blocked.totalUsed() > 0) return false;
    this.fail(waiter, beyondReach(node, bytes, blocked, this.tree.barred !== null));
    return true;
  }

  private fail(waiter: Waiting, error: unknown): void {
    waiter.done = true;
    waiter.at.waiters.noteGone();
    this.tree.waiting -= 1;
    waiter.fail(error);
  }

  /** The node on the way up that could not give so much if everything in use were released; null where there is none. */
  unreachable(bytes: number): BudgetNode | null {
    let own = 0;
    for (let node: BudgetNode | null = this; node !== null; node = node.parent) {
      if (bytes > node.limit - node.promised + own) return node;
      own = node.guaranteed;
    }
    return null;
  }

  /** Where to wait after ensure() named this node: here, or at the child that the policy bars, which holds up no other one. */
  placeFor(): BudgetNode {
    const { barred } = this.tree;
    if (barred === null) return this;
    this.barred.add(barred);
    return barred;
  }

  enqueue(waiter: Waiting): void {
    waiter.at = this;
    this.waiters.push(waiter);
  }

  /** Takes the node out of the tree; everything it holds goes back. */
  detach(): void {
    const { parent } = this;
    if (parent === null) return;
    parent.children.delete(this.name);
    parent.barred.delete(this);
    parent.promised -= this.guaranteed;
    parent.free += this.held;
    this.held = 0;
    this.free = 0;
    parent.settle();
  }
}

/** The error for a request that no state of the tree can serve. */
export function beyondReach(budget: BudgetNode, bytes: number, narrow: BudgetNode, byPolicy = false): MemoryError {
  const { policy, limit } = narrow;
  const path = narrow.path();
  let most = `the limit of '${path}', ${limit} bytes`;
  if (bytes <= limit) most = `'${path}' has beside what it guarantees to others`;
  if (byPolicy) most = `the policy '${policy.name}' of '${path}' lets it have, even with nothing in use`;
  return memoryError('ERR_MEMORY_TOO_LARGE', `budget '${budget.path()}': ${bytes} bytes are more than ${most}`, {
    requestedBytes: bytes,
    limitBytes: limit,
    source: path,
  });
}
