// docker-compose.yml and the files beside it: valid by the Compose specification's own schema, and true to what the server takes.
import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { settingNames, settingOf } from '../../server/config/settings.js'
import { repositoryRoot } from '../helpers/repository.js'

interface Service {
  readonly environment?: Readonly<Record<string, string>>
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck?: object
  readonly build?: string
  readonly ports?: readonly { readonly host_ip: string }[]
}

const read = (name: string): string => fs.readFileSync(path.join(repositoryRoot, name), 'utf8')
const compose = parse(read('docker-compose.yml'), { merge: true }) as { readonly services: Readonly<Record<string, Service>> }

test('docker-compose.yml is valid by the Compose specification', () => {
  const linter = path.join(repositoryRoot, 'node_modules/dclint/bin/dclint.cjs')
  const { status, stdout, stderr } = spawnSync(process.execPath, [linter, 'docker-compose.yml'], { cwd: repositoryRoot, encoding: 'utf8' })
  assert.equal(status, 0, `${stdout}${stderr}`)
})

test('every service is health-checked, and who depends on another waits for its health', () => {
  for (const [name, service] of Object.entries(compose.services)) {
    // The nodes' check comes with their image.
    assert.ok(service.healthcheck !== undefined || (service.build !== undefined && read('Dockerfile').includes('HEALTHCHECK')), name)
    for (const [needed, { condition }] of Object.entries(service.depends_on ?? {})) {
      assert.ok(compose.services[needed] !== undefined, `${name} depends on ${needed}`)
      assert.equal(condition, 'service_healthy')
    }
  }
})

test('the nodes are told apart, reachable under what they advertise, and set only what the server reads', () => {
  const nodes = Object.entries(compose.services).filter(([, service]) => service.build !== undefined)
  assert.equal(nodes.length, 3)
  assert.equal(new Set(nodes.map(([, { environment }]) => environment?.['NODE_ID'])).size, 3)
  for (const [name, { environment = {} }] of nodes) {
    assert.equal(environment['ADVERTISE'], `${name}:1234`)
    assert.ok(read('docker/haproxy.cfg').includes(`server ${name} ${name}:1234`), `the load balancer knows ${name}`)
    for (const variable of Object.keys(environment))
      assert.ok(
        settingNames.some((name) => [settingOf(name).variable, `${settingOf(name).variable}_FILE`].includes(variable)),
        `${variable} is a variable that the server reads`,
      )
  }
})

test('X1: the secrets of the examples are known as such, so that nobody outside is let in by them', () => {
  for (const name of ['cluster-secret', 'admin-key', 'jwt-secret']) assert.match(read(`docker/local-only/${name}`), /^example-/, name)
  for (const [name, { environment = {} }] of Object.entries(compose.services).filter(([, service]) => service.build !== undefined))
    assert.match(environment['WEFT_PUBLISHED_AT'] ?? '', /^\$\{PUBLISH_ADDRESS:-127\.0\.0\.1\}$/, `${name} knows whether it is on loopback`)
  assert.match(compose.services['load-balancer']?.ports?.[0]?.host_ip ?? '', /^\$\{PUBLISH_ADDRESS:-127\.0\.0\.1\}$/)
})

test('the load balancer logs no query of a URL, where stock clients have their token', () => {
  const config = read('docker/haproxy.cfg')
  assert.ok(!/^\s*option httplog/m.test(config))
  assert.match(config, /log-format "[^"]*%HM %HPO"/)
})

test('the load balancer hashes documents that are in the path, and spreads the connections of clients that name theirs inside', () => {
  const sections = new Map(
    read('docker/haproxy.cfg')
      .split(/^(?=\S)/m)
      .map((section) => [section.split('\n')[0] ?? '', section]),
  )
  assert.match(sections.get('backend nodes') ?? '', /balance uri path-only\n/)
  assert.match(sections.get('backend any-node') ?? '', /balance leastconn\n/)
  assert.match(sections.get('frontend clients') ?? '', /use_backend any-node if \{ path \/ \}\n {2}default_backend nodes\n/)
  const serversOf = (backend: string): readonly string[] =>
    [...(sections.get(backend) ?? '').matchAll(/^ {2}server (\S+ \S+)/gm)].map((match) => match[1] ?? '')
  assert.deepEqual(serversOf('backend any-node'), serversOf('backend nodes'))
})

test('the image runs as a user of its own, without the development dependencies, and checks its health', () => {
  const lines = read('Dockerfile').split('\n')
  const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')))
  assert.ok(last.some((line) => line === 'USER node'))
  assert.ok(lines.some((line) => line.includes('npm prune --omit=dev')))
  assert.ok(last.some((line) => line.startsWith('HEALTHCHECK')))
  const major = Number(/^FROM node:(\d+)/m.exec(lines.join('\n'))?.[1])
  assert.ok(major >= 20)
})
