/** @jsxImportSource preact */
// The last quarter of an hour.
import type { AdminOverview } from '../server/api/routes/admin.js'
import { Chart } from './chart.js'
import { bytes, count, milliseconds } from './format.js'

export function Graphs({ overview: { samples, memory, node } }: { readonly overview: AdminOverview }) {
  const { at } = samples
  return (
    <section class="graphs" aria-label="The last quarter of an hour">
      <Chart
        title="Event loop delay"
        at={at}
        format={milliseconds}
        series={[
          { name: 'longest', values: samples.loopDelayMaxMs, colour: '--series-faint' },
          { name: '99 of 100', values: samples.loopDelayP99Ms, colour: '--series-1', filled: true },
        ]}
      />
      <Chart
        title="Memory"
        at={at}
        format={bytes}
        binary
        series={[
          { name: 'process', values: samples.residentBytes, colour: '--series-2', filled: true },
          { name: 'heap', values: samples.heapBytes, colour: '--series-3' },
          { name: 'counted', values: samples.countedBytes, colour: '--series-1' },
          // A line far above everything else would flatten it.
          ...(isNear(samples.countedBytes, memory.budgetBytes)
            ? [{ name: 'budget', values: at.map(() => memory.budgetBytes), colour: '--bad', dashed: true }]
            : []),
        ]}
      />
      <Chart
        title={node.mode === 'cluster' ? "Edits each second, of this node's documents" : 'Edits each second'}
        at={at}
        format={count}
        series={[
          { name: 'edits', values: samples.editsPerSecond, colour: '--series-1', filled: true },
          { name: 'commits', values: samples.commitsPerSecond, colour: '--series-2' },
        ]}
      />
      <Chart
        title="From an edit's arrival, 99 of 100"
        at={at}
        format={milliseconds}
        series={[
          { name: 'saved', values: samples.acknowledgementP99Ms, colour: '--series-1' },
          { name: 'shown to all', values: samples.deliveryP99Ms, colour: '--series-2' },
        ]}
      />
      <Chart
        title="Traffic each second"
        at={at}
        format={bytes}
        binary
        least={1024}
        series={[
          { name: 'out', values: samples.bytesOutPerSecond, colour: '--series-2', filled: true },
          { name: 'in', values: samples.bytesInPerSecond, colour: '--series-1' },
        ]}
      />
      <Chart
        title="Sessions and connections"
        at={at}
        format={count}
        series={[
          { name: 'sessions', values: samples.sessions, colour: '--series-1', filled: true },
          { name: 'connections', values: samples.connections, colour: '--series-3' },
        ]}
      />
    </section>
  )
}

function isNear(counted: readonly number[], budget: number): boolean {
  return counted.some((value) => value > budget / 3)
}
