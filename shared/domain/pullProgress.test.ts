import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createPullProgress } from './pullProgress.ts';

describe('the progress of a pull', () => {
  test('is the sum over the layers, and the line that names the tag is none of them', () => {
    const progress = createPullProgress('redis:7');
    assert.equal(progress.describe(), 'pulling redis:7');
    progress.take({ id: '7', status: 'Pulling from library/redis' });
    progress.take({ id: 'a', status: 'Already exists' });
    progress.take({ id: 'b', status: 'Pulling fs layer' });
    assert.equal(progress.describe(), 'pulling redis:7: 1 of 2 layers');
    progress.take({ id: 'b', status: 'Downloading', progressDetail: { current: 1_000_000, total: 4_000_000 } });
    assert.equal(progress.describe(), 'pulling redis:7: 1 of 2 layers, 1.0 of 4.0 MB');
    progress.take({ id: 'b', status: 'Download complete' });
    progress.take({ id: 'b', status: 'Extracting', progressDetail: { current: 7, total: 9 } });
    progress.take({ status: 'Digest: sha256:0' });
    assert.equal(progress.describe(), 'pulling redis:7: 1 of 2 layers, 4.0 of 4.0 MB');
    progress.take({ id: 'b', status: 'Pull complete' });
    assert.equal(progress.describe(), 'pulling redis:7: 2 of 2 layers, 4.0 of 4.0 MB');
  });
});
