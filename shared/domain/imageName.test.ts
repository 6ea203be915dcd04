import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dockerHub, registryHost, registryOf } from './imageName.ts';

describe('the registry of an image', () => {
  test('is its first part where that looks like a host, else docker’s own', () => {
    const hub = ['redis', 'redis:7', 'library/redis', 'me/app:1.2', 'docker.io/library/redis', 'index.docker.io/a/b'];
    for (const image of hub) assert.equal(registryOf(image), dockerHub, image);
    const hosts = { 'ghcr.io/a/b:1': 'ghcr.io', '127.0.0.1:5000/a': '127.0.0.1:5000', 'localhost/a': 'localhost' };
    for (const [image, host] of Object.entries(hosts)) assert.equal(registryOf(image), host);
  });

  test('is the same however a configuration file spells it', () => {
    for (const text of ['a.example:5000', 'https://a.example:5000', 'http://a.example:5000/v1/']) {
      assert.equal(registryHost(text), 'a.example:5000');
    }
  });
});
