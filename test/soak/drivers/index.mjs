// What the soak drives beside plain regions. A driver is {name, drives, needs, make}: `drives` names the classes whose
// objects it makes, each of which the soak must have met in the end; it takes part where the package has those and what
// `needs` names. `make(world)` gives {step, check, rest}: one random operation, a look at everything it holds against what
// was written there, and giving everything back (workers are gone by then). To add a class: an entry in one of these files.
import { adaptorDrivers } from './adaptors.mjs';
import { allocatorDrivers } from './allocators.mjs';
import { arenaDrivers } from './arenas.mjs';
import { budgetedDrivers } from './budgeted.mjs';
import { budgetDrivers } from './budgets.mjs';
import { bytePoolDrivers } from './byte-pools.mjs';
import { managerDrivers } from './managers.mjs';
import { monitorDrivers } from './monitor.mjs';
import { objectPoolDrivers } from './object-pools.mjs';
import { providerDrivers } from './providers.mjs';
import { recordDrivers } from './records.mjs';
import { sharedDrivers } from './shared.mjs';
import { streamDrivers } from './streams.mjs';
import { systemDrivers } from './systems.mjs';
import { witnessDrivers } from './witness.mjs';

export const DRIVERS = [
  ...budgetedDrivers, // first: its rest calls the collector, and those after it must leave nothing to that
  ...witnessDrivers,
  ...providerDrivers,
  ...allocatorDrivers,
  ...sharedDrivers,
  ...adaptorDrivers,
  ...arenaDrivers,
  ...recordDrivers,
  ...streamDrivers,
  ...budgetDrivers,
  ...objectPoolDrivers,
  ...bytePoolDrivers,
  ...monitorDrivers,
  ...managerDrivers,
  ...systemDrivers,
];

/** Those whose classes the package has, and whose name contains `word`. */
export function present(lib, word) {
  const has = ({ drives, needs = [] }) => [...drives, ...needs].every((name) => typeof lib[name] === 'function');
  return DRIVERS.filter((driver) => driver.name.includes(word) && has(driver));
}
