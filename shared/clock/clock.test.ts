import { describeClockContract } from './clock.contract.ts';
import { createSimulatedClock } from './simulatedClock.ts';
import { systemClock } from './systemClock.ts';

describeClockContract('the system clock', () => ({
  clock: systemClock,
  pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
}));

describeClockContract('a simulated clock', () => {
  const clock = createSimulatedClock(1_700_000_000_000);
  return { clock, pass: (ms) => clock.advance(ms) };
});
