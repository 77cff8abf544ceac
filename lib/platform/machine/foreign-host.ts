import { availableParallelism, freemem, totalmem } from 'node:os';

// A machine without /proc and /sys, told by Node.js in the words of Linux: its memory and its processors, nothing more.

/** The text that stands for a file of /proc or /sys; null for all but two of them. */
export function foreignHostText(path: string): string | null {
  if (path === '/proc/meminfo') {
    const total = `MemTotal: ${Math.floor(totalmem() / 1024)} kB\n`;
    // Elsewhere Node.js counts pages that are only kept in case as taken, which is no answer to "what can be had".
    if (process.platform !== 'win32') return total;
    const free = Math.floor(freemem() / 1024);
    return `${total}MemFree: ${free} kB\nMemAvailable: ${free} kB\n`;
  }
  if (path === '/sys/devices/system/cpu/online') return `0-${availableParallelism() - 1}\n`;
  return null;
}
