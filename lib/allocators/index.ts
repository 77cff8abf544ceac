export * from './base';
export * from './block';
export * from './bump';
export * from './heap';
export * from './providers';
export * from './shared';
export { ownAreaOf } from './shared/layout';
export * from './stack';
export * from './system';
