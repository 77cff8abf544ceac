import type { Topology } from '../../../platform';
import { indent, inner, section } from '../../render/layout';
import { matrix, table } from '../../render/table';
import type { View } from '../../render/view';
import { ranges } from './common';

/**
 * Distances between nodes: a matrix where it fits; else a matrix of groups whose nodes see the machine alike; else a
 * table of those groups with a column for each distance. 64 nodes stay readable.
 */
export function distances({ nodes }: Topology, view: View): string[] {
  // Offline nodes have no row, and a machine without distances has nothing to show.
  const shown = nodes.filter((node) => node.distances.some((distance) => distance !== null));
  if (shown.length < 2) return [];
  const columns = shown.map((node) => nodes.indexOf(node));
  const cells = shown.map((node) => columns.map((column) => node.distances[column] ?? null));
  const ids = shown.map((node) => node.id);
  const room = inner(view);
  const whole = matrix(
    room,
    ids.map(String),
    cells.map((row) => row.map(cellText)),
  );
  if (whole !== null) return section(view, 'Distances', indent(whole), '10 is local');
  const groups = alike(cells);
  const isSmaller = groups.length < ids.length;
  return (isSmaller ? grouped(view, ids, cells, groups) : null) ?? byDistance(view, ids, cells, groups);
}

function cellText(distance: number | null | undefined): string {
  return distance == null ? '?' : String(distance);
}

type Cells = readonly (readonly (number | null)[])[];

/** Positions of nodes that have the same distance to and from every third node, in their order. */
export function alike(cells: Cells): number[][] {
  const groups: number[][] = [];
  for (const index of cells.keys()) {
    const group = groups.find(([first]) => first !== undefined && areAlike(cells, first, index));
    if (group === undefined) groups.push([index]);
    else group.push(index);
  }
  return groups;
}

function areAlike(cells: Cells, a: number, b: number): boolean {
  if (cells[a]?.[b] !== cells[b]?.[a] || cells[a]?.[a] !== cells[b]?.[b]) return false;
  return cells.every((row, k) => k === a || k === b || (row[a] === row[b] && cells[a]?.[k] === cells[b]?.[k]));
}

function grouped(view: View, ids: readonly number[], cells: Cells, groups: readonly number[][]): string[] | null {
  const names = groups.map((group) => nameOf(ids, group));
  const texts = groups.map((from) => groups.map((to) => cellText(distanceOf(cells, from, to))));
  const drawn = matrix(inner(view), names, texts);
  if (drawn === null) return null;
  const aside = `nodes of a group see the machine alike; a node to itself is ${cellText(cells[0]?.[0])}`;
  return section(view, 'Distances', indent(drawn), aside);
}

function nameOf(ids: readonly number[], group: readonly number[]): string {
  return ranges(group.map((index) => ids[index] ?? 0));
}

/** Between two groups, or between the nodes of one: any pair stands for all. */
function distanceOf(cells: Cells, from: readonly number[], to: readonly number[]): number | null {
  const [first = 0, second = first] = from;
  return (from === to ? cells[first]?.[second] : cells[first]?.[to[0] ?? 0]) ?? null;
}

/** A column for each distance, with the nodes that are so far away. */
function byDistance(view: View, ids: readonly number[], cells: Cells, groups: readonly number[][]): string[] {
  const near = groups.map((from) => {
    const found = new Map<number, number[]>();
    for (const to of groups) {
      const distance = distanceOf(cells, from, to);
      if (distance === null || (from === to && from.length === 1)) continue;
      found.set(
        distance,
        [...(found.get(distance) ?? []), ...to].sort((a, b) => a - b),
      );
    }
    return found;
  });
  const steps = [...new Set(near.flatMap((found) => [...found.keys()]))].sort((a, b) => a - b);
  const columns = [{ title: 'nodes' }, ...steps.map((step) => ({ title: `at ${step}`, least: 10 }))];
  const rows = groups.map((from, index) => [
    nameOf(ids, from),
    ...steps.map((step) => nameOf(ids, near[index]?.get(step) ?? []).replace('none', '')),
  ]);
  const lines = indent(table(inner(view), columns, rows));
  return section(view, 'Distances', lines, `a node to itself is ${cellText(cells[0]?.[0])}`);
}
