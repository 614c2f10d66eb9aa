// The head of an upgrade request, as attacks write it on a bare socket.

/** `more`: further header lines, each with its end. */
export function upgradeOf(documentId: string, more = ''): string {
  const lines = [
    'Host: 127.0.0.1',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  ]
  return `GET /${encodeURIComponent(documentId)} HTTP/1.1\r\n${lines.join('\r\n')}\r\n${more}\r\n`
}
