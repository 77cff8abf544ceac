export * from './base';
export * from './block';
export * from './bump';
export * from './heap';
export * from './providers';
export * from './shared';
export * from './stack';
export * from './system';
