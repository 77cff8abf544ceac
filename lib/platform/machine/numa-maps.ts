/** Where the pages of a range lie. */
export interface NumaPlacement {
  /** The policy as the kernel prints it, such as `default`, `bind:2`, `interleave:0-1`; null when nothing was found. */
  readonly policy: string | null;
  /** Pages by node id; a page has the size `kernelPageBytes`. Nodes without pages are left out. */
  readonly pagesByNode: ReadonlyMap<number, number>;
  readonly bytesByNode: ReadonlyMap<number, number>;
  /** The least page size of the range; null when the kernel does not say. */
  readonly kernelPageBytes: number | null;
  readonly isHuge: boolean;
  /** False when no mapping begins at `start`, so that the numbers are of the mapping around it, or policies differ. */
  readonly exact: boolean;
}

// Two policies have a space in their name: `prefer (many):0-1`, `weighted interleave:0-1`.
const LINE = /^([0-9a-f]{1,16}) ((?:prefer \(many\)|weighted interleave)\S*|\S+)(?: (.*))?$/;

interface Line {
  readonly start: bigint;
  readonly policy: string;
  readonly words: readonly string[];
}

/**
 * Reads /proc/PID/numa_maps, which has a line for each mapping and tells where it begins.
 *
 * @param start the range's first address
 * @param end the address after the last one; default: only the mapping at `start`
 */
export function parseNumaMaps(text: string, start: bigint, end: bigint = start + 1n): NumaPlacement {
  const { lines, exact } = select(text, start, end);
  const pagesByNode = new Map<number, number>();
  const bytesByNode = new Map<number, number>();
  let kernelPageBytes: number | null = null;
  let isHuge = false;
  for (const { words } of lines) {
    const size = /kernelpagesize_kB=(\d+)/.exec(words.join(' '))?.[1];
    const pageBytes = size === undefined ? null : Number(size) * 1024;
    if (pageBytes !== null) kernelPageBytes = Math.min(pageBytes, kernelPageBytes ?? pageBytes);
    isHuge ||= words.includes('huge');
    for (const word of words) {
      const [, node, pages] = /^N(\d+)=(\d+)$/.exec(word) ?? [];
      if (node === undefined || pages === undefined) continue;
      add(pagesByNode, Number(node), Number(pages));
      if (pageBytes !== null) add(bytesByNode, Number(node), Number(pages) * pageBytes);
    }
  }
  const policy = lines[0]?.policy ?? null;
  const isUniform = lines.every((line) => line.policy === policy);
  return { policy, pagesByNode, bytesByNode, kernelPageBytes, isHuge, exact: exact && isUniform };
}

function add(map: Map<number, number>, key: number, amount: number): void {
  map.set(key, (map.get(key) ?? 0) + amount);
}

function select(text: string, start: bigint, end: bigint): { lines: Line[]; exact: boolean } {
  const lines: Line[] = [];
  let before: Line | null = null;
  for (const row of text.split('\n')) {
    const [, address = '', policy = '', rest = ''] = LINE.exec(row) ?? [];
    if (address === '') continue;
    const line = { start: BigInt(`0x${address}`), policy, words: rest.split(' ') };
    if (line.start < start) before = line;
    else if (line.start < end) lines.push(line);
    else break; // mappings are sorted by address
  }
  const exact = lines[0]?.start === start;
  // The kernel may have merged the range with an equal mapping before it.
  if (!exact && before !== null) lines.unshift(before);
  return { lines, exact };
}
