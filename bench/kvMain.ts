// `npm run bench:kv [-- name…] [--quick]`: the key/value store beside a real etcd, on this machine, in the same run.
import { runBenches } from './support/runBenches.ts';

await runBenches(
  {
    requests: () => import('./kvRequests.ts'),
    watch: () => import('./kvWatch.ts'),
    native: () => import('./kvNative.ts'),
    million: () => import('./kvMillion.ts'),
    'check-perf': () => import('./kvCheckPerf.ts'),
  },
  { command: 'npm run bench:kv', about: 'measures the key/value store beside a real etcd; needs etcd and etcdctl' },
);
