// One document on the page: its title, who is here, whether it is saved, and the text.
import { defineComponent, h, onMounted, onUnmounted, type PropType, watchEffect } from 'vue'
import { type OpenDocument, useAllSaved, useDocument, useOthers, useStatus, useY } from 'weft-sync/vue'
import { type Identity, identityIn } from '../react-editor/identity.js'
import { Editor } from './editor.js'

const documentProps = { document: { type: Object as PropType<OpenDocument>, required: true } } as const

export const Page = defineComponent({
  props: { name: { type: String, required: true }, identity: { type: Object as PropType<Identity>, required: true } },
  setup(props) {
    const document = useDocument(() => props.name)
    const status = useStatus(document)
    watchEffect(() => document.value?.session.awareness.setLocalStateField('user', props.identity))
    warnBeforeLeaving()
    return () => {
      const open = document.value
      // What is typed without the server is kept, so offline is a state to work in.
      if (open === null || !(status.value.synced || status.value.connection === 'offline')) return h('h1', 'Loading …')
      return [
        h('header', [h(Title, { document: open }), h(People, { document: open }), h(SavedState, { document: open })]),
        h(Editor, { document: open, readOnly: status.value.permission === 'read-only' }),
        h(Words, { document: open }),
      ]
    }
  },
})

const Title = defineComponent({
  props: documentProps,
  setup(props) {
    const settings = () => props.document.doc.getMap<string>('settings')
    const title = useY(settings, (map) => map.get('title') ?? '')
    const rename = (event: Event) => settings().set('title', (event.currentTarget as HTMLInputElement).value)
    return () => h('input', { 'aria-label': 'Title', placeholder: 'Untitled', value: title.value, onInput: rename })
  },
})

/** Rendered when somebody comes or goes, and not when a cursor moves. */
const People = defineComponent({
  props: documentProps,
  setup(props) {
    const people = useOthers(
      () => props.document,
      (state) => identityIn(state['user']),
    )
    return () =>
      h(
        'ul',
        { 'aria-label': 'Also here' },
        people.value.map(({ clientId, state: { name, color } }) => h('li', { key: clientId, style: { borderColor: color } }, name)),
      )
  },
})

const SavedState = defineComponent({
  props: documentProps,
  setup(props) {
    const status = useStatus(() => props.document)
    const words = (): string => {
      switch (status.value.state) {
        case 'connecting':
        case 'syncing':
          return 'Loading …'
        case 'saving':
          return 'Saving …'
        case 'saved':
          return 'Saved'
        case 'offline':
          return status.value.unsaved === 0 ? 'Offline' : 'Offline: your work is kept here'
        case 'refused':
          return status.value.reason
      }
    }
    const retry = (): void => props.document.session.retry()
    return () =>
      h('output', { 'data-state': status.value.state }, [
        words(),
        status.value.refusal === null ? null : h('button', { type: 'button', onClick: retry }, 'Try again'),
      ])
  },
})

/** Rendered when the number is another one, and not for each letter. */
const Words = defineComponent({
  props: documentProps,
  setup(props) {
    const count = useY(
      () => props.document.doc.getText('body'),
      (text) => text.toString().match(/\S+/g)?.length ?? 0,
    )
    return () => h('footer', count.value === 1 ? '1 word' : `${count.value} words`)
  },
})

/** Of any document of the page, those included that were left before they were saved. */
function warnBeforeLeaving(): void {
  const all = useAllSaved()
  const warn = (event: BeforeUnloadEvent): void => {
    if (all.value.unsaved > 0) event.preventDefault()
  }
  onMounted(() => addEventListener('beforeunload', warn))
  onUnmounted(() => removeEventListener('beforeunload', warn))
}
