// What operators see: the numbers are right, the dashboard and the alerts ask only for numbers that are there, and they have a port of their own where one is set.
import { strict as assert } from 'node:assert'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { parser } from '@prometheus-io/lezer-promql'
import { parse } from 'yaml'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { startLocalServer } from '../helpers/local-server.js'
import { repositoryRoot } from '../helpers/repository.js'

interface Dashboard {
  readonly uid: string
  readonly panels: readonly {
    readonly id: number
    readonly type: string
    readonly title: string
    readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>
    readonly targets?: readonly { readonly expr: string }[]
  }[]
}

interface AlertRule {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string }
}

interface Service {
  readonly profiles?: readonly string[]
  readonly volumes?: readonly string[]
}

interface PrometheusConfig {
  readonly rule_files: readonly string[]
  readonly scrape_configs: readonly { readonly static_configs: readonly { readonly targets: readonly string[] }[] }[]
}

async function scrape(url: string): Promise<{ readonly text: string; value(line: string): number }> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const values = new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
  return {
    text,
    value: (line) => {
      const value = values.get(line)
      assert.ok(value !== undefined, `${line} is there`)
      return value
    },
  }
}

/** Names of series in a query, without functions, labels and words of the language. */
function seriesIn(expression: string): readonly string[] {
  const bare = expression.replace(/\{[^}]*\}|\[[^\]]*\]|"[^"]*"|\bby \([^)]*\)/g, ' ')
  return [...bare.matchAll(/\b(?:weft|process|nodejs)_\w+/g)].map(([name]) => name)
}

/** What is not PromQL in an expression, as Prometheus' own grammar has it. `$__rate_interval` and the like are Grafana's. */
function errorsIn(expression: string): readonly string[] {
  const bare = expression.replaceAll(/\$__\w+/g, '5m').replaceAll(/\$\w+/g, 'some')
  const errors: string[] = []
  parser.parse(bare).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) errors.push(`${bare.slice(0, from)}»${bare.slice(from, to)}`)
    },
  })
  return errors
}

