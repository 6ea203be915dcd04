import { serializeState } from '../../shared/domain/serializeState.ts';
import { Projection } from '../../shared/log/projection.ts';
import type { GoldenRecord } from './scenario.ts';

/** The bytes of the state that these records lead to, and a line end. */
export function replayGolden(records: readonly GoldenRecord[]): string {
  const projection = new Projection();
  for (const { seq, subject, data } of records) {
    projection.apply({ seq, subject, id: '', data: new TextEncoder().encode(data) });
  }
  return `${serializeState(projection.state)}\n`;
}
