// REDIS_URL: what it may say, and the words for what it may not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { slotOf } from '../../server/redis/cluster-subscriber.js'
import { describeTarget, parseRedisUrl } from '../../server/redis/redis-url.js'

test('one server, Sentinels and a cluster are told apart, with defaults for what is not said', () => {
  const access = { tls: false, username: null, password: null, prefix: 'weft' }
  assert.deepEqual(parseRedisUrl('redis://cache'), { kind: 'server', ...access, host: 'cache', port: 6379, database: 0 })
  assert.deepEqual(parseRedisUrl('rediss://us%3Aer:p%40ss%2Fword@[::1]:7000/3?prefix=team:a'), {
    kind: 'server',
    tls: true,
    username: 'us:er',
    password: 'p@ss/word',
    prefix: 'team:a',
    host: '::1',
    port: 7000,
    database: 3,
  })
  assert.deepEqual(parseRedisUrl('redis-sentinel://:word@one,two:1234/main?sentinelPassword=s'), {
    kind: 'sentinel',
    ...access,
    password: 'word',
    sentinels: [
      { host: 'one', port: 26379 },
      { host: 'two', port: 1234 },
    ],
    name: 'main',
    sentinelUsername: null,
    sentinelPassword: 's',
  })
  assert.deepEqual(parseRedisUrl('rediss-cluster://a:1,b:2'), {
    kind: 'cluster',
    ...access,
    tls: true,
    hosts: [
      { host: 'a', port: 1 },
      { host: 'b', port: 2 },
    ],
  })
})

test('G5: a URL that cannot be one is refused in words that name the setting and keep the password', () => {
  const bad = [
    '',
    'cache:6379',
    'http://cache',
    'redis://',
    'redis://:topsecret@',
    'redis://:topsecret@cache:0',
    'redis://:topsecret@cache:70000',
    'redis://:topsecret@cache:port',
    'redis://:topsecret@cache/database',
    'redis://:topsecret@a,b',
    'redis://:topsecret%@cache',
    'redis://:topsecret@cache?timeout=5',
    'redis://:topsecret@cache?prefix=a{b}',
    'redis-sentinel://:topsecret@a,b',
    'redis-cluster://:topsecret@a/1',
    'redis-cluster://:topsecret@a,,b',
  ]
  for (const url of bad) {
    assert.throws(
      () => parseRedisUrl(url, 'cluster.redisUrl'),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'invalid-configuration', url)
        assert.match(error.message, /^cluster\.redisUrl /)
        assert.ok(!error.message.includes('topsecret'), error.message)
        return true
      },
      url,
    )
  }
})

test('a target is described without its password', () => {
  const urls = ['redis://u:topsecret@cache', 'redis-sentinel://u:topsecret@a,b/main', 'redis-cluster://u:topsecret@a,b']
  assert.deepEqual(
    urls.map((url) => describeTarget(parseRedisUrl(url))),
    ['cache:6379', 'main (Sentinels a:26379, b:26379)', 'the cluster at a:6379, b:6379'],
  )
})

test('slots are those of the Redis Cluster specification', () => {
  assert.deepEqual(['123456789', 'foo', 'bar', ''].map(slotOf), [12_739, 12_182, 5_061, 0])
})
