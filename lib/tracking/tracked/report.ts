import { checkInteger, describe, formatBytes, memoryError } from '../../core';
import { TRACKING_LEVELS, type TrackingLevel } from './levels';
import type { LeakSite } from './sites';

export const LEAKS_FORMAT = 'nebula-memory.leaks';
export const LEAKS_VERSION = 1;

/** What lives, by the place that allocated it. Plain data: `JSON.stringify` it and compare two with `diffLeaks`. */
export interface LeakReport {
  readonly format: typeof LEAKS_FORMAT;
  readonly version: typeof LEAKS_VERSION;
  readonly name: string;
  readonly level: TrackingLevel;
  /** Each recorded block stands for so many; 1 where every one is recorded, 0 where none is. */
  readonly sampleInterval: number;
  /** Live blocks and bytes that went through the tracker, counted and not estimated. */
  readonly liveAllocations: number;
  readonly liveBytes: number;
  /** Live blocks that were recorded: the sum over all sites. */
  readonly recordedAllocations: number;
  readonly recordedBytes: number;
  /** Those that hold the most bytes first. */
  readonly sites: readonly LeakSite[];
  /** Sites that were left out by `top`. */
  readonly omittedSites: number;
}

/**
 * The first sites of a report as lines of text, for errors and logs.
 *
 * @throws ERR_MEMORY_INVALID_ARGUMENT for what is no report, ERR_MEMORY_OUT_OF_RANGE
 */
export function describeLeaks(report: LeakReport, top: number = 5): string {
  checkLeakReport(report, 'describeLeaks: report');
  checkInteger('describeLeaks: top', top);
  const { liveAllocations, liveBytes, sampleInterval, sites } = report;
  const share = sampleInterval === 0 ? 'none' : `one in ${sampleInterval}`;
  const sampled = sampleInterval === 1 ? '' : `, of which ${share} was recorded`;
  const lines = [`${liveAllocations} live blocks of ${formatBytes(liveBytes)} in ${report.name}${sampled}`];
  for (const { frames, allocations, bytes } of sites.slice(0, top)) {
    lines.push(`  ${allocations} blocks, ${formatBytes(bytes)}:`, ...frames.map((frame) => `    ${frame}`));
  }
  const more = sites.length - top + report.omittedSites;
  if (more > 0) lines.push(`  and ${more} more places`);
  return lines.join('\n');
}

/**
 * Reads a report back from JSON text.
 *
 * @param name what is read, for errors
 * @throws ERR_MEMORY_INVALID_ARGUMENT for another format or version, and what is damaged
 */
export function parseLeakReport(text: string, name: string = 'leak report'): LeakReport {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${name} is no JSON`, { cause });
  }
  return checkLeakReport(value, name);
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT for what is no report of this version */
export function checkLeakReport(value: unknown, name: string): LeakReport {
  const report = value as Partial<LeakReport> | null | undefined;
  if (report?.format !== LEAKS_FORMAT || report.version !== LEAKS_VERSION) {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${name} must be a leak report of version ${LEAKS_VERSION}, got format ${describe(report?.format)}, version ${describe(report?.version)}`,
      { hint: 'Write one with JSON.stringify(tracked.leaks()).' },
    );
  }
  const numbers = [report.sampleInterval, report.liveAllocations, report.liveBytes, report.recordedAllocations];
  const sites: unknown = report.sites;
  const isWhole =
    [...numbers, report.recordedBytes, report.omittedSites].every(isCount) &&
    typeof report.name === 'string' &&
    TRACKING_LEVELS.includes(report.level as TrackingLevel) &&
    Array.isArray(sites) &&
    sites.every(isSite);
  if (!isWhole) throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${name} is damaged: a number or a site is missing`);
  return report as LeakReport;
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isSite(value: unknown): boolean {
  const site = value as Partial<LeakSite> | null;
  const counts = [site?.allocations, site?.bytes, site?.totalAllocations, site?.totalBytes];
  return (
    counts.every(isCount) && Array.isArray(site?.frames) && site.frames.every((frame) => typeof frame === 'string')
  );
}
