import type { BudgetNode, TreeReclaiming, Waiting } from './node';
import { type BudgetReclaimer, inOrder } from './reclaimer';

/**
 * Who asks the reclaimers of one tree, for whom and how often.
 *
 * They are asked for a request that is short, and for the first in a queue: when another request meets the queue, and,
 * in a microtask of its own, after something happened that may help: a release, an answer, a reclaimer that came, a
 * waiter that left. No round is endless: for the same waiter a reclaimer is asked again only once less is tied up than
 * when it was asked last, and nothing that a reclaimer does starts a round inside the running one.
 */
export class Reclaiming implements TreeReclaiming {
  /** Reclaimers of the whole tree: without any there is nothing to do. */
  count = 0;
  /** True while reclaimers run: what they reserve themselves is served from free capacity only. */
  running = false;
  private planned = false;
  /** Something happened while reclaimers ran. */
  private again = false;
  private readonly busy = new WeakSet<BudgetReclaimer>();
  private readonly root: BudgetNode;

  constructor(root: BudgetNode) {
    this.root = root;
  }

  /** For a request that nobody stands before. True when `node` has the bytes free. */
  provide(node: BudgetNode, bytes: number, refusing: BudgetNode): boolean {
    if (this.running || this.count === 0) return false;
    try {
      return this.rounds(node, bytes, refusing, new Map(), null);
    } finally {
      this.planAgain();
    }
  }

  /** For those who wait between `from` and the root, before a request from there is refused because of them. */
  hurry(from: BudgetNode): void {
    if (this.running || this.count === 0) return;
    for (let at: BudgetNode | null = from; at !== null; at = at.parent) this.helpQueue(at, true);
    this.planAgain();
  }

  /** For all who wait, soon: not now, for whoever releases may be at work on what a reclaimer would touch. */
  plan(): void {
    if (this.running) this.again = true;
    if (this.planned || this.running || this.count === 0) return;
    this.planned = true;
    queueMicrotask(this.rush);
  }

  private planAgain(): void {
    if (this.running || !this.again) return;
    this.again = false;
    this.plan();
  }

  private readonly rush = (): void => {
    const { tree } = this.root;
    const { arrivals } = tree;
    this.planned = false;
    this.helpBelow(this.root);
    if (tree.arrivals === arrivals) this.planAgain();
    this.again = false; // a reclaimer that waits itself could go on without end
  };

  /** Children first: who is served by one may wait at its parent from then on. */
  private helpBelow(node: BudgetNode): void {
    if (node.tree.waiting === 0) return;
    for (const child of [...node.children.values()]) this.helpBelow(child);
    this.helpQueue(node, false);
  }

  private helpQueue(at: BudgetNode, eager: boolean): void {
    let first = at.waiters.peek();
    for (let left = at.waiters.size; left > 0 && first !== undefined; left -= 1) {
      try {
        this.help(first, at, eager);
      } catch {
        at.serveUp(); // a policy threw: that is told to the one who waits
      }
      const next = at.waiters.peek();
      if (next === first) return;
      first = next;
    }
  }

  /** For the first who waits at `at`. `eager`: also those who gave nothing before. */
  private help(first: Waiting, at: BudgetNode, eager: boolean): void {
    const { node, bytes } = first;
    let blocked = node.ensure(bytes, at, true);
    if (blocked !== null) {
      blocked.harvest();
      blocked = node.ensure(bytes, at, true);
    }
    if (blocked === null || blocked.placeFor() !== at) {
      at.serveUp();
      return;
    }
    if (eager || first.asked === null || first.short !== blocked) first.asked = new Map();
    first.short = blocked;
    this.rounds(node, bytes, blocked, first.asked, first);
  }

  /** Asks until the bytes are there, or until a whole round set nothing free. */
  private rounds(
    node: BudgetNode,
    bytes: number,
    refusing: BudgetNode,
    asked: Map<BudgetReclaimer, number>,
    first: Waiting | null,
  ): boolean {
    const at = first?.at ?? null;
    this.running = true;
    try {
      for (let tied = tiedUp(node, refusing); ; ) {
        for (const reclaimer of inOrder(this.ready(refusing, asked, tied))) {
          asked.set(reclaimer, tiedUp(node, refusing));
          this.ask(node, reclaimer, Math.max(1, lacking(node, bytes, refusing)), refusing);
          if (first === null ? node.closed : first.done || first.at !== at) return false;
          refusing.harvest();
          if (node.ensure(bytes, at, at !== null) !== null) continue;
          at?.serveUp();
          return true;
        }
        const before = tied;
        tied = tiedUp(node, refusing);
        if (tied >= before) return false;
      }
    } finally {
      this.running = false;
    }
  }

  private *ready(refusing: BudgetNode, asked: Map<BudgetReclaimer, number>, tied: number): Generator<BudgetReclaimer> {
    for (const reclaimer of refusing.allReclaimers()) {
      if (!this.busy.has(reclaimer) && tied < (asked.get(reclaimer) ?? Number.POSITIVE_INFINITY)) yield reclaimer;
    }
  }

  private ask(node: BudgetNode, reclaimer: BudgetReclaimer, targetBytes: number, refusing: BudgetNode): void {
    const before = refusing.totalUsed() - refusing.granted;
    try {
      const answer = reclaimer.reclaim(targetBytes);
      if (typeof answer !== 'number') this.await(node, reclaimer, answer);
    } catch {
      node.reclaimFailures += 1; // the next one is asked; stats() tells
    }
    node.reclaimed += Math.max(0, before - refusing.totalUsed() + refusing.granted);
  }

  /** Not asked again before it has answered; then those who wait go on. */
  private await(node: BudgetNode, reclaimer: BudgetReclaimer, answer: unknown): void {
    this.busy.add(reclaimer);
    const ended = (): void => {
      this.busy.delete(reclaimer);
      if (this.root.tree.waiting > 0) this.plan();
    };
    new Promise((resolve) => resolve(answer)).then(ended, () => {
      node.reclaimFailures += 1;
      ended();
    });
  }
}

/** What is in use at `refusing` or held below it, but for what is free on the way down to `node`. */
function tiedUp(node: BudgetNode, refusing: BudgetNode): number {
  let tied = refusing.held - refusing.free;
  for (let at = node; at !== refusing && at.parent !== null; at = at.parent) tied -= at.free;
  return tied;
}

/** What is missing for a request after all that is free on its way; a policy does not tell how much it wants. */
function lacking(node: BudgetNode, bytes: number, refusing: BudgetNode): number {
  if (node.tree.barred !== null) return bytes - node.free;
  return bytes - refusing.limit + tiedUp(node, refusing);
}
