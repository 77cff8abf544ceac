import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { connect, Socket } from 'node:net';

/** What happens on a FIFO or socket that tells of pressure. */
export interface StreamHandlers {
  onEvent(): void;
  /** Once, when nothing will come any more. */
  onGone(reason: string): void;
}

/**
 * Opens a FIFO and calls back for whatever arrives; what arrives is thrown away. Opened for writing too, so that it does not
 * end with its writers.
 *
 * @param greeting what the protocol wants written first. It may come back to us, as to any reader, and is no event then
 * @returns a function that closes it
 * @throws what the system says
 */
export function openFifo(path: string, greeting: Uint8Array, handlers: StreamHandlers): () => void {
  const file = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  let socket: Socket;
  try {
    if (greeting.length > 0) writeSync(file, greeting);
    socket = new Socket({ fd: file, readable: true, writable: false });
  } catch (error) {
    closeSync(file);
    throw error;
  }
  return follow(socket, greeting, handlers);
}

/** Connects to a Unix stream socket; the rest as {@link openFifo}. What fails later comes through `onGone`. */
export function openSocket(path: string, greeting: Uint8Array, handlers: StreamHandlers): () => void {
  const socket = connect({ path });
  if (greeting.length > 0) socket.write(greeting);
  return follow(socket, new Uint8Array(0), handlers);
}

function follow(socket: Socket, echo: Uint8Array, { onEvent, onGone }: StreamHandlers): () => void {
  let reason: string | null = null;
  let skip = echo;
  socket.unref();
  socket.on('data', (data: Buffer) => {
    const length = skip.length > 0 && data.subarray(0, skip.length).equals(skip) ? skip.length : 0;
    skip = skip.subarray(skip.length); // only what comes first can be it
    if (data.length > length) onEvent();
  });
  socket.on('end', () => (reason ??= 'the other end closed it'));
  socket.on('error', (error) => (reason ??= error.message));
  socket.on('close', () => onGone(reason ?? 'it was closed'));
  return () => {
    socket.removeAllListeners();
    socket.on('error', () => {});
    socket.destroy();
  };
}
