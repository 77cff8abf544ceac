import { execFileSync } from 'node:child_process';

/** What hwloc, an independent reader, says of a machine. */
export interface LstopoReading {
  readonly nodes: readonly { readonly id: number; readonly memoryBytes: number; readonly cpus: readonly number[] }[];
  /** Null when hwloc has no matrix of distances between nodes. */
  readonly distances: { readonly ids: readonly number[]; readonly rows: readonly (readonly number[])[] } | null;
}

/** Runs hwloc on a copied machine and reads its XML. */
export function readLstopo(root: string): LstopoReading {
  const env = {
    ...process.env,
    HWLOC_COMPONENTS: 'linux,stop',
    HWLOC_FSROOT: root,
    HWLOC_KEEP_NVIDIA_GPU_NUMA_NODES: '1',
  };
  const xml = execFileSync('lstopo-no-graphics', ['--disallowed', '--of', 'xml'], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const nodes = [...xml.matchAll(/<object type="NUMANode"([^>]*)>/g)].map(([, attributes = '']) => ({
    id: Number(attribute(attributes, 'os_index')),
    memoryBytes: Number(attribute(attributes, 'local_memory') ?? 0),
    cpus: parseBitmap(attribute(attributes, 'cpuset') ?? ''),
  }));
  return { nodes: nodes.sort((a, b) => a.id - b.id), distances: readDistances(xml) };
}

function attribute(text: string, name: string): string | undefined {
  return new RegExp(`\\b${name}="([^"]*)"`).exec(text)?.[1];
}

/** Words of 32 bits such as `0x00000003,0x0`, the highest first; an empty word is 0. */
function parseBitmap(text: string): number[] {
  const bits = BigInt(
    `0x${
      text
        .split(',')
        .map((word) => word.replace('0x', '').padStart(8, '0'))
        .join('') || '0'
    }`,
  );
  const found: number[] = [];
  for (const [index, digit] of [...bits.toString(2)].reverse().entries()) if (digit === '1') found.push(index);
  return found;
}

function readDistances(xml: string): LstopoReading['distances'] {
  const block = /<distances2 type="NUMANode"[^>]*name="NUMALatency"[^>]*>([\s\S]*?)<\/distances2>/.exec(xml)?.[1];
  if (block === undefined) return null;
  const numbers = (tag: string): number[] =>
    [...block.matchAll(new RegExp(`<${tag}[^>]*>([^<]*)</${tag}>`, 'g'))].flatMap(([, text = '']) =>
      text.trim().split(/\s+/).map(Number),
    );
  const ids = numbers('indexes');
  const values = numbers('u64values');
  return { ids, rows: ids.map((_, row) => values.slice(row * ids.length, (row + 1) * ids.length)) };
}