test('distributions and counters say what happened, refusals by their reason', async (context) => {
  const { server, webSocketUrl } = await startLocalServer({
    authorize: ({ token }) => ({ user: token, permission: token === 'ada' ? 'read-write' : (undefined as never) }),
  })
  context.after(() => server.close())
  const connection = connect(webSocketUrl, { token: 'ada', logger: silentLogger })
  const doc = new Y.Doc()
  const session = connection.open('notes', doc)
  for (let edit = 0; edit < 5; edit++) {
    doc.getText('body').insert(0, 'x')
    await session.saved()
  }
  const stranger = connect(webSocketUrl, { token: 'eve', logger: silentLogger })
  await assert.rejects(stranger.open('notes', new Y.Doc()).synced, { code: 'forbidden' })
  const { value, text } = await scrape(server.url)
  assert.equal(value('weft_commits_total'), 5)
  assert.equal(value('weft_commit_seconds_count'), 5)
  assert.equal(value('weft_commit_seconds_bucket{le="+Inf"}'), 5)
  assert.equal(value('weft_commit_documents_bucket{le="1"}'), 5)
  assert.equal(value('weft_acknowledgement_seconds_count'), 5)
  assert.ok(value('weft_acknowledgement_seconds_sum') > 0)
  assert.equal(value('weft_delivery_seconds_count'), 5)
  assert.ok(value('weft_delivery_seconds_sum') <= value('weft_acknowledgement_seconds_sum'), 'what is delivered is acknowledged after it')
  assert.equal(value('weft_commit_bytes_count'), 5)
  assert.equal(value('weft_commit_bytes_sum'), value('weft_log_bytes_committed_total'))
  // Each edit came in and went out again, with more around it.
  const logged = value('weft_log_bytes_committed_total')
  assert.ok(logged > 0 && value('weft_bytes_received_total') > logged && value('weft_bytes_sent_total') > logged)
  const { history } = server
  assert.ok(history !== null)
  await history.restore('notes', { at: 'seq:2', author: 'ada', dryRun: true })
  assert.equal((await scrape(server.url)).value('weft_restores_total'), 0)
  await history.restore('notes', { at: 'seq:2', author: 'ada' })
  assert.equal((await scrape(server.url)).value('weft_restores_total'), 1)
  assert.equal(value('weft_sessions'), 1)
  assert.equal(value('weft_sessions_refused_total{code="forbidden"}'), 1)
  assert.ok(value('process_resident_memory_bytes') > 10_000_000)
  assert.match(text, /^nodejs_eventloop_lag_p99_seconds /m)
  // Buckets count what lies below them, so they never fall.
  const buckets = [...text.matchAll(/^weft_commit_seconds_bucket\{le="[^"]+"\} (\d+)$/gm)].map((match) => Number(match[1]))
  assert.deepEqual(
    buckets,
    [...buckets].sort((one, other) => one - other),
  )
  await Promise.all([connection.close(), stranger.close()])
  doc.destroy()
})

test('the dashboard and the alerts ask for series that the server has, and every one that it has is described', async (context) => {
  const { server } = await startLocalServer()
  context.after(() => server.close())
  const { text } = await scrape(server.url)
  const there = new Set([...text.matchAll(/^(\w+)(?:\{[^}]*\})? /gm)].map((match) => match[1] ?? ''))
  // Without a refusal there is no code to count by.
  there.add('weft_sessions_refused_total')
  const file = (name: string): string => readFileSync(path.join(repositoryRoot, name), 'utf8')
  const dashboard = JSON.parse(file('docker/grafana/dashboards/weft.json')) as {
    readonly panels: readonly { readonly title: string; readonly targets?: readonly { readonly expr: string }[] }[]
  }
  const alerts = parse(file('docker/prometheus/alerts.yml')) as {
    readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[]
  }
  const asked = [
    ...dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ by: title, expr }))),
    ...alerts.groups.flatMap(({ rules }) => rules.map(({ alert, expr }) => ({ by: alert, expr }))),
  ]
  assert.ok(asked.length > 40, `${asked.length} queries were looked at`)
  const unknown = asked.flatMap(({ by, expr }) =>
    seriesIn(expr)
      .filter((name) => !there.has(name))
      .map((name) => `${by}: ${name}`),
  )
  assert.deepEqual(unknown, [])
  // The check sees what it is for.
  assert.deepEqual(seriesIn('rate(weft_nothing_total{a="b"}[5m]) / process_x'), ['weft_nothing_total', 'process_x'])
  for (const name of there) {
    const family = name.replace(/_(?:bucket|sum|count)$/, '')
    assert.ok(
      text.includes(`# HELP ${family} `) || text.includes(`# HELP ${name} `) || name === 'weft_sessions_refused_total',
      `${name} is described`,
    )
  }
  const rules = file('docker/prometheus/alerts.yml')
  const operations = file('docs/operations.md')
  for (const { alert } of alerts.groups.flatMap((group) => group.rules))
    assert.ok(operations.includes(`\`${alert}\``), `docs/operations.md says what to do about ${alert}`)
  assert.match(rules, /severity: page/)
})

