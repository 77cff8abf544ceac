import type { BudgetPolicy } from './policy';
import { type Waiter, WaiterQueue } from './waiters';

/** A request that waits for capacity of a node. */
export interface Waiting extends Waiter {
  readonly node: BudgetNode;
  /** Where it stands. */
  at: BudgetNode;
  grant(): void;
}

/** What all nodes of one tree share. */
export interface TreeState {
  /** Requests that wait anywhere in the tree. While there are any, nobody is served past them. */
  waiting: number;
  arrivals: number;
  /** True while reclaimers run: what they reserve themselves is served from free capacity only. */
  reclaiming: boolean;
}

export interface NodeOptions {
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
  readonly children = new Set<BudgetNode>();
  readonly waiters = new WaiterQueue<Waiting>();
  readonly tree: TreeState;
  readonly name: string;
  readonly parent: BudgetNode | null;
  readonly policy: BudgetPolicy;
  readonly priority: number;
  limit: number;
  guaranteed: number;
  quantum: number;
  held = 0;
  free = 0;
  used = 0;

  constructor(name: string, parent: BudgetNode | null, options: NodeOptions) {
    this.name = name;
    this.parent = parent;
    this.tree = parent?.tree ?? { waiting: 0, arrivals: 0, reclaiming: false };
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
    for (const child of this.children) total += child.totalUsed();
    return total;
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
   * @returns null when done, otherwise the node that has not got it (or where others wait) and nothing has changed
   */
  ensure(bytes: number, passed: BudgetNode | null, passing: boolean): BudgetNode | null {
    if (!passing && this.waiters.size > 0 && this.waiters.peek() !== undefined) return this;
    if (this.free >= bytes) return null;
    const { parent } = this;
    const need = bytes - this.free;
    const room = this.limit - this.held;
    if (parent === null || need > room) return this;
    const allowance = parent.allowanceOf(this, this.held + need);
    if (this.held + need > allowance) return parent;
    const further = passing && this !== passed;
    const rounded = Math.ceil(need / this.quantum) * this.quantum;
    let got = Math.max(need, Math.min(room, rounded, allowance - this.held));
    let blocked = parent.ensure(got, passed, further);
    if (blocked !== null && got > need) {
      got = need;
      blocked = parent.ensure(need, passed, further);
    }
    if (blocked !== null) return blocked;
    parent.free -= got;
    this.held += got;
    this.free += got;
    return null;
  }

  private allowanceOf(child: BudgetNode, wantedBytes: number): number {
    if (this.policy.name === 'greedy' || wantedBytes <= child.guaranteed) return Number.POSITIVE_INFINITY;
    let activeChildren = 0;
    for (const other of this.children) if (other === child || other.held > other.free) activeChildren += 1;
    const { name, priority, held: heldBytes, guaranteed: guaranteedBytes } = child;
    return this.policy.allowance({
      limitBytes: this.limit,
      usedBytes: this.held - this.free,
      activeChildren,
      child: { name, priority, heldBytes, guaranteedBytes },
      wantedBytes,
    });
  }

  /** Takes back what the nodes below hold and do not use, down to their guarantees. */
  harvest(): void {
    for (const child of this.children) {
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
      for (let node: BudgetNode | null = this; node !== null; node = node.parent) node.serve();
      return;
    }
    if (this.parent === null || this.free <= 2 * this.quantum) return;
    this.lend(Math.floor((this.free - this.quantum) / this.quantum) * this.quantum);
    this.parent.settle();
  }

  /** Serves those who wait here, strictly in their order; who then lacks capacity of a node above waits there. */
  private serve(): void {
    for (let waiter = this.waiters.peek(); waiter !== undefined; waiter = this.waiters.peek()) {
      const { node, bytes } = waiter;
      let blocked = node.ensure(bytes, this, true);
      if (blocked === this) {
        this.harvest();
        blocked = node.ensure(bytes, this, true);
      }
      if (blocked === this) return;
      this.waiters.pop();
      if (blocked === null) {
        node.free -= bytes;
        node.used += bytes;
        waiter.done = true;
        this.tree.waiting -= 1;
        waiter.grant();
      } else {
        blocked.enqueue(waiter); // settle() comes by there next
      }
    }
  }

  enqueue(waiter: Waiting): void {
    waiter.at = this;
    this.waiters.push(waiter);
  }

  /** Takes the node out of the tree; everything it holds goes back. */
  detach(): void {
    const { parent } = this;
    if (parent === null) return;
    parent.children.delete(this);
    parent.free += this.held;
    this.held = 0;
    this.free = 0;
    parent.settle();
  }
}
