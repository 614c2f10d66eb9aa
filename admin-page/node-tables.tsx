/** @jsxImportSource preact */
// The nodes that are alive, and the documents that are busiest.
import type { AdminOverview } from '../server/api/routes/admin.js'
import { bytes, count, dateTime, duration } from './format.js'

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
      <table>
        <thead>
          <tr>
            <th>Node</th>
            <th>State</th>
            <th class="number">Up</th>
            <th class="number">Shards</th>
          </tr>
        </thead>
        <tbody>
          {nodes.map((one) => (
            <tr key={one.boot} class={one.boot === node.boot ? 'self' : ''}>
              <td data-name="Node">
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
              </td>
              <td data-name="State">
                <span class={`state ${one.draining ? 'busy' : 'good'}`}>{one.draining ? 'draining' : 'alive'}</span>
                {node.mode === 'cluster' ? <small>heard {duration(one.heartbeatAgeMs)} before</small> : null}
              </td>
              <td data-name="Up" class="number" title={one.startedAt === null ? '' : dateTime(one.startedAt)}>
                {duration(node.now - (one.startedAt ?? node.startedAt))}
              </td>
              <td data-name="Shards" class="number">
                {count(one.ownedShards)}
                <meter min={0} max={shards.total} value={one.ownedShards} aria-label={`${share(one.ownedShards)} % of the shards`} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
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
      {busiest.length === 0 ? (
        <p class="nothing">{node.mode === 'cluster' ? 'Nobody types in a document of this node.' : 'Nobody types.'}</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th>Document</th>
              <th class="number">Commits</th>
              <th class="number">Written</th>
              <th class="number">Sessions</th>
            </tr>
          </thead>
          <tbody>
            {busiest.slice(0, 10).map((one) => (
              <tr key={one.documentId}>
                <td data-name="Document">
                  <button type="button" class="link" onClick={() => open(one.documentId)} title={`${one.documentId}: history`}>
                    {one.documentId}
                  </button>
                </td>
                <td data-name="Commits" class="number">
                  {count(one.commitsPerSecond)} /s
                </td>
                <td data-name="Written" class="number">
                  {bytes(one.bytesPerSecond)}/s
                </td>
                <td data-name="Sessions" class="number">
                  {count(one.sessions)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}
