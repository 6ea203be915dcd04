import { etcd3Suite } from './testing/etcd3Suite.ts';
import { startLocal } from './testing/startLocal.ts';

etcd3Suite(async (t) => `127.0.0.1:${(await startLocal(t)).port}`);
