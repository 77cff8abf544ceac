export { ArenaMap, type ArenaMapOptions } from './map';
export { ArenaString } from './string';
export { ArenaVec, type ArenaVecOptions, type ElementArray, type ElementKind, type ElementValue } from './vec';
