import { memoryError, type RegionProvider } from '../../core';
import type { Region } from '../../platform';
import type { RenewingProvider } from './base';

/** What a node's provider needs of the provider of all nodes. */
interface AllNodes extends RenewingProvider {
  choiceOf(region: Region): { readonly node: number };
}

/** One node of a NumaProvider: the same books, only this node's memory. */
export class NodeProvider implements RenewingProvider {
  readonly name: string;
  readonly pageBytes: number;
  private readonly all: AllNodes;
  private readonly own: RegionProvider;
  private readonly node: number;
  private readonly take: (byteLength: number) => Region;

  constructor(all: AllNodes, node: number, own: RegionProvider, take: (byteLength: number) => Region) {
    this.name = `${all.name}.node${node}`;
    this.pageBytes = all.pageBytes;
    this.all = all;
    this.own = own;
    this.node = node;
    this.take = take;
  }

  acquire(byteLength: number): Region {
    return this.take(byteLength);
  }

  release(region: Region): void {
    this.check('release', region);
    this.all.release(region);
  }

  renew(region: Region, options?: { readonly views?: 'empty' | 'keep' }): Region {
    this.check('renew', region);
    return this.all.renew(region, options);
  }

  trim(keepBytes?: number): number {
    return this.own.trim(keepBytes);
  }

  private check(method: string, region: Region): void {
    const { node } = this.all.choiceOf(region);
    if (node === this.node) return;
    throw memoryError('ERR_MEMORY_FOREIGN_FREE', `${this.name}.${method}: the region is of node ${node}`, {
      source: this.name,
    });
  }
}
