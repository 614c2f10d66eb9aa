// Keeps the page itself in the browser, so that it also opens while the server is away. Documents are not its business: IndexedDB has those.

// The service worker's own globals; TypeScript's `dom` and `webworker` libraries cannot be loaded together.
interface LifecycleEvent extends Event {
  waitUntil(done: Promise<unknown>): void
}
interface RequestEvent extends LifecycleEvent {
  readonly request: Request
  respondWith(response: Promise<Response>): void
}
interface WorkerScope {
  readonly location: { readonly href: string; readonly origin: string }
  readonly clients: { claim(): Promise<void> }
  skipWaiting(): Promise<void>
  addEventListener(type: 'install' | 'activate', listener: (event: LifecycleEvent) => void): void
  addEventListener(type: 'fetch', listener: (event: RequestEvent) => void): void
}

const scope = globalThis as unknown as WorkerScope
const cacheName = 'weft-demo'
/** The paths of the page's files, in the folder that this script came from. */
const shell = ['./', 'main.js', 'style.css', 'icon.svg'].map((path) => new URL(path, scope.location.href).pathname)

/** The network's answer, kept for later; while there is none, the one that was kept. */
async function networkFirst(request: Request, path: string): Promise<Response> {
  const cache = await caches.open(cacheName)
  try {
    const response = await fetch(request)
    if (response.ok) await cache.put(path, response.clone())
    return response
  } catch (error) {
    const kept = await cache.match(path)
    if (kept === undefined) throw error
    return kept
  }
}

scope.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(cacheName)
      .then((cache) => cache.addAll(shell))
      .then(() => scope.skipWaiting()),
  )
})

scope.addEventListener('activate', (event) => event.waitUntil(scope.clients.claim()))

scope.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url)
  // The page is the same for every document, whatever its query says.
  if (event.request.method === 'GET' && url.origin === scope.location.origin && shell.includes(url.pathname))
    event.respondWith(networkFirst(event.request, url.pathname))
})