test('docs/metrics.md has each series of the server once, with its unit and its meaning, and no other', async (context) => {
  const { server } = await startLocalServer()
  context.after(() => server.close())
  const { text } = await scrape(server.url)
  const there = [...text.matchAll(/^# HELP (weft_\w+) /gm)].map((match) => match[1] ?? '')
  assert.ok(there.length > 70)
  const page = readFileSync(path.join(repositoryRoot, 'docs/metrics.md'), 'utf8')
  const described = [...page.matchAll(/^\| `(weft_\w+)` \| [^|]+ \| [^|]+ \|$/gm)].map((match) => match[1] ?? '')
  assert.deepEqual([...described].sort(), [...there].sort())
})

test('the dashboard and the alerts are what Grafana and Prometheus take, and the compose file brings them', () => {
  const file = (name: string): string => readFileSync(path.join(repositoryRoot, name), 'utf8')
  const { uid, panels } = JSON.parse(file('docker/grafana/dashboards/weft.json')) as Dashboard
  assert.match(uid, /^[\w-]{1,40}$/)
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length, 'each panel has an id of its own')
  const places = new Set<string>()
  for (const { type, title, gridPos, targets = [] } of panels) {
    const { x, y, w, h } = gridPos
    assert.ok(x >= 0 && x + w <= 24, `${title} is within the width of a dashboard`)
    for (let column = x; column < x + w; column++)
      for (let row = y; row < y + h; row++) {
        assert.ok(!places.has(`${column}:${row}`), `${title} lies on no other panel`)
        places.add(`${column}:${row}`)
      }
    assert.ok(type === 'row' || targets.length > 0, `${title} asks for something`)
    for (const { expr } of targets) assert.deepEqual(errorsIn(expr), [], `${title}: ${expr}`)
  }
  // The check sees what it is for.
  for (const wrong of ['rate(weft_x[5m]', 'weft_x[5m', 'sum by le (weft_x)', 'weft_x > ']) assert.notDeepEqual(errorsIn(wrong), [], wrong)
  const { groups } = parse(file('docker/prometheus/alerts.yml')) as {
    readonly groups: readonly { readonly rules: readonly AlertRule[] }[]
  }
  for (const { alert, expr, for: lasting = '0s', labels, annotations } of groups.flatMap(({ rules }) => rules)) {
    assert.match(alert, /^Weft[A-Z]\w+$/)
    assert.deepEqual(errorsIn(expr), [], `${alert}: ${expr}`)
    assert.match(lasting, /^\d+[smh]$/)
    assert.ok(['page', 'ticket'].includes(labels.severity), `${alert} says how urgent it is`)
    assert.ok(annotations.summary.length > 0, `${alert} says what happened`)
  }
  const { services } = parse(file('docker-compose.yml'), { merge: true }) as { readonly services: Readonly<Record<string, Service>> }
  const { rule_files, scrape_configs } = parse(file('docker/prometheus/prometheus.yml')) as PrometheusConfig
  for (const name of ['prometheus', 'grafana']) {
    const { profiles = [], volumes = [] } = services[name] ?? {}
    assert.deepEqual(profiles, ['monitoring'])
    for (const [from = ''] of volumes.map((volume) => volume.split(':')))
      assert.ok(!from.startsWith('./') || existsSync(path.join(repositoryRoot, from)), `${from} is there`)
  }
  const mounted = (services['prometheus']?.volumes ?? []).map((volume) => volume.split(':')[1])
  assert.deepEqual(
    rule_files.filter((rules) => !mounted.includes(rules)),
    [],
  )
  const nodes = Object.keys(services).filter((name) => name.startsWith('node-'))
  assert.deepEqual(
    scrape_configs.flatMap(({ static_configs }) => static_configs.flatMap(({ targets }) => targets)),
    nodes.map((name) => `${name}:1234`),
  )
})

test('metrics on a port of their own are there only, with the probes, and nothing else is', async (context) => {
  const { server } = await startLocalServer({ metricsPort: 0 })
  context.after(() => server.close())
  const { metricsUrl } = server
  assert.ok(metricsUrl !== null)
  assert.match((await scrape(metricsUrl)).text, /^weft_connections 0$/m)
  assert.equal((await fetch(`${metricsUrl}/readyz`)).status, 200)
  assert.equal((await fetch(`${metricsUrl}/api/v1/documents`)).status, 404)
  assert.equal((await fetch(`${server.url}/metrics`)).status, 404)
  assert.equal((await fetch(`${server.url}/readyz`)).status, 200)
  assert.equal((await fetch(`${server.url}/api/v1/documents/metrics/presence`)).status, 200)
})
