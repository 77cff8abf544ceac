import { checkWhole } from '../../allocators';
import { checkInteger, checkString, checkTimers, describe, memoryError, parseBytes } from '../../core';
import { Region } from '../../platform';
import { Attachment, type LeaseAdopter } from './attachment';
import {
  bytesFor,
  CHANNEL_VERSION,
  type ChannelLayout,
  MOST_BYTES,
  MOST_MESSAGES,
  MOST_OWNERS,
  readLayout,
  writeLayout,
} from './layout';
import type { ChannelAttachOptions, ChannelHandle, ChannelOptions } from './options';

export const ATTACH_KEYS = ['blocks', 'timers'] as const;

function checkBlocks(where: string, blocks: unknown): LeaseAdopter | undefined {
  if (blocks === undefined) return undefined;
  const candidate = blocks as Partial<LeaseAdopter> | null;
  if (typeof candidate === 'object' && candidate !== null && typeof candidate.adopt === 'function') {
    return candidate as LeaseAdopter;
  }
  throw memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `${where}: blocks must be a SharedBlockAllocator or have an adopt(), got ${describe(blocks)}`,
  );
}

/** Attaches, or lets the region go. */
function enter(where: string, name: string, region: Region, options: ChannelAttachOptions, wake: unknown): Attachment {
  try {
    const words = new Int32Array(region.buffer, 0, Math.floor(Math.min(region.byteLength, MOST_BYTES) / 4));
    const layout = readLayout(where, words);
    checkWhole(where, region);
    return new Attachment(where, name, region, layout, {
      wake,
      timers: checkTimers(where, options.timers),
      blocks: checkBlocks(where, options.blocks),
    });
  } catch (error) {
    region.free();
    throw error;
  }
}

/** Makes a channel of checked options. */
export function makeChannel(where: string, options: ChannelOptions): Attachment {
  const name = options.name === undefined ? 'channel' : checkString(`${where}: name`, options.name, 200);
  const asked = checkInteger(`${where}: capacity`, options.capacity ?? 1024, 1, MOST_MESSAGES);
  const capacity = 2 ** Math.ceil(Math.log2(asked));
  const messageBytes = parseBytes(options.messageBytes ?? 64, `${where}: messageBytes`, {
    minBytes: 1,
    maxBytes: MOST_BYTES,
  });
  const owners = checkInteger(`${where}: owners`, options.owners ?? 64, 1, MOST_OWNERS);
  checkBlocks(where, options.blocks);
  const layout: ChannelLayout = { owners, capacity, messageBytes };
  const byteLength = bytesFor(layout);
  if (byteLength > MOST_BYTES) {
    throw memoryError(
      'ERR_MEMORY_TOO_LARGE',
      `${where}: ${capacity} messages of ${messageBytes} bytes need ${byteLength} bytes; a channel has ${MOST_BYTES} at most`,
      { requestedBytes: byteLength, limitBytes: MOST_BYTES, source: name },
    );
  }
  const region = Region.shared(byteLength);
  try {
    writeLayout(new Int32Array(region.buffer, 0, Math.floor(byteLength / 4)), layout);
  } catch (error) {
    region.free();
    throw error;
  }
  return enter(where, name, region, options, undefined);
}

export function attachChannel(where: string, value: unknown, options: ChannelAttachOptions): Attachment {
  const { name, region, wake } = checkHandle(where, value);
  checkBlocks(where, options.blocks);
  return enter(where, name, Region.attach(region), options, wake);
}

function checkHandle(where: string, value: unknown): ChannelHandle {
  const refuse = (cause?: unknown): Error =>
    memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: the handle of a channel is needed, got ${describe(value)}`, {
      cause,
      hint: 'Send channel.handle to the thread or process.',
    });
  if (typeof value !== 'object' || value === null) throw refuse();
  let copy: ChannelHandle;
  try {
    const { type, version, name, region, wake } = value as ChannelHandle;
    copy = { type, version, name, region, ...(wake === undefined ? {} : { wake }) };
  } catch (cause) {
    throw refuse(cause);
  }
  if (copy.type !== 'nebula-memory.channel') throw refuse();
  if (copy.version !== CHANNEL_VERSION) {
    throw memoryError('ERR_MEMORY_UNSUPPORTED', `${where}: the handle is of layout ${describe(copy.version)}`, {
      hint: 'Use the same version of the package in every process that shares a channel.',
    });
  }
  return { ...copy, name: checkString(`${where}: handle.name`, copy.name, 200) };
}
