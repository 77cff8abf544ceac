export { LocalPool, localPool } from './local-pool';
