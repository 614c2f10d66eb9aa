// How what something costs grows with its size (G7). It compares shapes, never times: the slope of log(cost) over log(size) is 1 where each byte costs the
// same, 2 where it is the square, and a machine that is slow or busy moves it little, since of several runs the cheapest counts.
import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What to measure at one size: `run` is measured, what led to it is not. It must be repeatable. */
export interface Measured {
  /** Bytes of the message. */
  readonly bytes: number
  readonly run: () => unknown
}

export interface Sample {
  readonly bytes: number
  readonly cost: number
}

/** From ×1 to ×64. */
const FACTORS = [1, 4, 16, 64]
const RUNS = 5
/** A busy neighbour may spoil one measurement, hardly three. */
const ATTEMPTS = 3
/** Caches and the collection of garbage cost a large run more than its share, and on a machine that others use more of it: 1.35 at times, where a square is 1.65 to 2. */
const SLOPE_MAX = 1.45

/** Processor milliseconds of this process: others on the machine do not count. */
function processorMs(run: () => unknown): number {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

function cheapest(run: () => unknown, runs: number): number {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < runs; round++) least = Math.min(least, processorMs(run))
  return least
}

/** The slope of the line that fits log(cost) over log(bytes) best. */
export function slopeOf(samples: readonly Sample[]): number {
  const points = samples.map(({ bytes, cost }) => [Math.log(bytes), Math.log(Math.max(cost, 1e-3))] as const)
  const mean = (of: (point: readonly [number, number]) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length
  const [x, y] = [mean((point) => point[0]), mean((point) => point[1])]
  return points.reduce((sum, [px, py]) => sum + (px - x) * (py - y), 0) / points.reduce((sum, [px]) => sum + (px - x) ** 2, 0)
}

function measure(make: (factor: number) => Measured, factors: readonly number[], runs: number): Sample[] {
  return factors.map((factor) => {
    const { bytes, run } = make(factor)
    return { bytes, cost: cheapest(run, runs) }
  })
}

/** The least slope of a few attempts: noise makes a curve steeper or flatter by chance, a square is one each time. */
export function costSlope(
  make: (factor: number) => Measured,
  attempts = ATTEMPTS,
  {
    factors = FACTORS,
    runs = RUNS,
    warmFactor = 4,
  }: { readonly factors?: readonly number[]; readonly runs?: number; readonly warmFactor?: number } = {},
): number {
  // Compile first: a small run would pay for all of it.
  const warm = make(warmFactor)
  for (let round = 0; round < runs; round++) warm.run()
  let least = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < attempts && least > SLOPE_MAX; attempt++) least = Math.min(least, slopeOf(measure(make, factors, runs)))
  return least
}

/** What eight times the bytes cost, in shares: 1 where each byte costs the same, 8 where it is the square. Of two sizes only, for when there is much to measure. */
export function costOverShare(make: (factor: number) => Measured): number {
  return 8 ** (costSlope(make, ATTEMPTS, { factors: [1, 8], runs: 3, warmFactor: 1 }) - 1)
}

/** `make(factor)` gives something of about `factor` times the smallest size. */
export function assertCostGrowsWithBytes(make: (factor: number) => Measured): void {
  const slope = costSlope(make)
  assert.ok(slope < SLOPE_MAX, `the cost grows with the bytes to the power of ${slope.toFixed(2)}`)
}

/** `make(factor)` gives a message that stays as large as it is, and something about it that grows. */
export function assertCostStays(make: (factor: number) => Measured): void {
  const slope = costSlope((factor) => ({ ...make(factor), bytes: factor }))
  assert.ok(slope < 0.5, `the cost grows with what is there already to the power of ${slope.toFixed(2)}`)
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function heldBytes(): number {
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** `make(factor)` makes something that holds memory from its bytes: how much of it must grow with the bytes, too. */
export function assertMemoryGrowsWithBytes(make: (factor: number) => Measured): void {
  const measured = (): Sample[] =>
    FACTORS.map((factor) => {
      const { bytes, run } = make(factor)
      const before = heldBytes()
      const held = run()
      const cost = heldBytes() - before
      assert.notEqual(held, null)
      // A little is held by everything.
      return { bytes, cost: Math.max(cost, 16_384) }
    })
  // What else the heap lets go of meanwhile makes one measurement smaller; a square is one each time.
  let slope = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < ATTEMPTS && slope >= SLOPE_MAX; attempt++) slope = Math.min(slope, slopeOf(measured()))
  assert.ok(slope < SLOPE_MAX, `the memory grows with the bytes to the power of ${slope.toFixed(2)}`)
}
