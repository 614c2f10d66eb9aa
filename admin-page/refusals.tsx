/** @jsxImportSource preact */
// Who was refused lately, and why.
import { useState } from 'preact/hooks'
import type { AdminOverview } from '../server/api/routes/admin.js'
import { clockTime, count, dateTime } from './format.js'

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
      {refusals.length === 0 ? (
        <p class="nothing">Nobody was refused.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th>When</th>
              <th>Why</th>
              <th>Who</th>
              <th>What</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((one) => (
              <tr key={`${one.code} ${one.act} ${one.user} ${one.address} ${one.documentId}`}>
                <td data-name="When" class="short" title={dateTime(one.at)}>
                  {clockTime(one.at)}
                  {one.count === 1 ? null : (
                    <small>
                      {count(one.count)} times since {clockTime(one.since)}
                    </small>
                  )}
                </td>
                <td data-name="Why" class="short">
                  {one.code}
                </td>
                <td data-name="Who" class="short">
                  {one.user ?? <span class="soft">nobody known</span>}
                  <small>{one.address ?? 'this machine'}</small>
                </td>
                <td data-name="What">
                  {one.documentId ?? one.act}
                  {one.documentId === null ? null : <small>{one.act}</small>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {refusals.length <= SHOWN_AT_FIRST ? null : (
        <button type="button" class="button small quiet" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? 'Show fewer' : `Show all ${refusals.length}`}
        </button>
      )}
    </section>
  )
}
