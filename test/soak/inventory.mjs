// Which classes of the package the soak drives. As a program: prints {missing, obsolete} as JSON.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DRIVERS } from './drivers/index.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Classes that no driver drives, and why. */
export const EXCEPTIONS = {
  Region: 'the soak itself: regions.mjs',
  AllocatorAdaptor: 'abstract: its adaptors are driven',
  PressureGauge: 'arithmetic over numbers, inside of every MemoryMonitor',
  BudgetSource: 'reads numbers and holds nothing',
  CgroupEventsSource: 'one of defaultSources(), which the driver of the monitor starts and stops',
  HeapSource: 'one of defaultSources()',
  PsiSource: 'one of defaultSources()',
  SystemdSource: 'one of defaultSources()',
  UtilizationSource: 'one of defaultSources()',
  SmapsReader: 'parses text and holds nothing',
};

const isClass = (value) => typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value));

/**
 * @returns `missing`: classes that are exported and neither driven nor excepted; `obsolete`: names of exceptions and
 *   drivers that the package does not export
 */
export function inventory(lib) {
  const classes = Object.keys(lib).filter((name) => isClass(lib[name]) && !(lib[name].prototype instanceof Error));
  const driven = new Set(DRIVERS.flatMap(({ drives }) => drives));
  return {
    missing: classes.filter((name) => !driven.has(name) && !Object.hasOwn(EXCEPTIONS, name)),
    obsolete: [...driven, ...Object.keys(EXCEPTIONS)].filter((name) => !classes.includes(name)),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lib = createRequire(import.meta.url)(join(ROOT, 'dist', 'index.js'));
  console.log(JSON.stringify(inventory(lib)));
}
