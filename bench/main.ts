// `npm run bench [-- name…] [--quick]`: measures, prints each figure beside its baseline, and never fails by the clock.
import { runBenches } from './support/runBenches.ts';

await runBenches(
  {
    commands: () => import('./commands.ts'),
    replay: () => import('./replay.ts'),
    start: () => import('./start.ts'),
    burst: () => import('./burst.ts'),
    'list-units': () => import('./listUnits.ts'),
    idle: () => import('./idle.ts'),
    scheduler: () => import('./scheduler.ts'),
    large: () => import('./large.ts'),
    failover: () => import('./failover.ts'),
  },
  { command: 'npm run bench', about: 'measures, and prints each figure beside its baseline' },
);
