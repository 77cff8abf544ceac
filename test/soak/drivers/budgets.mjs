// Trees of budgets against a model: on every level what is reserved is what was given out, and never more than the limit.
import { manualClock } from './clock.mjs';

const MOST_NODES = 12;
const REFUSED = ['BUDGET_EXCEEDED', 'TOO_LARGE'];
const ENDED = ['TIMEOUT', 'ABORTED', 'CLOSED', ...REFUSED].map((code) => `ERR_MEMORY_${code}`);
const POLICIES = [
  'greedy',
  'fairShare',
  'priority',
  { name: 'half', allowance: ({ limitBytes, child }) => Math.max(child.guaranteedBytes, limitBytes / 2) },
];

function treeDriver(world) {
  const { MemoryBudget } = world.lib;
  const size = () => (world.chance(10) ? 1 + (world.next() % 60_000) : 1 + (world.next() % 2000));
  let clock;
  let nodes = [];
  const pending = new Set();
  let serial = 0;

  function enter(budget, parent) {
    const node = { budget, parent, children: [], own: 0, stash: 0, held: new Set(), asked: 0 };
    nodes.push(node);
    parent?.children.push(node);
    budget.addReclaimer({
      name: `stash ${serial}`,
      priority: world.next() % 100,
      reclaimableBytes: () => node.stash,
      reclaim(targetBytes) {
        if (world.chance(10)) throw new Error('as it should');
        const bytes = Math.min(node.stash, targetBytes + (world.next() % 100));
        const give = () => {
          const given = Math.min(bytes, node.stash);
          node.stash -= given;
          budget.release(given);
          return given;
        };
        return world.chance(20) ? Promise.resolve().then(give) : give();
      },
    });
    return node;
  }
  function open() {
    clock = manualClock();
    enter(
      world.met(new MemoryBudget('root', { limitBytes: 100_000, timers: clock.timers, policy: world.pick(POLICIES) })),
      null,
    );
  }
  const reservedIn = (node) => [...node.held].reduce((sum, one) => sum + (one.state === 'held' ? one.bytes : 0), 0);
  const ownOf = (node) => node.own + node.stash + reservedIn(node);
  const usedOf = (node) => ownOf(node) + node.children.reduce((sum, child) => sum + usedOf(child), 0);

  function look(node) {
    const { limitBytes, usedBytes } = node.budget;
    const { ownBytes, name } = node.budget.stats();
    if (usedBytes > limitBytes) throw new Error(`budget ${name}: ${usedBytes} bytes in use of ${limitBytes}`);
    const known = ownOf(node);
    if (ownBytes < known || ownBytes > known + node.asked) {
      throw new Error(`budget ${name}: ${ownBytes} bytes in the books, ${known} given out and ${node.asked} asked for`);
    }
    // What a waiter was granted is known here only when its promise has been heard.
    if (pending.size === 0 && usedBytes !== usedOf(node)) {
      throw new Error(`budget ${name}: ${usedBytes} bytes in use with its children, ${usedOf(node)} given out`);
    }
  }

  function wait(node) {
    const bytes = size();
    const stop = new AbortController();
    const options = { priority: world.next() % 100, signal: stop.signal };
    if (world.chance(60)) options.deadlineMs = world.next() % 5000;
    node.asked += bytes;
    const entry = { stop };
    pending.add(entry);
    entry.done = node.budget.acquire(bytes, options).then(
      (reservation) => {
        node.held.add(world.met(reservation));
      },
      (error) => {
        if (!ENDED.includes(error.code)) world.unexpected(error);
      },
    );
    entry.done = entry.done.finally(() => {
      pending.delete(entry);
      node.asked -= bytes;
    });
  }

  function withReservation(node) {
    const one = world.pick([...node.held]);
    const choice = world.next() % 7;
    if (choice === 0) one.grow(size());
    else if (choice === 1) one.tryGrow(size());
    else if (choice === 2) one.shrink(world.next() % (one.bytes + 1));
    else if (choice === 3 && one.bytes > 1) node.held.add(one.split(1 + (world.next() % (one.bytes - 1))));
    else if (choice === 4) {
      node.own += one.claim();
      node.held.delete(one);
    } else {
      node.held.delete(one);
      one[Symbol.dispose]();
    }
  }

  function close(node) {
    node.budget.close();
    nodes = nodes.filter((each) => each !== node);
    node.parent?.children.splice(node.parent.children.indexOf(node), 1);
  }

  const acts = [
    (node) => {
      if (nodes.length >= MOST_NODES) return;
      const limit = node.budget.limitBytes;
      const limitBytes = Math.max(1, world.next() % limit);
      const options = { limitBytes, priority: world.next() % 100, policy: world.pick(POLICIES) };
      if (world.chance(30)) options.guaranteedBytes = world.next() % limitBytes;
      if (world.chance(50)) options.quantumBytes = 1 + (world.next() % 5000);
      serial += 1;
      enter(node.budget.child(`child ${serial}`, options), node);
    },
    (node) => {
      const bytes = size();
      node.budget.reserve(bytes);
      node.own += bytes;
    },
    (node) => {
      const bytes = size();
      if (node.budget.tryReserve(bytes)) node.own += bytes;
    },
    (node) => {
      if (node.own === 0) return;
      const bytes = 1 + (world.next() % node.own);
      node.budget.release(bytes);
      node.own -= bytes;
    },
    (node) => {
      const bytes = size();
      if (node.budget.tryReserve(bytes)) node.stash += bytes;
    },
    (node) => {
      const options = { mode: world.pick(['strict', 'elastic', 'bestEffort']) };
      if (world.chance(30)) options.expiresMs = 1 + (world.next() % 3000);
      node.held.add(world.met(node.budget.reservation(size(), options)));
    },
    (node) => {
      if (node.held.size > 0) withReservation(node);
    },
    (node) => {
      if (pending.size < 30) wait(node);
    },
    () => {
      if (pending.size > 0 && world.chance(30)) world.pick([...pending]).stop.abort();
    },
    () => clock.advance(world.next() % 1000),
    (node) => {
      const { limitBytes } = node.budget;
      node.budget.resize(Math.max(1, Math.floor((limitBytes * (80 + (world.next() % 50))) / 100)));
    },
    (node) => {
      if (node.parent !== null && node.asked === 0 && world.chance(20)) close(node);
    },
  ];

  return {
    step() {
      if (nodes.length === 0) open();
      const node = world.pick(nodes);
      world.attempt(() => world.pick(acts)(node), REFUSED);
      for (const each of node.held) if (each.state !== 'held') node.held.delete(each); // expired
      look(node);
    },
    check() {
      for (const node of nodes) look(node);
    },
    async rest() {
      if (nodes.length === 0) return;
      this.check();
      for (const { stop } of pending) stop.abort();
      await Promise.all([...pending].map(({ done }) => done));
      await new Promise((resolve) => setImmediate(resolve)); // reclaimers that promised
      for (const node of [...nodes].reverse()) {
        for (const one of node.held) one[Symbol.dispose]();
        if (node.own > 0) node.budget.release(node.own);
        if (node.stash > 0) node.budget.release(node.stash);
        Object.assign(node, { own: 0, stash: 0, held: new Set() });
      }
      const { usedBytes, waiting } = nodes[0].budget.stats();
      if (usedBytes !== 0 || waiting !== 0)
        throw new Error(`budgets: ${usedBytes} bytes and ${waiting} waiters are left`);
      while (nodes.length > 0) close(nodes.find(({ children }) => children.length === 0));
      if (clock.pending !== 0) throw new Error(`budgets: ${clock.pending} timers are left`);
    },
  };
}

