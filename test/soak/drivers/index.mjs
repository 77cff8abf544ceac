// What the soak drives beside plain regions. A driver is {name, needs, make}: it takes part where the package has every
// class that `needs` names. `make(world)` gives {step, check, rest}: one random operation, a look at everything it holds
// against what was written there, and giving everything back. To add a class: an entry in one of these files.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { adaptorDrivers } from './adaptors.mjs';
import { allocatorDrivers } from './allocators.mjs';
import { arenaDrivers } from './arenas.mjs';
import { monitorDrivers } from './monitor.mjs';
import { providerDrivers } from './providers.mjs';
import { witnessDrivers } from './witness.mjs';

const DRIVERS = [
  ...witnessDrivers,
  ...providerDrivers,
  ...allocatorDrivers,
  ...adaptorDrivers,
  ...arenaDrivers,
  ...monitorDrivers,
];
const FOLDERS = ['allocators', 'tracking', 'budgets', 'compression', 'arenas', 'pools', 'caches'];

/** Everything the package exports, and what its folders export that its front does not yet. */
export function everything(root, require) {
  const all = {};
  for (const folder of FOLDERS) {
    const top = join(root, 'dist', folder);
    const inner = existsSync(top)
      ? readdirSync(top, { withFileTypes: true }).filter((entry) => entry.isDirectory())
      : [];
    for (const path of [...inner.map(({ name }) => join(top, name)), top]) {
      const file = join(path, 'index.js');
      if (existsSync(file)) Object.assign(all, require(file));
    }
  }
  return Object.assign(all, require(join(root, 'dist', 'index.js')));
}

export function present(lib) {
  return DRIVERS.filter(({ needs }) => needs.every((name) => typeof lib[name] === 'function'));
}
