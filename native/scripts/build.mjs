// `npm run build:native`: compiles build/Release/nebula_memory.node for this machine. Load it with NEBULA_MEMORY_BUILD=1.
import { nodeGypEnvironment, packageCommand, run } from './tools.mjs';

run(process.execPath, [packageCommand('node-gyp'), 'rebuild', ...process.argv.slice(2)], { env: nodeGypEnvironment() });
