// Documents by URL: which one this page shows, links to others, the ones opened before, and names for new ones.

const recentKey = 'weft-demo:recent'
const recentMax = 8
const adjectives = ['amber', 'calm', 'clear', 'early', 'gentle', 'golden', 'hidden', 'late', 'quiet', 'silver', 'soft', 'wild', 'winding']
const nouns = ['bridge', 'field', 'garden', 'harbour', 'hill', 'lantern', 'letter', 'loom', 'meadow', 'orchard', 'otter', 'river', 'thread']

/** The id of the document that a page at `url` shows. */
export function documentIdOf(url: URL): string {
  const id = url.searchParams.get('doc')?.trim()
  return id === undefined || id === '' ? 'welcome' : id
}

/** The address of the page that shows a document, relative to this one, with its slashes left readable. */
export function documentLink(documentId: string): string {
  return `./?doc=${encodeURIComponent(documentId).replaceAll('%2F', '/')}`
}

export function newDocumentId(): string {
  const [adjective = 0, noun = 0, number = 0] = crypto.getRandomValues(new Uint32Array(3))
  return `notes/${adjectives[adjective % adjectives.length]}-${nouns[noun % nouns.length]}-${number % 10_000}`
}

/** The documents opened in this browser, the latest first. */
export function recentDocuments(): string[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(recentKey) ?? '[]')
    return Array.isArray(stored) ? stored.filter((id) => typeof id === 'string') : []
  } catch {
    return []
  }
}

export function rememberDocument(documentId: string): void {
  const others = recentDocuments().filter((id) => id !== documentId)
  localStorage.setItem(recentKey, JSON.stringify([documentId, ...others].slice(0, recentMax)))
}
