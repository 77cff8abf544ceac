import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { filesBelow, importsOf, type Problem, read } from './source';

/** The step of every folder under lib/. A file imports only from lower steps, and only through their index.ts. */
export const STEPS: Readonly<Record<string, number>> = {
  core: 0,
  platform: 1,
  allocators: 2,
  tracking: 3,
  budgets: 3,
  monitor: 3,
  compression: 3,
  arenas: 4,
  pools: 4,
  caches: 4,
  manager: 5,
  system: 6,
  telemetry: 7,
  cli: 7,
};

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly line: number;
}

/** The file that a relative import names, from the package root; undefined when there is none. */
function resolveImport(root: string, from: string, specifier: string): string | undefined {
  const base = posix.join(posix.dirname(from), specifier);
  const plain = base.replace(/\.[cm]?js$/, '');
  const candidates = [`${plain}.ts`, `${plain}.mts`, `${plain}/index.ts`, base];
  return candidates.find((file) => existsSync(join(root, file)) && /\.[a-z]+$/.test(posix.basename(file)));
}

function libEdges(root: string, problems: Problem[]): Edge[] {
  const edges: Edge[] = [];
  for (const from of filesBelow(root, 'lib', /\.[cm]?ts$/)) {
    for (const { specifier, line } of importsOf(read(root, from))) {
      if (!specifier.startsWith('.')) continue;
      const to = resolveImport(root, from, specifier);
      if (to === undefined) problems.push(`${from}:${line} imports '${specifier}', which does not exist`);
      else edges.push({ from, to, line });
    }
  }
  return edges;
}

/** The folder directly under lib/, or undefined for a file that stands there itself. */
function folderOf(file: string): string | undefined {
  const parts = file.split('/');
  return parts[0] === 'lib' && parts.length > 2 ? parts[1] : undefined;
}

function checkEdge({ from, to, line }: Edge): Problem | undefined {
  const at = `${from}:${line}`;
  if (!to.startsWith('lib/')) return to.endsWith('.json') ? undefined : `${at} imports ${to}, outside lib/`;
  const fromFolder = folderOf(from);
  const toFolder = folderOf(to);
  if (fromFolder === toFolder && fromFolder !== undefined) return undefined;
  if (toFolder === undefined) return `${at} imports ${to}: the root is the top step, nothing imports it`;
  const fromStep = fromFolder === undefined ? Number.POSITIVE_INFINITY : (STEPS[fromFolder] ?? Number.NaN);
  const toStep = STEPS[toFolder] ?? Number.NaN;
  if (fromStep === toStep) return `${at} imports ${to}: both folders stand on step ${toStep}`;
  if (fromStep < toStep) return `${at} imports ${to}: step ${fromStep} may not know step ${toStep}`;
  if (to !== `lib/${toFolder}/index.ts`) return `${at} imports ${to}: go through lib/${toFolder}/index.ts`;
  return undefined;
}

/** One cycle among the files, as the list of its files, or undefined. */
function findCycle(edges: readonly Edge[]): string[] | undefined {
  const targets = new Map<string, Set<string>>();
  for (const { from, to } of edges) {
    const known = targets.get(from) ?? new Set<string>();
    targets.set(from, known.add(to));
  }
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): string[] | undefined => {
    const start = path.indexOf(file);
    if (start !== -1) return [...path.slice(start), file];
    if (done.has(file)) return undefined;
    path.push(file);
    for (const next of targets.get(file) ?? []) {
      const cycle = visit(next);
      if (cycle) return cycle;
    }
    path.pop();
    done.add(file);
    return undefined;
  };
  for (const file of targets.keys()) {
    const cycle = visit(file);
    if (cycle) return cycle;
  }
  return undefined;
}

/** The staircase rule of lib/, and no cycles between files. */
export function checkStaircase(root: string): Problem[] {
  const problems: Problem[] = [];
  const unknown = new Set<string>();
  for (const file of filesBelow(root, 'lib', /\.[cm]?ts$/)) {
    const folder = folderOf(file);
    if (folder !== undefined && STEPS[folder] === undefined) unknown.add(folder);
  }
  for (const folder of unknown) problems.push(`lib/${folder}:1 has no step; give it one in the staircase rule`);
  const edges = libEdges(root, problems);
  for (const edge of edges) {
    const problem = checkEdge(edge);
    if (problem) problems.push(problem);
  }
  const cycle = findCycle(edges);
  if (cycle) {
    const first = edges.find(({ from, to }) => from === cycle[0] && to === cycle[1]);
    problems.push(`${cycle[0]}:${first?.line ?? 1} is in an import cycle: ${cycle.join(' -> ')}`);
  }
  return problems;
}

const LOADER = 'lib/platform/native/load.ts';
// A path that ends in .node, or the call that loads one. Built from parts: this file must not match itself.
const NATIVE_LOAD = new RegExp(`\\.node['"\`]|process\\.dlopen|['"]${'bindings'}['"]|node-gyp-build`, 'g');

/** The .node file is loaded in one place. */
export function checkSingleLoader(root: string): Problem[] {
  return filesBelow(root, 'lib', /\.[cm]?ts$/)
    .filter((file) => file !== LOADER)
    .flatMap((file) =>
      read(root, file)
        .split('\n')
        .flatMap((text, index) =>
          !/^\s*(\/\/|\*)/.test(text) && text.match(NATIVE_LOAD)
            ? [`${file}:${index + 1} names a native binary; only ${LOADER} loads it`]
            : [],
        ),
    );
}
