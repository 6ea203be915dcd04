// Bundles the CLI and the services into dist/: one start-up file, everything heavy behind dynamic imports.
import { chmod, rm } from 'node:fs/promises';
import { build } from 'esbuild';

/** What dockerode needs for engines behind SSH, and for BuildKit: an agent would load it before it is heard. */
const neverUsed = /^(ssh2|@grpc\/grpc-js|@grpc\/proto-loader|protobufjs)$/;
const leaveOut = {
  name: 'leave-out',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: neverUsed }, ({ path }) => ({ path, namespace: 'left-out' }));
    onLoad({ filter: /./, namespace: 'left-out' }, () => ({ contents: 'module.exports = {};' }));
  },
};

await rm('dist', { recursive: true, force: true });
await build({
  // The services are loaded by the CLI; as entries of their own they keep their names.
  entryPoints: {
    flotilla: 'cli/main.ts',
    scheduler: 'services/scheduler/main.ts',
    node: 'services/node/main.ts',
    kv: 'services/kv/main.ts',
    api: 'services/api/main.ts',
  },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: 'linked',
  // CommonJS packages that are bundled into ESM still call require().
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  plugins: [leaveOut],
  // pino starts worker threads by path; fastify's schema compilers write code that requires their parts by name.
  external: ['pino', 'fastify'],
  logLevel: 'warning',
});
await chmod('dist/flotilla.js', 0o755);
