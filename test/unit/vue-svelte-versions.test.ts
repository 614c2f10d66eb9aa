// The list of versions in Vue and in Svelte: it comes when it is shown, follows what is done here, and tells why it could not be had.
import '../helpers/page-window.js'

import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { get } from 'svelte/store'
import { createApp, nextTick, shallowRef } from 'vue'
import type { DocumentVersion } from '../../client/index.js'
import { versions } from '../../client/svelte/index.js'
import { type OpenDocument, useVersions } from '../../client/vue/index.js'
import { component } from '../helpers/vue-page.js'

const version = (seq: number): DocumentVersion => ({ seq, name: `v${seq}`, description: null, author: null, createdAt: seq, stateBytes: 1 })

/** A document with versions, at most two of which are answered at once. */
function documentWith(seqs: number[]) {
  let failure: Error | null = null
  const session = {
    versions: async ({ before = Number.POSITIVE_INFINITY }: { readonly before?: number }) => {
      if (failure !== null) throw failure
      const older = seqs.filter((seq) => seq < before).sort((a, b) => b - a)
      return { items: older.slice(0, 2).map(version), next: older.length > 2 ? (older[1] ?? null) : null }
    },
    keep: async (name: string) => {
      seqs.push(Number(name))
      return version(Number(name))
    },
  }
  const fail = (error: Error): void => {
    failure = error
  }
  return { document: { session } as unknown as OpenDocument, fail }
}

/** Lets promises and Vue do what is to be done. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
  await nextTick()
}

const words = ({ versions: list, hasMore, error }: ReturnType<typeof useVersions>['value']): string =>
  `${list?.map(({ seq }) => seq).join() ?? 'none'}${hasMore ? ' and more' : ''}${error === null ? '' : ` ${error.message}`}`

test('Vue: versions come when they are shown, more on demand, and again when one is kept', async () => {
  const { document: open, fail } = documentWith([1, 2, 3])
  const shown = shallowRef<OpenDocument | null>(null)
  let latest: ReturnType<typeof useVersions> | null = null
  const container = document.createElement('main')
  const app = createApp(
    component(() => {
      const now = useVersions(shown)
      latest = now
      return () => words(now.value)
    }),
  )
  app.mount(container)
  const now = () => (latest ?? assert.fail('it is mounted')).value
  assert.deepEqual([container.textContent, now().keep], ['none', null])
  shown.value = open
  await settled()
  await settled()
  assert.equal(container.textContent, '3,2 and more')
  now().more()
  await settled()
  assert.equal(container.textContent, '3,2,1')
  await now().keep?.('4')
  await settled()
  assert.equal(container.textContent, '4,3 and more')
  fail(new Error('No.'))
  now().refresh()
  await settled()
  assert.equal(container.textContent, '4,3 and more No.')
  app.unmount()
})

test('Svelte: versions come when somebody subscribes, more on demand, and again when one is kept', async () => {
  const { document: open } = documentWith([1, 2, 3])
  const store = versions({
    subscribe(run) {
      run(open)
      return () => {}
    },
  })
  const stop = store.subscribe(() => {})
  await settled()
  assert.equal(words(get(store)), '3,2 and more')
  get(store).more()
  await settled()
  assert.equal(words(get(store)), '3,2,1')
  await get(store).keep?.('4')
  await settled()
  assert.equal(words(get(store)), '4,3 and more')
  stop()
})
