// Documents that are being made, as by an import: nobody is shown them before they are finished. Which they are is told by their incarnation,
// which whatever reads a document reads anyhow.

const UNFINISHED = 'unfinished:'

/** The incarnation under which a document is begun that is to be finished as `incarnation`. */
export function unfinished(incarnation: string): string {
  return `${UNFINISHED}${incarnation}`
}

export function isUnfinished(incarnation: string): boolean {
  return incarnation.startsWith(UNFINISHED)
}

/** The incarnation of the finished document; one that is finished already stays as it is. */
export function finished(incarnation: string): string {
  return isUnfinished(incarnation) ? incarnation.slice(UNFINISHED.length) : incarnation
}

/** What a list says of it. */
export function markUnfinished(incarnation: string): { readonly unfinished?: true } {
  return isUnfinished(incarnation) ? marked : unmarked
}

const marked = { unfinished: true } as const
const unmarked = {}

/** Whether a document is of the life in which something of it was written, which may have been before it was finished. */
export function isOfLife(document: { readonly incarnation: string }, incarnation: string): boolean {
  return document.incarnation === incarnation || document.incarnation === finished(incarnation)
}

/** For a condition in SQL. */
export const UNFINISHED_PATTERN = `${UNFINISHED}%`
