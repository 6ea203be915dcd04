// The seeds of CI are in several files, each in a time of its own on a busy machine.
import { testSeeds } from './testSeeds.ts';

testSeeds(251, 375);
