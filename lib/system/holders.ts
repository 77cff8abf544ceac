import { formatBytes } from '../core';

/** Who holds leases under one label. */
export interface HolderStats {
  /** The label that request() was given; 'unnamed' without one. */
  readonly name: string;
  /** Null for the system's own. */
  readonly tenant: string | null;
  readonly leases: number;
  readonly bytes: number;
}

/** Counts of one label. Leases keep it. */
export class Holder {
  readonly name: string;
  readonly tenant: string;
  leases = 0;
  bytes = 0;

  constructor(name: string, tenant: string) {
    this.name = name;
    this.tenant = tenant;
  }
}

/** Leases by label: what shutdown() names when they are not given back. */
export class Holders {
  private readonly byKey = new Map<string, Holder>();
  private latest: Holder | null = null;

  /** The counts of a label; labels without leases are forgotten when there are many. */
  of(name: string, tenant: string): Holder {
    const { latest } = this;
    if (latest !== null && latest.name === name && latest.tenant === tenant) return latest;
    const key = `${tenant}\0${name}`;
    let holder = this.byKey.get(key);
    if (holder === undefined) {
      if (this.byKey.size >= 1024) this.forget();
      holder = new Holder(name, tenant);
      this.byKey.set(key, holder);
    }
    this.latest = holder;
    return holder;
  }

  private forget(): void {
    for (const [key, { leases }] of this.byKey) if (leases === 0) this.byKey.delete(key);
  }

  /** Forgets those of a tenant that was closed with what they held. */
  drop(tenant: string): void {
    for (const [key, holder] of this.byKey) if (holder.tenant === tenant) this.byKey.delete(key);
    this.latest = null;
  }

  /** Those that hold anything, the most first. */
  list(): HolderStats[] {
    return [...this.byKey.values()]
      .filter(({ leases }) => leases > 0)
      .map(({ name, tenant, leases, bytes }) =>
        Object.freeze({ name, tenant: tenant === '' ? null : tenant, leases, bytes }),
      )
      .sort((a, b) => b.bytes - a.bytes);
  }
}

/** The first few in words. */
export function holdersText(holders: readonly HolderStats[], most: number = 5): string {
  const named = holders.slice(0, most).map(({ name, tenant, leases, bytes }) => {
    const where = tenant === null ? '' : ` of tenant '${tenant}'`;
    return `'${name}'${where} ${leases} ${leases === 1 ? 'lease' : 'leases'}, ${formatBytes(bytes)}`;
  });
  const more = holders.length - named.length;
  return named.join('; ') + (more > 0 ? `; and ${more} more` : '');
}
