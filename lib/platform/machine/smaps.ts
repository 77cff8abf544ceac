/** Pages behind an address range, in bytes, summed over its mappings. */
export interface PageStats {
  readonly mappings: number;
  readonly mappedBytes: number;
  /** Resident pages without those of the huge-page pools. */
  readonly residentBytes: number;
  /** Transparent huge pages, within `residentBytes`. */
  readonly hugeBytes: number;
  /** Pages of the huge-page pools, beside `residentBytes`. */
  readonly hugetlbBytes: number;
  /** The least page size of the mappings; null when nothing is mapped. */
  readonly kernelPageBytes: number | null;
  readonly lockedBytes: number;
  readonly swapBytes: number;
  readonly pssBytes: number;
  /** False when a mapping reaches beyond the range: its numbers are cut to the bytes inside, as upper bounds. */
  readonly exact: boolean;
}

const FIELDS: Readonly<
  Record<string, 'residentBytes' | 'hugeBytes' | 'hugetlbBytes' | 'lockedBytes' | 'swapBytes' | 'pssBytes'>
> = {
  Rss: 'residentBytes',
  AnonHugePages: 'hugeBytes',
  ShmemPmdMapped: 'hugeBytes',
  FilePmdMapped: 'hugeBytes',
  Private_Hugetlb: 'hugetlbBytes',
  Shared_Hugetlb: 'hugetlbBytes',
  Locked: 'lockedBytes',
  Swap: 'swapBytes',
  Pss: 'pssBytes',
};

const HEADER = /^([0-9a-f]+)-([0-9a-f]+) [-rwxsp]{4} /;
const VALUE = /^([A-Za-z_]+):\s+(\d+) kB/;

/** Reads the text of /proc/PID/smaps piece by piece, keeping the sums of one address range only. */
export class SmapsReader {
  readonly #start: bigint;
  readonly #end: bigint;
  #rest = '';
  #inside = 0;
  #isPast = false;
  readonly #sums = { residentBytes: 0, hugeBytes: 0, hugetlbBytes: 0, lockedBytes: 0, swapBytes: 0, pssBytes: 0 };
  #mappings = 0;
  #mappedBytes = 0;
  #kernelPageBytes: number | null = null;
  #exact = true;

  /** @param start first address @param end address after the last one */
  constructor(start: bigint, end: bigint) {
    this.#start = start;
    this.#end = end;
  }

  /** True when all that follows lies behind the range, so that reading can stop. */
  get isPast(): boolean {
    return this.#isPast;
  }

  push(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#readLine(line);
  }

  finish(): PageStats {
    this.#readLine(this.#rest);
    this.#rest = '';
    return {
      mappings: this.#mappings,
      mappedBytes: this.#mappedBytes,
      ...this.#sums,
      kernelPageBytes: this.#kernelPageBytes,
      exact: this.#exact,
    };
  }

  #readLine(line: string): void {
    if (this.#isPast) return;
    const header = HEADER.exec(line);
    if (header !== null) {
      this.#enter(BigInt(`0x${header[1] ?? '0'}`), BigInt(`0x${header[2] ?? '0'}`));
      return;
    }
    if (this.#inside === 0) return;
    const [, key = '', kilobytes = ''] = VALUE.exec(line) ?? [];
    const bytes = Number(kilobytes) * 1024;
    if (key === 'KernelPageSize') {
      if (this.#kernelPageBytes === null || bytes < this.#kernelPageBytes) this.#kernelPageBytes = bytes;
      return;
    }
    const field = FIELDS[key];
    if (field !== undefined) this.#sums[field] += Math.min(bytes, this.#inside);
  }

  #enter(from: bigint, to: bigint): void {
    this.#isPast = from >= this.#end; // mappings are sorted by address
    const first = from > this.#start ? from : this.#start;
    const last = to < this.#end ? to : this.#end;
    this.#inside = last > first ? Number(last - first) : 0;
    if (this.#inside === 0) return;
    this.#mappings++;
    this.#mappedBytes += this.#inside;
    if (BigInt(this.#inside) !== to - from) this.#exact = false;
  }
}

/** The pages of the range from `start` up to `end`, from the whole text of /proc/PID/smaps. */
export function parseSmaps(text: string, start: bigint, end: bigint): PageStats {
  const reader = new SmapsReader(start, end);
  reader.push(text);
  return reader.finish();
}
