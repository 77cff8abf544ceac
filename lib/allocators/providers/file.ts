import { randomUUID } from 'node:crypto';
import { rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { checkBoolean, checkOptions, checkString, memoryError } from '../../core';
import { type FileOptions, Region } from '../../platform';
import { basePageBytes, PROVIDER_KEYS, ProviderBase, type ProviderOptions } from './base';

const MAP_KEYS = ['carrier', 'populate', 'lock', 'strict', 'dump', 'fork', 'numa', 'sync'] as const;

/** How {@link FileProvider} makes its files. */
export interface FileProviderOptions
  extends ProviderOptions,
    Pick<FileOptions, 'carrier' | 'populate' | 'lock' | 'strict' | 'dump' | 'fork' | 'numa' | 'sync'> {
  /** First part of the files' names. Default `nebula`. No slash, 1 to 100 characters. */
  readonly prefix?: string;
  /**
   * Leave the files where they are: `pathOf(region)` names them, others can map them, and they stay after `release`.
   * Default false: each file is unlinked before `acquire` returns, so that nothing is left behind, even after a crash.
   */
  readonly keep?: boolean;
}

/**
 * Memory that the system can write out to files: larger than RAM where the disk is. Each region is a file of its own, mode
 * 0600, mapped shared and sparse: blocks are taken as pages are written back. A full disk does not end the process: writes
 * past it are lost and the region's next call throws ERR_MEMORY_FAULTED. Holds one descriptor a region.
 */
export class FileProvider extends ProviderBase {
  readonly directory: string;
  private readonly options: FileOptions;
  private readonly prefix: string;
  private readonly keep: boolean;
  private readonly paths = new WeakMap<Region, string>();

  /**
   * @param directory an existing folder, best on a disk and not on a tmpfs
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE; ERR_MEMORY_SYSCALL where there is no such folder
   */
  constructor(directory: string, options?: FileProviderOptions) {
    const where = 'FileProvider';
    const given = checkOptions<FileProviderOptions>(where, options, [...PROVIDER_KEYS, ...MAP_KEYS, 'prefix', 'keep']);
    super(where, basePageBytes(), given);
    this.directory = resolve(checkString(`${where}: directory`, directory, 3500));
    checkFolder(where, this.directory);
    const { name: _name, budget: _budget, prefix = 'nebula', keep = false, ...map } = given;
    this.prefix = checkString(`${where}: prefix`, prefix, 100);
    if (/[/\\]/.test(prefix)) {
      throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: prefix must hold no slash, got '${prefix}'`);
    }
    this.keep = checkBoolean(`${where}: keep`, keep);
    this.options = Object.freeze({ ...map, mode: 'shared', create: true, exclusive: true });
    const { sync: _sync, ...plain } = map;
    this.unmap(this.make(1, { ...plain, populate: false, lock: false, strict: false }, true));
  }

  /** Where a region's file is; null for an unlinked one. @throws ERR_MEMORY_FOREIGN_FREE for a region not handed out here */
  pathOf(region: Region): string | null {
    this.books.bytesOf(this.where('pathOf'), this.name, region);
    return this.paths.get(region) ?? null;
  }

  protected map(byteLength: number): Region {
    return this.make(byteLength, this.options, !this.keep);
  }

  private make(byteLength: number, options: FileOptions, unlink: boolean): Region {
    const path = join(this.directory, `${this.prefix}-${process.pid}-${randomUUID()}`);
    let region: Region;
    try {
      const how = { ...options, mode: 'shared', create: true, exclusive: true, length: byteLength } as const;
      region = Region.mapFile(path, how);
    } catch (error) {
      rmSync(path, { force: true }); // where only the mapping was refused
      throw error;
    }
    if (unlink && removed(path)) return region;
    this.paths.set(region, path); // kept, or a system that removes no open file
    return region;
  }

  protected override unmap(region: Region): void {
    region.free();
    this.forget(region);
  }

  protected override forget(region: Region): void {
    const path = this.paths.get(region);
    if (path === undefined) return;
    this.paths.delete(region);
    if (!this.keep) removed(path);
  }

  protected override renewRegion(region: Region, options: { readonly views?: 'empty' | 'keep' } | undefined): Region {
    const path = this.paths.get(region);
    if (this.keep && options?.views !== 'keep') {
      throw memoryError('ERR_MEMORY_INVALID_STATE', `${this.where('renew')}: others can map the file ${path ?? ''}`, {
        source: this.name,
        hint: 'Leave out keep: true where regions are to be used again.',
      });
    }
    const fresh = region.renew(options);
    if (path !== undefined) this.paths.set(fresh, path);
    return fresh;
  }
}

function checkFolder(where: string, path: string): void {
  let folder = false;
  try {
    folder = statSync(path).isDirectory();
  } catch (cause) {
    const { errno, syscall } = cause as NodeJS.ErrnoException;
    throw memoryError('ERR_MEMORY_SYSCALL', `${where}: the directory ${path} cannot be used`, {
      cause,
      syscall,
      errno: errno === undefined ? undefined : Math.abs(errno),
      hint: 'Make the directory first.',
    });
  }
  if (!folder) throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: ${path} is no directory`);
}

function removed(path: string): boolean {
  try {
    rmSync(path, { force: true });
    return true;
  } catch {
    return false;
  }
}
