// Seeded histories of hostile shapes, on every path that updates take: what comes out of them, and what they cost.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzzHostile, fuzzHostileCost } from '../helpers/fuzz-hostile.js'

const seed = Number(process.env['WEFT_SEED'] ?? 2026)

test('G1, S3: histories of hostile shapes are taken in, repeated, reordered, merged and cut, and take steps in proportion to their bytes', (t) => {
  const report = fuzzHostile(seed, 5, 300)
  t.diagnostic(`seed ${seed}: ${JSON.stringify(report)}`)
  assert.ok(report.accepted > report.updates / 4 && report.refused > report.updates / 100, JSON.stringify(report))
})

test('G7: histories of hostile shapes with eight times the bytes cost no multiple of eight times as much', (t) => {
  t.diagnostic(fuzzHostileCost(seed))
})
