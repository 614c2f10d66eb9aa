// What operators see: the numbers are right, the dashboard and the alerts ask only for numbers that are there, and they have a port of their own where one is set.
import { strict as assert } from 'node:assert'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { startLocalServer } from '../helpers/local-server.js'
import { repositoryRoot } from '../helpers/repository.js'

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