export const budgetDrivers = [
  { name: 'budget trees', drives: ['MemoryBudget', 'Reservation'], make: treeDriver },
  {
    name: 'shared budget',
    drives: ['SharedBudget'],
    make: (world) => sharedBudgetDriver(world),
  },
];

/** Two members in this thread and one in each worker, some of which are terminated with bytes reserved. */
function sharedBudgetDriver(world) {
  const { SharedBudget } = world.lib;
  const LIMIT = 1_000_000;
  let members = [];

  const look = () => {
    for (const { budget, own } of members) {
      const { usedBytes, limitBytes } = budget;
      if (usedBytes > limitBytes) throw new Error(`shared budget: ${usedBytes} bytes in use of ${limitBytes}`);
      const sum = own.reduce((total, bytes) => total + bytes, 0);
      const { ownBytes } = budget.stats();
      if (ownBytes !== sum) throw new Error(`shared budget: ${ownBytes} bytes in the books, ${sum} reserved`);
    }
  };
  return {
    step() {
      world.attempt(() => {
        if (members.length === 0) {
          const options = { limitBytes: LIMIT, quantumBytes: 1 + (world.next() % 20_000) };
          members.push({ budget: world.met(SharedBudget.create('soak', options)), own: [] });
        } else if (members.length === 1)
          members.push({ budget: SharedBudget.attach(members[0].budget.handle), own: [] });
      });
      if (members.length === 0) return;
      const { budget, own } = world.pick(members);
      world.attempt(() => {
        const bytes = 1 + (world.next() % 30_000);
        const choice = world.next() % 10;
        if (choice < 4) {
          if (budget.tryReserve(bytes)) own.push(bytes);
        } else if (choice < 5) {
          budget.reserve(bytes);
          own.push(bytes);
        } else if (choice < 8) {
          if (own.length > 0) budget.release(own.splice(world.next() % own.length, 1)[0]);
        } else if (choice < 9) {
          const message = {
            kind: 'budget',
            handle: budget.handle,
            seed: world.next(),
            count: world.next() % 30,
            most: 30_000,
          };
          world.crew.tell(world, message);
        } else {
          const reservation = world.met(budget.reservation(bytes));
          if (world.chance(50)) own.push(reservation.claim());
          else reservation.cancel();
        }
      }, ['BUDGET_EXCEEDED']);
      if (world.chance(2)) look();
    },
    check: look,
    async rest() {
      if (members.length === 0) return;
      look();
      for (const { budget, own } of members) for (const bytes of own.splice(0)) budget.release(bytes);
      // Nobody else is left; the share of those who were terminated comes back, also to whoever waits for all of it.
      const [{ budget }] = members;
      for (const { budget: other } of members.slice(1).reverse()) other.close();
      const all = await budget.acquire(budget.limitBytes, { deadlineMs: 20_000 });
      all.cancel();
      if (budget.usedBytes !== 0) throw new Error(`shared budget: ${budget.usedBytes} bytes are left`);
      const here = budget.stats().members.filter(({ threadId }) => threadId === 0);
      if (here.length !== 1) throw new Error(`shared budget: ${here.length} members when all but one have left`);
      budget.close();
      members = [];
    },
  };
}
