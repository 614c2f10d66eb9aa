// The second half of the cluster's seeds, so that two processes share them: see cluster.test.ts.
import { test } from 'node:test'
import { runClusterSeeds } from './cluster-seeds.js'

const FIRST = 151
const COUNT = Number(process.env['SEEDS'] ?? 60)

test(`D1, D2, D4, D5, D6, O1, O2, O4, O5, S1, S3, S6, A1, A2, A3, A4, G2, G4: ${COUNT} more seeds of a cluster`, { timeout: 390_000 }, () =>
  runClusterSeeds(FIRST, COUNT),
)
