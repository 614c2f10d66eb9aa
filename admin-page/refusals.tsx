/** @jsxImportSource preact */
// Who was refused lately, and why.
import { useState } from 'preact/hooks'
import type { AdminOverview } from '../server/api/routes/admin.js'
import { clockTime, count, dateTime } from './format.js'
import { Table } from './table.js'

const SHOWN_AT_FIRST = 8

export function Refusals({ overview: { refusals, refusalsByCode } }: { readonly overview: AdminOverview }) {
  const [all, setAll] = useState(false)
  const shown = all ? refusals : refusals.slice(0, SHOWN_AT_FIRST)
  return (
    <section class="card" aria-labelledby="refusals">
      <h2 id="refusals">
        Recent refusals <small>of this node, since its start</small>
      </h2>
      {refusalsByCode.length === 0 ? null : (
        <p class="codes">
          {refusalsByCode.map((one) => (
            <span class="tag" key={one.code}>
              {one.code} <b>{count(one.count)}</b>
            </span>
          ))}
        </p>
      )}
      <Table
        rows={shown}
        keyOf={(one) => `${one.code} ${one.act} ${one.user} ${one.address} ${one.documentId}`}
        nothing="Nobody was refused."
        columns={[
          {
            name: 'When',
            kind: 'short',
            title: (one) => dateTime(one.at),
            show: (one) => (
              <>
                {clockTime(one.at)}
                {one.count === 1 ? null : (
                  <small>
                    {count(one.count)} times since {clockTime(one.since)}
                  </small>
                )}
              </>
            ),
          },
          { name: 'Why', kind: 'short', show: (one) => one.code },
          {
            name: 'Who',
            kind: 'short',
            show: (one) => (
              <>
                {one.user ?? <span class="soft">nobody known</span>}
                <small>{one.address ?? 'this machine'}</small>
              </>
            ),
          },
          {
            name: 'What',
            show: (one) => (
              <>
                {one.documentId ?? one.act}
                {one.documentId === null ? null : <small>{one.act}</small>}
              </>
            ),
          },
        ]}
      />
      {refusals.length <= SHOWN_AT_FIRST ? null : (
        <button type="button" class="button small quiet" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? 'Show fewer' : `Show all ${refusals.length}`}
        </button>
      )}
    </section>
  )
}
