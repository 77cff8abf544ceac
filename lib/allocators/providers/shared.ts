import { checkBoolean, checkOneOf, checkOptions, checkString, isMemoryError, memoryError } from '../../core';
import { Region, type SharedOptions } from '../../platform';
import { basePageBytes, PROVIDER_KEYS, ProviderBase, type ProviderOptions } from './base';

const MAP_KEYS = ['carrier', 'populate', 'lock', 'strict', 'dump', 'fork', 'numa', 'pages'] as const;
const MIB = 2 ** 20;
const MAX_TAKEN = 64;

/** How {@link SharedProvider} makes memory. */
export interface SharedProviderOptions extends ProviderOptions, Omit<SharedOptions, 'name'> {
  /**
   * Names every region `<prefix>-<pid>-<number>`, so that other processes find it by Region.open(region.name).
   * `[A-Za-z0-9._-]`, 1 to 160 characters. Default: no names; others attach by `region.handle`.
   */
  readonly prefix?: string;
  /** Take the name away at `release`. Default true; without, it stays until Region.unlink(name). */
  readonly unlink?: boolean;
}

let serial = 0;

/**
 * Memory that other threads and processes can attach to; each `acquire` is one Region.shared with carrier `shared`.
 *
 * `release` gives up this holder: whoever attached keeps the bytes, and the pages go with the last of them. A process that is
 * killed leaves its names behind.
 */
export class SharedProvider extends ProviderBase {
  private readonly options: SharedOptions;
  private readonly prefix: string | undefined;
  private readonly unlink: boolean;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE for bad options, now and not at the first region */
  constructor(options?: SharedProviderOptions) {
    const where = 'SharedProvider';
    const given = checkOptions<SharedProviderOptions>(where, options, [
      ...PROVIDER_KEYS,
      ...MAP_KEYS,
      'prefix',
      'unlink',
    ]);
    if (given.pages !== undefined) checkOneOf(`${where}: pages`, given.pages, ['base', '2MiB', '1GiB']);
    const huge = given.pages === '1GiB' ? 1024 * MIB : given.pages === '2MiB' ? 2 * MIB : 0;
    super(where, huge || basePageBytes(), given);
    const { name: _name, budget: _budget, prefix, unlink, ...map } = given;
    this.unlink = unlink === undefined || checkBoolean(`${where}: unlink`, unlink);
    if (prefix !== undefined && !/^[A-Za-z0-9._-]+$/.test(checkString(`${where}: prefix`, prefix, 160))) {
      throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: prefix may hold letters, digits, '.', '_' and '-'`);
    }
    this.prefix = prefix;
    if (huge !== 0 && prefix !== undefined) {
      throw memoryError(
        'ERR_MEMORY_INVALID_ARGUMENT',
        `${where}: named memory lies on base pages; leave out prefix or pages`,
      );
    }
    Region.shared(1, { ...map, pages: undefined, populate: false, lock: false, strict: false } as SharedOptions).free();
    this.options = Object.freeze({ carrier: 'shared', ...map });
  }

  protected map(byteLength: number): Region {
    if (this.prefix === undefined) return Region.shared(byteLength, this.options);
    for (let tries = 1; ; tries += 1) {
      serial += 1;
      const name = `${this.prefix}-${process.pid}-${serial}`;
      try {
        return Region.shared(byteLength, { ...this.options, name });
      } catch (error) {
        // Of a process with this number that was killed, or of another thread.
        if (!isTaken(error) || tries === MAX_TAKEN) throw error;
      }
    }
  }

  protected override unmap(region: Region): void {
    region.free();
    this.forget(region);
  }

  protected override forget({ name }: Region): void {
    if (this.prefix === undefined || !this.unlink || name === null) return;
    try {
      Region.unlink(name);
    } catch (error) {
      if (!isMemoryError(error)) throw error; // somebody was faster
    }
  }
}

function isTaken(error: unknown): boolean {
  return isMemoryError(error) && error.code === 'ERR_MEMORY_SYSCALL' && /EEXIST/.test(error.message);
}
