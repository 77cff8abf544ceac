import type { Chunks } from './chunks';

/** Decommits the runs of free blocks in every region; returns the bytes given back. Blocks keep their place in the list. */
export function trimRuns(chunks: Chunks, words: Int32Array, fresh: number, stride: number): number {
  let given = 0;
  for (let chunk = 0; chunk < chunks.length; chunk += 1) {
    const region = chunks.at(chunk)?.region;
    const first = chunks.firstBlock(chunk);
    // Blocks that were never handed out since the last reset may have been before it: they count as free.
    const end = chunks.endBlock(chunk);
    let runStart = -1;
    for (let block = first; block <= end; block += 1) {
      const free = block < end && (block >= fresh || (words[block] ?? 0) >= 0);
      if (free && runStart === -1) runStart = block;
      if (free || runStart === -1) continue;
      // Part pages at both ends stay: decommit takes whole ones inside of the range.
      given += region?.decommit({ offset: (runStart - first) * stride, length: (block - runStart) * stride }) ?? 0;
      runStart = -1;
    }
  }
  return given;
}
