import { ownAreaOf } from '../../allocators';
import { memoryError } from '../../core';

// The region of a channel, in 32-bit words:
//
//   header       64 words: what it is and its sizes; the positions of both ends and the signs of those who sleep, each on
//                cache lines of their own
//   owner table  who is attached: see the shared allocators; the notes of a place say what it does here
//   cells        one for each message: its state, its length, its kind, and the bytes
//
// Only numbers stand here. What is read is trusted for nothing that could end the process or keep a call from returning.

export const CHANNEL_VERSION = 1;
const MAGIC = 0x6e6d6368;

export const HEAD = Object.freeze({
  magic: 0,
  version: 1,
  ready: 2,
  owners: 3,
  capacity: 4,
  messageBytes: 5,
  /** Bits of SIDES of which nobody is there any more; a sign only, whoever sees it looks. */
  gone: 8,
  /** Bits of SIDES of which somebody has ever been there. */
  had: 9,
  /** Messages that were given up because their sender or receiver had died. */
  lost: 10,
  /** Position of the next message that is sent, and of the next one that is received, modulo 2^32. */
  tail: 16,
  head: 32,
  /** 1: threads of that side may be blocked on this very word. */
  blockedSenders: 48,
  blockedReceivers: 49,
});

/** What an attachment does here: bits of its first note. */
export const SIDES = Object.freeze({ sender: 1, receiver: 2 });

/** Positions in the notes of an attachment. */
export const NOTES = Object.freeze({ sides: 0, group: 1, thread: 2, pid: 3 });

/** Words of a cell, before its bytes. */
export const CELL = Object.freeze({ state: 0, byteLength: 1, kind: 2, words: 4 });
export const KINDS = Object.freeze({ bytes: 0, lease: 1 });
export const LEASE_BYTES = 24;

export const MOST_MESSAGES = 2 ** 20;
export const MOST_OWNERS = 1023;
/** Of the whole region: what one typed array can span on every Node.js. */
export const MOST_BYTES = 2 ** 31;
const LINE = 64;

/** What a header says. */
export interface ChannelLayout {
  readonly owners: number;
  /** Messages: a power of two. */
  readonly capacity: number;
  readonly messageBytes: number;
}

/** From one cell to the next: whole cache lines. */
export function strideOf(messageBytes: number): number {
  return Math.ceil((CELL.words * 4 + Math.max(messageBytes, LEASE_BYTES)) / LINE) * LINE;
}

/** First word of the cells. */
export function cellsAt(owners: number): number {
  return ownAreaOf(owners);
}

export function bytesFor({ owners, capacity, messageBytes }: ChannelLayout): number {
  return cellsAt(owners) * 4 + capacity * strideOf(messageBytes);
}

/** Makes fresh memory (zeros) a channel. */
export function writeLayout(words: Int32Array, { owners, capacity, messageBytes }: ChannelLayout): void {
  words[HEAD.magic] = MAGIC;
  words[HEAD.version] = CHANNEL_VERSION;
  words[HEAD.owners] = owners;
  words[HEAD.capacity] = capacity;
  words[HEAD.messageBytes] = messageBytes;
  Atomics.store(words, HEAD.ready, 1);
}

function corrupt(where: string, why: string): Error {
  return memoryError('ERR_MEMORY_CORRUPTION', `${where}: the region is no channel that can be used: ${why}`, {
    hint: 'Attach with the handle of a channel that is in use, as it was given.',
  });
}

/** @throws ERR_MEMORY_CORRUPTION, ERR_MEMORY_UNSUPPORTED for the layout of another version */
export function readLayout(where: string, words: Int32Array): ChannelLayout {
  if (words.length < cellsAt(1)) throw corrupt(where, `it has ${words.length * 4} bytes`);
  if (words[HEAD.magic] !== MAGIC) throw corrupt(where, 'it does not begin with the mark of one');
  const version = words[HEAD.version];
  if (version !== CHANNEL_VERSION) {
    throw memoryError(
      'ERR_MEMORY_UNSUPPORTED',
      `${where}: the channel has layout ${version}, this version of the package knows ${CHANNEL_VERSION}`,
      { hint: 'Use the same version of the package in every process that shares a channel.' },
    );
  }
  if (Atomics.load(words, HEAD.ready) !== 1) throw corrupt(where, 'it was never finished');
  const owners = words[HEAD.owners] ?? 0;
  const capacity = words[HEAD.capacity] ?? 0;
  const messageBytes = words[HEAD.messageBytes] ?? 0;
  if (owners < 1 || owners > MOST_OWNERS) throw corrupt(where, `it names ${owners} places`);
  if (capacity < 1 || capacity > MOST_MESSAGES || (capacity & (capacity - 1)) !== 0) {
    throw corrupt(where, `it names ${capacity} messages`);
  }
  if (messageBytes < 1 || messageBytes > MOST_BYTES) throw corrupt(where, `it names messages of ${messageBytes} bytes`);
  const needed = bytesFor({ owners, capacity, messageBytes });
  if (needed > words.length * 4) throw corrupt(where, `it needs ${needed} bytes and has ${words.length * 4}`);
  return { owners, capacity, messageBytes };
}
