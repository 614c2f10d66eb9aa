// Ending a wait that has no end of its own.
import { WeftError } from '../../core/errors.js'

/**
 * What the promise comes to, or a rejection with `draining` as soon as `cancelled` is aborted. A value that comes after that is handed to
 * `unused`; an error that comes after it is nobody's.
 */
export function unlessCancelled<Value>(
  cancelled: AbortSignal,
  promise: Promise<Value>,
  unused: (value: Value) => void = () => {},
): Promise<Value> {
  return new Promise((resolve, reject) => {
    const cancel = (): void => {
      reject(new WeftError('draining', 'The server is stopping.'))
    }
    const settled = (): boolean => {
      cancelled.removeEventListener('abort', cancel)
      return cancelled.aborted
    }
    if (cancelled.aborted) cancel()
    else cancelled.addEventListener('abort', cancel)
    promise.then(
      (value) => (settled() ? unused(value) : resolve(value)),
      (thrown) => (settled() ? undefined : reject(thrown)),
    )
  })
}
