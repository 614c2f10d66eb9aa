/** @jsxImportSource preact */
// Dialogs: a modal frame, and the question whether something is really meant.
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'

export interface ModalProps {
  readonly label: string
  readonly wide?: boolean
  readonly closed: () => void
  readonly children: ComponentChildren
}

/** The browser keeps the focus inside, and Escape closes it. */
export function Modal({ label, wide = false, closed, children }: ModalProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog
      ref={dialog}
      aria-label={label}
      class={wide ? 'wide' : ''}
      onClose={closed}
      // A click beside it.
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
      onKeyDown={() => {}}
    >
      <div class="dialog-body">{children}</div>
    </dialog>
  )
}

export interface Question {
  readonly title: string
  readonly text: ComponentChildren
  /** What the button says. */
  readonly action: string
  /** A choice that goes with it: label, and options by value. */
  readonly choice?: { readonly label: string; readonly options: readonly (readonly [value: string, label: string])[] }
  readonly run: (choice: string) => Promise<void>
}

export function Confirm({ question, closed }: { readonly question: Question; readonly closed: () => void }) {
  const { title, text, action, choice, run } = question
  const [chosen, setChosen] = useState(choice?.options[0]?.[0] ?? '')
  const [state, setState] = useState<{ readonly busy: boolean; readonly error: string | null }>({ busy: false, error: null })
  const answer = async (event: Event): Promise<void> => {
    event.preventDefault()
    setState({ busy: true, error: null })
    try {
      await run(chosen)
      closed()
    } catch (thrown) {
      setState({ busy: false, error: thrown instanceof Error ? thrown.message : String(thrown) })
    }
  }
  return (
    <Modal label={title} closed={closed}>
      <form onSubmit={answer}>
        <h2>{title}</h2>
        <div class="prose">{text}</div>
        {choice === undefined ? null : (
          <label class="choice">
            {choice.label}
            <select value={chosen} onChange={(event) => setChosen(event.currentTarget.value)}>
              {choice.options.map(([value, label]) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </select>
          </label>
        )}
        {state.error === null ? null : (
          <p class="error" role="alert">
            {state.error}
          </p>
        )}
        <div class="dialog-buttons">
          <button type="button" class="button quiet" onClick={closed}>
            Cancel
          </button>
          <button type="submit" class="button danger" disabled={state.busy}>
            {action}
          </button>
        </div>
      </form>
    </Modal>
  )
}
