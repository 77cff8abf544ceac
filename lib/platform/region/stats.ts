import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { memoryError } from '../../core';
import { type PageStats, parseNumaMaps, SmapsReader } from '../machine';
import { type Failure, isFailure, type NativeHolder, native, unwrap } from '../native';
import { countNodes } from './numa-policy';

/** Where the pages of a range lie. */
export interface NodeReport {
  /** Pages by node. */
  readonly nodes: ReadonlyMap<number, number>;
  /** Pages that are not present yet. */
  readonly absentPages: number;
  readonly pageBytes: number;
  /** `numa_maps` covers the whole region: it is read where move_pages is blocked. */
  readonly source: 'move_pages' | 'numa_maps';
}

const PIECE_BYTES = 1 << 18;

/** Reads /proc/self/smaps as far as the region. @throws ERR_MEMORY_UNSUPPORTED */
export function readPageStats(what: string, holder: NativeHolder): PageStats {
  const { address, mappedBytes } = unwrap(native().describe(holder), () => ({ what }));
  const start = BigInt(address);
  const reader = new SmapsReader(start, start + BigInt(mappedBytes));
  let file: number;
  try {
    file = openSync('/proc/self/smaps', 'r');
  } catch (cause) {
    throw memoryError('ERR_MEMORY_UNSUPPORTED', `${what}: /proc/self/smaps cannot be read`, { cause });
  }
  try {
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    for (;;) {
      const length = readSync(file, piece, 0, PIECE_BYTES, null);
      if (length === 0 || reader.isPast) return reader.finish();
      reader.push(piece.toString('latin1', 0, length));
    }
  } finally {
    closeSync(file);
  }
}

function fromNumaMaps(what: string, holder: NativeHolder, failure: Failure): NodeReport {
  const { address, mappedBytes, pageBytes } = unwrap(native().describe(holder), () => ({ what }));
  let text: string;
  try {
    text = readFileSync('/proc/self/numa_maps', 'latin1');
  } catch {
    return unwrap<NodeReport>(failure, () => ({ what }));
  }
  const start = BigInt(address);
  const found = parseNumaMaps(text, start, start + BigInt(mappedBytes));
  const present = [...found.pagesByNode.values()].reduce((sum, pages) => sum + pages, 0);
  return {
    nodes: found.pagesByNode,
    absentPages: Math.max(0, mappedBytes / pageBytes - present),
    pageBytes,
    source: 'numa_maps',
  };
}

/** @throws ERR_MEMORY_PERMISSION, ERR_MEMORY_NUMA_UNAVAILABLE where the kernel does not tell */
export function readNodes(what: string, holder: NativeHolder, offset: number, length: number): NodeReport {
  const { pageBytes } = unwrap(native().describe(holder), () => ({ what }));
  const found = countNodes(holder, offset, length, pageBytes);
  if (!isFailure(found)) return { nodes: found.counts, absentPages: found.absent, pageBytes, source: 'move_pages' };
  return fromNumaMaps(what, holder, found);
}
