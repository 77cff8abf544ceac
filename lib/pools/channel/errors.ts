import { describe, type MemoryError, memoryError } from '../../core';

export function tooLarge(source: string, method: string, bytes: number, messageBytes: number): MemoryError {
  return memoryError(
    'ERR_MEMORY_TOO_LARGE',
    `${source}.${method}: a message of ${bytes} bytes; the channel holds messages of up to ${messageBytes} bytes`,
    {
      requestedBytes: bytes,
      limitBytes: messageBytes,
      source,
      hint: 'Create the channel with larger messageBytes, or send a lease of a shared block.',
    },
  );
}

export function notSendable(source: string, method: string, value: unknown): MemoryError {
  return memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `${source}.${method}: a Uint8Array, a lease of a shared block or a function that writes is needed, got ${describe(value)}`,
    { source },
  );
}

export function takenAway(source: string, method: string, cause: unknown): MemoryError {
  return memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `${source}.${method}: the bytes are not there any more: their buffer was detached or made smaller`,
    { source, cause, hint: 'Send bytes before they are transferred to another thread, or send a copy.' },
  );
}

export function closedHere(source: string, method: string): MemoryError {
  return memoryError('ERR_MEMORY_CLOSED', `${source}.${method}: closed here`, { source });
}

/** Nobody is on the other side any more. */
export function nobodyThere(source: string, method: string, side: 'senders' | 'receivers'): MemoryError {
  return memoryError('ERR_MEMORY_CLOSED', `${source}.${method}: all ${side} have closed or ended`, {
    source,
    hint:
      side === 'senders'
        ? 'This is the end of the stream. Keep a sender open where others come later.'
        : 'Nobody takes the messages. Keep a receiver open where others come later, or take them back with one.',
  });
}

export function timedOut(source: string, method: string, deadlineMs: number): MemoryError {
  return memoryError('ERR_MEMORY_TIMEOUT', `${source}.${method}: waited ${deadlineMs} ms in vain`, { source });
}

export function aborted(source: string, method: string, signal: AbortSignal | undefined): MemoryError {
  return memoryError('ERR_MEMORY_ABORTED', `${source}.${method}: the signal was aborted`, {
    source,
    cause: signal?.reason,
  });
}

export function tooManyPlaces(where: string, source: string, owners: number): MemoryError {
  return memoryError('ERR_MEMORY_POOL_EXHAUSTED', `${where}: all ${owners} places of the channel are taken`, {
    source,
    hint: 'Close attachments that are not needed, or create the channel with more `owners`.',
  });
}

export function overwritten(source: string, method: string, what: string): MemoryError {
  return memoryError('ERR_MEMORY_CORRUPTION', `${source}.${method}: the bookkeeping of the channel holds ${what}`, {
    source,
    hint: 'Something wrote into it. Close the channel everywhere and make a new one.',
  });
}

export function released(what: string, source: string): MemoryError {
  return memoryError('ERR_MEMORY_STALE_HANDLE', `${what}: the message was released before`, { source });
}
