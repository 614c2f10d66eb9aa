// The rules of docs/promises.md and the titles of the tests: every rule is named by a test, no title claims a range of them, and a title names only what
// the test goes near.
import { strict as assert } from 'node:assert'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { repositoryRoot } from '../helpers/repository.js'
import { rangesIn, titledTests } from '../helpers/test-titles.js'

/** A test that claims more must come from a harness that names each rule at the check of it. */
const RULES_PER_TITLE_MAX = 3

/** What the source of a test must speak of if its title names the rule. Far from a proof, but a title that was copied does not pass. */
const subjects: Readonly<Record<string, RegExp>> = {
  D1: /acknowledg|\bsaved\b|\bcommit|append/i,
  D2: /broadcast|beat|shown|shows|everybody|echo/i,
  D3: /kill|crash|restart|reopen|close\(|signal|set back|outage|again/i,
  D4: /empty|damage|unreadable|incarnation|openDocument|cannot be read|\bload/i,
  D5: /\bseq|contiguous|\bhead\b/i,
  D6: /compact|snapshot|prune|restore/i,
  D7: /sync|commit|unknown|outcome|retryable|store-/i,
  D8: /poison|quarantine|malformed|merge|forged|appl(y|ies|ied)|compact|document-corrupt/i,
  O1: /epoch|fence|\bowns?\b|\bowned|\bowner|location|advertise/i,
  O2: /take|owner|epoch|kill|\blost|looks/i,
  O3: /pause|stop|stale|epoch|resum|silent|heartbeat/i,
  O4: /redis|bus|clock/i,
  O5: /move|drain|release|join|leave/i,
  O6: /lock|folder/i,
  S1: /canonicalState|equal|converge|same/i,
  S2: /join|base|copies|state|bytes/i,
  S3: /known|repeat|already/i,
  S4: /pending|missing|gap|dependenc|later|order/i,
  S5: /load|attach|opens|\bonce\b|subscri|\.join\(/i,
  S6: /join|catch|resume|seq|missed/i,
  A1: /awareness|presence|cursor/i,
  A2: /foreign|speaks|spoof|\bclaim|probe|\.say\(|awareness/i,
  A3: /lag|drop|slow|frames?/i,
  A4: /remov|gone|leave|disconnect|close/i,
  A5: /remov|'null'|\bnull\b|\.leave\(/i,
  A6: /\bat\b|look/i,
  G1: /max|high|limit|\blarge|\blong|past|bound|malformed|2 \*\* 31/i,
  G2: /outbox|buffer|\blag|slow|behind|suspend/i,
  G3: /pong|ping|silen|half-open|heartbeat|timed/i,
  G4: /drain|stop|SIGTERM/i,
  G5: /reason|code|refus|message|closed|status/i,
  G6: /permission|read-only|authoriz|auth-denied/i,
  G7: /cost|event ?loop|struct|bytes|turn|linear|worker|compact/i,
  G8: /memory|budget|held|bytes|account/i,
  G9: /piece|slow|rate|bytes/i,
  H1: /readAt|readLog|\bat\b|replay/i,
  H2: /restore/i,
  H4: /delete|DELETE/,
  H3: /prune|retention|window|version|credible/i,
  X1: /host|address|forwarded|loopback/i,
  E1: /told|cursor|seq/i,
  E2: /told|page|requests/i,
  X2: /grant|right|forbidden|unauthenticated/i,
  X3: /revo|expir|remove|inMs/i,
  X4: /ticket|insert/i,
  X5: /hunter2|secret|password|token/i,
  X6: /sec-fetch-site|origin/i,
  H5: /users|firstUses|author/i,
  H6: /import|unfinished/i,
}

const promises = fs.readFileSync(path.join(repositoryRoot, 'docs/promises.md'), 'utf8')
const rules = [...promises.matchAll(/^\| ([A-Z]\d) \|/gm)].map((match) => match[1] ?? '')
const tests = titledTests()

test('every rule in docs/promises.md has a test that names it, and says what such a test is about', () => {
  assert.ok(rules.length > 25, 'the table of rules was found')
  const named = new Set(tests.flatMap((titled) => titled.rules))
  assert.deepEqual(
    rules.filter((rule) => !named.has(rule)),
    [],
    'rules without a test',
  )
  assert.deepEqual(
    rules.filter((rule) => subjects[rule] === undefined),
    [],
    'rules without a subject above',
  )
})

test('no title claims a range of rules', () => {
  assert.deepEqual(
    tests.filter(({ title }) => rangesIn(title).length > 0).map(({ file, title }) => `${file}: ${title}`),
    [],
  )
  // The check sees what it is for.
  assert.deepEqual(rangesIn('D1–D6, O1 … O3, S4, G2: seeds'), ['D1–D6', 'O1 … O3'])
})

test('a title names only rules that the test goes near', () => {
  const claims = tests.flatMap(({ file, title, rules, source }) =>
    rules.map((rule) => ({ claim: `${rule} in ${file}: ${title}`, holds: subjects[rule]?.test(source) === true })),
  )
  assert.ok(claims.length > 300, `${claims.length} claims were looked at`)
  assert.deepEqual(
    claims.filter(({ holds }) => !holds).map(({ claim }) => claim),
    [],
    'a title names a rule that its test never speaks of: mend the title, or the subject above if that is too narrow',
  )
})

test(`a title that names more than ${RULES_PER_TITLE_MAX} rules has a check for each of them that says so`, () => {
  const broad = tests.filter((titled) => titled.rules.length > RULES_PER_TITLE_MAX)
  const unchecked = broad.flatMap(({ file, title, rules, source }) =>
    rules
      .filter((rule) => !new RegExp(`['"\`](?:[A-Z]\\d,? )*${rule}(?:,? [A-Z]\\d)*: `).test(withoutTitles(source)))
      .map((rule) => `${rule} in ${file}: ${title}`),
  )
  assert.deepEqual(unchecked, [])
})

/** A title is not a check. */
function withoutTitles(source: string): string {
  return source.replaceAll(/\b(?:test|it|describe)\(\s*(['"`])(?:\\.|(?!\1).)*\1/gs, '')
}
