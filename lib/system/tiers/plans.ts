import { BlockAllocator, SystemAllocator } from '../../allocators';
import { Arena } from '../../arenas';
import type { AllocatorFactory } from '../../manager';
import type { ArenaPlan, PoolPlan, StackPlan, SystemPlan, TierPlans } from './options';
import { ScratchStack } from './scratch-stack';
import { BLOCK_ALIGNMENT, type TierPlan } from './tier';

function stackTier(plan: StackPlan): TierPlan {
  return {
    name: 'stack',
    upToBytes: plan.upToBytes,
    most: 1,
    make: () => new ScratchStack(plan.bytes, { name: 'stack' }),
    isPlain: true,
    takesMore: false,
    retainBytes: null,
  };
}

/** The heaps of the pools. */
export function heapTier(plan: PoolPlan, factory: AllocatorFactory): TierPlan {
  const { bytes, provider, preset, adaptors } = plan;
  return {
    name: 'pool',
    upToBytes: plan.upToBytes,
    most: plan.maxHeaps,
    make: (index) =>
      factory.create({
        kind: 'heap',
        name: index === 0 ? 'pool' : `pool-${index + 1}`,
        bytes,
        adaptors,
        ...(provider === undefined ? {} : { provider }),
        ...(preset === undefined ? {} : { preset }),
      }),
    isPlain: adaptors.length === 0 && preset !== 'debug',
    takesMore: adaptors.length > 0 || preset === 'debug',
    retainBytes: null,
  };
}

/** Pools of one block size, the smallest first. */
function classTiers(plan: PoolPlan): TierPlan[] {
  return [...plan.classes]
    .sort((a, b) => a.blockBytes - b.blockBytes)
    .map(({ blockBytes, blocks, maxBlocks }) => ({
      name: 'pool',
      upToBytes: blockBytes,
      most: 1,
      make: () =>
        new BlockAllocator({
          blockBytes,
          blocks,
          maxBlocks,
          alignment: BLOCK_ALIGNMENT,
          name: `pool of ${blockBytes}`,
          ...(plan.provider === undefined ? {} : { provider: plan.provider }),
        }),
      isPlain: true,
      takesMore: true,
      retainBytes: null,
    }));
}

function arenaTier(plan: ArenaPlan): TierPlan {
  const { bytes, chunkBytes, provider } = plan;
  return {
    name: 'arena',
    upToBytes: plan.upToBytes,
    most: plan.arenas,
    make: (index) =>
      new Arena({
        name: index === 0 ? 'arena' : `arena-${index + 1}`,
        chunkBytes,
        maxChunkBytes: Math.max(chunkBytes, Math.min(bytes, 128 * 2 ** 20)),
        limitBytes: bytes,
        alignment: BLOCK_ALIGNMENT,
        ...(provider === undefined ? {} : { provider }),
      }),
    isPlain: false,
    takesMore: false,
    retainBytes: plan.retainBytes,
  };
}

/** A region for each block. */
export function regionTier({ maxBytes, provider }: SystemPlan): TierPlan {
  return {
    name: 'system',
    upToBytes: Number.POSITIVE_INFINITY,
    most: 1,
    make: () =>
      new SystemAllocator({
        name: 'system',
        ...(maxBytes === undefined ? {} : { maxBytes }),
        ...(provider === undefined ? {} : { provider }),
      }),
    isPlain: false,
    takesMore: true,
    retainBytes: null,
  };
}

/** The tiers of a system, by rising size. */
export function tierPlans(plans: TierPlans, factory: AllocatorFactory): { main: TierPlan[]; classes: TierPlan[] } {
  const main: TierPlan[] = [];
  if (plans.stack !== null) main.push(stackTier(plans.stack));
  if (plans.pool !== null) main.push(heapTier(plans.pool, factory));
  if (plans.arena !== null) main.push(arenaTier(plans.arena));
  if (plans.system !== null) main.push(regionTier(plans.system));
  return { main, classes: plans.pool === null ? [] : classTiers(plans.pool) };
}
