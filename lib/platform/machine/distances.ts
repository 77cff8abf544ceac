import type { DegradedList } from './degraded';

/** The id lists that the columns of a distance row can stand for, the likeliest first. */
export interface DistanceColumns {
  readonly online: readonly number[];
  readonly listed: readonly number[];
  readonly possible: readonly number[];
}

/**
 * The distances of one node to all listed nodes. The kernel prints a number for each online node, by ascending id. A row
 * of another length was printed when other nodes were online: it is read by the list that fits it, or not at all.
 */
export function alignDistances(
  text: string | null,
  node: number,
  columns: DistanceColumns,
  degraded: DegradedList,
): (number | null)[] {
  const nothing = columns.listed.map(() => null);
  const field = `nodes.${node}.distances`;
  if (text === null || text.trim() === '') {
    if (columns.listed.length > 1) degraded.add(field, 'the kernel gives no distances', null);
    return nothing;
  }
  const row = text.trim().split(/\s+/).map(Number);
  const ids = [columns.online, columns.listed, columns.possible].find((list) => list.length === row.length);
  if (ids === undefined) {
    degraded.add(field, `${row.length} distances fit no list of nodes`, 'Bring the offline nodes online.');
    return nothing;
  }
  return columns.listed.map((id) => {
    const distance = row[ids.indexOf(id)];
    if (distance === undefined) return null;
    if (Number.isInteger(distance) && distance >= 1 && distance <= 255) return distance;
    degraded.add(field, `the firmware gives the impossible distance ${distance}`, null);
    return null;
  });
}
