const HEADER = /^([0-9a-f]+)-([0-9a-f]+) [-rwxsp]{4} /;
const RSS = /^Rss:\s+(\d+) kB/;

/** A range of addresses. Below 2^53, so plain numbers carry it exactly. */
export interface AddressRange {
  readonly start: number;
  readonly bytes: number;
}

/**
 * Resident bytes within ranges, from the text of /proc/PID/smaps. A mapping that lies in a range only in part counts with
 * the smaller of its resident bytes and the part, so the sum is an upper bound there.
 *
 * @param ranges ascending and apart
 */
export function residentWithin(text: string, ranges: readonly AddressRange[]): number {
  let total = 0;
  let next = 0;
  let inside = 0;
  for (const line of text.split('\n')) {
    const header = HEADER.exec(line);
    if (header !== null) {
      const from = Number.parseInt(header[1] ?? '0', 16);
      const to = Number.parseInt(header[2] ?? '0', 16);
      while (next < ranges.length && endOf(ranges[next]) <= from) next += 1;
      inside = 0;
      for (let i = next; i < ranges.length && (ranges[i]?.start ?? to) < to; i++) {
        const start = Math.max(from, ranges[i]?.start ?? 0);
        inside += Math.min(to, endOf(ranges[i])) - start;
      }
      continue;
    }
    if (inside === 0) continue;
    const rss = RSS.exec(line);
    if (rss !== null) total += Math.min(inside, Number(rss[1]) * 1024);
  }
  return total;
}

function endOf(range: AddressRange | undefined): number {
  return range === undefined ? 0 : range.start + range.bytes;
}
