// The worker that has the socket of all tabs.
import 'weft-sync/shared-socket/worker'
