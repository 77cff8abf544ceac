import { memoryError } from '../../core';
import { SHARED_BYTES, SHARED_SLOTS } from './shared-classes';
import { SPAN_BYTES } from './shared-layout';
import type { SharedSlabs } from './shared-slabs';
import { kindOf, ownerOf, SPAN } from './span-table';

/** What the bitmaps and states themselves say, counted anew. */
export interface SharedHeapAudit {
  /** Blocks that are handed out. */
  readonly liveBlocks: number;
  /** Their bytes, rounded up to classes and spans. */
  readonly usedBytes: number;
  /** Spans that are slabs or parts of large blocks. */
  readonly heldSpans: number;
  /** Slabs that nobody owns, with blocks that were disowned. */
  readonly orphans: number;
  /** Spans inside a claim or a free: 0 when nobody is inside a call and all dead owners were recovered. */
  readonly unfinished: number;
}

/** @throws ERR_MEMORY_CORRUPTION for a part of a block without its beginning */
export function auditSpans(slabs: SharedSlabs): SharedHeapAudit {
  const { table } = slabs;
  let liveBlocks = 0;
  let usedBytes = 0;
  let heldSpans = 0;
  let orphans = 0;
  let unfinished = 0;
  for (let span = 0; span < table.spans; span += 1) {
    const state = table.stateAt(span);
    const kind = kindOf(state);
    if (kind === SPAN.free) continue;
    heldSpans += 1;
    if (kind === SPAN.slab) {
      const index = slabs.classAt(span);
      const live = (SHARED_SLOTS[index] as number) - slabs.freeBlocks(span);
      liveBlocks += live;
      usedBytes += live * (SHARED_BYTES[index] as number);
      if (ownerOf(state) === 0) orphans += 1;
    } else if (kind === SPAN.head) {
      liveBlocks += 1;
      usedBytes += table.lengthAt(span) * SPAN_BYTES;
    } else if (kind !== SPAN.body) {
      unfinished += 1;
    } else {
      const head = table.headOf(span);
      if (head < 0 || span >= head + table.lengthAt(head)) {
        throw memoryError('ERR_MEMORY_CORRUPTION', `span ${span} belongs to a block that is not there`);
      }
    }
  }
  return Object.freeze({ liveBlocks, usedBytes, heldSpans, orphans, unfinished });
}
