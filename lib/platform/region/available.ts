import { formatBytes, memoryError } from '../../core';
import { openSysroot, readLimits } from '../machine';

/**
 * Refuses to make pages present that the machine or the container cannot give: the kernel answers that by killing a
 * process, not by an error.
 *
 * @throws ERR_MEMORY_OUT_OF_MEMORY with what is left and who limits it
 */
export function checkAvailable(what: string, bytes: number): void {
  const { availableBytes, setBy } = readLimits(openSysroot());
  if (availableBytes === null || bytes <= availableBytes) return;
  const source = setBy ?? 'the machine';
  throw memoryError(
    'ERR_MEMORY_OUT_OF_MEMORY',
    `${what}: ${formatBytes(bytes)} cannot be made present; ${formatBytes(availableBytes)} are left (limited by ${source})`,
    {
      requestedBytes: bytes,
      availableBytes,
      source,
      hint: 'Map without populate or lock to get pages as they are touched, ask for less, or raise the limit.',
    },
  );
}
