import type { ErrorCode } from '../../core';
import type { PageChoice } from './options';

/** One thing that was asked for and not got. */
export interface Fallback {
  /** What was wanted, such as `2MiB pages` or `numa bind 1`. */
  readonly wanted: string;
  readonly code: ErrorCode;
  /** The system's error number, 0 where no system call failed. */
  readonly errno: number;
  readonly reason: string;
  /** The command or option that would help; empty where nothing does. */
  readonly fix: string;
}

/** The pages a region really lies on, as far as it was set up; {@link Region.pageStats} measures what the kernel made of it. */
export type GotPages = 'base' | 'thp' | '2MiB' | '1GiB' | string;

export interface GotPlacement {
  readonly pages: GotPages;
  /** Size of the pages asked of the kernel, in bytes: of a base page with `thp`, since those come and go. */
  readonly pageBytes: number;
  /** What `buffer` is: a SharedArrayBuffer with `shared` where this Node.js can make external ones. */
  readonly carrier: 'local' | 'shared';
  /** The policy that is in force, such as `bind 0` or `interleave 0,1`; null where none was set. */
  readonly numa: string | null;
  /** Every page was found on the nodes asked for. Only a populated region can be verified. */
  readonly numaVerified: boolean;
  readonly populated: boolean;
  readonly locked: boolean;
}

export interface AskedPlacement {
  readonly pages: PageChoice | null;
  readonly carrier: 'local' | 'shared';
  readonly numa: string | null;
  readonly populate: boolean;
  readonly lock: boolean;
}

/** What a request carries of {@link AskedPlacement}; made into one only when somebody looks. */
export interface Wishes {
  readonly pages: PageChoice | null;
  readonly carrier: 'local' | 'shared';
  readonly numa: { readonly text: string } | null;
  readonly populate: boolean;
  readonly lock: boolean;
}

/** What was asked, what was got, and why they differ. */
export interface Placement {
  readonly asked: AskedPlacement;
  readonly got: GotPlacement;
  readonly fallbacks: readonly Fallback[];
}

/** Collects the outcome while a region is made. */
export class PlacementLog {
  readonly fallbacks: Fallback[] = [];
  pages: GotPages = 'base';
  pageBytes: number;
  carrier: 'local' | 'shared' = 'local';
  numa: string | null = null;
  numaVerified = false;
  populated = false;
  locked = false;

  constructor(pageBytes: number) {
    this.pageBytes = pageBytes;
  }

  miss(wanted: string, code: ErrorCode, reason: string, fix: string = '', errno: number = 0): void {
    this.fallbacks.push(Object.freeze({ wanted, code, errno, reason, fix }));
  }

  finish(wishes: Wishes): Placement {
    const asked = {
      pages: wishes.pages,
      carrier: wishes.carrier,
      numa: wishes.numa?.text ?? null,
      populate: wishes.populate,
      lock: wishes.lock,
    };
    const { pages, pageBytes, carrier, numa, numaVerified, populated, locked } = this;
    return Object.freeze({
      asked: Object.freeze(asked),
      got: Object.freeze({ pages, pageBytes, carrier, numa, numaVerified, populated, locked }),
      fallbacks: Object.freeze(this.fallbacks),
    });
  }
}
