// `npm run build:cmake [-- SANITIZERS]`: an instrumented addon in build-cmake/<sanitizers>/Release, by cmake-js.
// SANITIZERS is address, undefined, thread or address,undefined; without it the build is plain and lands in
// build-cmake/plain.
import { packageCommand, run } from './tools.mjs';

const [sanitizers = ''] = process.argv.slice(2);
const folder = `build-cmake/${sanitizers.replaceAll(',', '-') || 'plain'}`;
run(process.execPath, [packageCommand('cmake-js'), 'compile', '--out', folder, `--CDSAN=${sanitizers}`]);
console.log(`${folder}/Release/nebula_memory.node`);
