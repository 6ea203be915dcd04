/** With `--import`: fast-check's properties and samples of this process start at {@link testSeed}. */
import fc from 'fast-check';
import { testSeed } from './seed.ts';

fc.configureGlobal({ seed: testSeed() });
