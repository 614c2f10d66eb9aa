/** @jsxImportSource preact */
// The nodes that are alive, and the documents that are busiest.
import type { AdminOverview } from '../server/api/routes/admin.js'
import { bytes, count, dateTime, duration } from './format.js'
import { Table } from './table.js'

export function Nodes({
  overview: { node, nodes, shards },
  look,
}: {
  readonly overview: AdminOverview
  readonly look: (boot: string) => void
}) {
  const share = (owned: number): number => Math.round((owned / shards.total) * 100)
  return (
    <section class="card" aria-labelledby="nodes">
      <h2 id="nodes">
        Nodes and shards <small>{node.mode === 'cluster' ? `${nodes.length} alive` : 'this server is alone'}</small>
      </h2>
      <Table
        rows={nodes}
        keyOf={(one) => one.boot}
        rowClass={(one) => (one.boot === node.boot ? 'self' : '')}
        nothing="No node is alive."
        columns={[
          {
            name: 'Node',
            show: (one) => (
              <>
                {one.boot === node.boot ? (
                  <b>{node.mode === 'alone' ? 'This server' : one.nodeId}</b>
                ) : (
                  <button type="button" class="link" title="Show this node" onClick={() => look(one.boot)}>
                    {one.nodeId}
                  </button>
                )}{' '}
                {one.boot === node.boot && node.mode === 'cluster' ? <span class="tag">shown here</span> : null}
                <small>
                  {one.advertise === null ? '' : `${one.advertise}, `}
                  {one.version}
                </small>
              </>
            ),
          },
          {
            name: 'State',
            show: (one) => (
              <>
                <span class={`state ${one.draining ? 'busy' : 'good'}`}>{one.draining ? 'draining' : 'alive'}</span>
                {node.mode === 'cluster' ? <small>heard {duration(one.heartbeatAgeMs)} before</small> : null}
              </>
            ),
          },
          {
            name: 'Up',
            kind: 'number',
            title: (one) => (one.startedAt === null ? '' : dateTime(one.startedAt)),
            show: (one) => duration(node.now - (one.startedAt ?? node.startedAt)),
          },
          {
            name: 'Shards',
            kind: 'number',
            show: (one) => (
              <>
                {count(one.ownedShards)}
                <meter min={0} max={shards.total} value={one.ownedShards} aria-label={`${share(one.ownedShards)} % of the shards`} />
              </>
            ),
          },
        ]}
      />
      {shards.unowned === 0 ? null : (
        <p class="note bad">
          {shards.unowned} shards have no owner: their documents wait until a node has taken them, which takes some seconds.
        </p>
      )}
      {node.mode === 'cluster' ? (
        <p class="note">
          Sessions, graphs, documents and refusals here are of <b>{node.nodeId}</b> alone. Choose another node above to see its own,
          wherever the page came from.
        </p>
      ) : null}
    </section>
  )
}

export function BusiestDocuments({
  overview: { busiest, node },
  open,
}: {
  readonly overview: AdminOverview
  readonly open: (documentId: string) => void
}) {
  return (
    <section class="card" aria-labelledby="busiest">
      <h2 id="busiest">
        Busiest documents <small>{node.mode === 'cluster' ? 'owned by this node, ' : ''}in the last 5 s</small>
      </h2>
      <Table
        rows={busiest.slice(0, 10)}
        keyOf={(one) => one.documentId}
        nothing={node.mode === 'cluster' ? 'Nobody types in a document of this node.' : 'Nobody types.'}
        columns={[
          {
            name: 'Document',
            show: ({ documentId }) => (
              <button type="button" class="link" onClick={() => open(documentId)} title={`${documentId}: history`}>
                {documentId}
              </button>
            ),
          },
          { name: 'Commits', kind: 'number', show: (one) => `${count(one.commitsPerSecond)} /s` },
          { name: 'Written', kind: 'number', show: (one) => `${bytes(one.bytesPerSecond)}/s` },
          { name: 'Sessions', kind: 'number', show: (one) => count(one.sessions) },
        ]}
      />
    </section>
  )
}
