import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'

/** What Node's parser refuses before any handler sees it. */
const ANSWERS: Readonly<Record<string, readonly [status: string, text: string]>> = {
  HPE_HEADER_OVERFLOW: [
    '431 Request Header Fields Too Large',
    'the headers are too large; send the request as text/plain, in the body',
  ],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'the request took too long to arrive'],
}

/** Answers bytes that are no HTTP request, and ends the connection. */
export function answerClientError(error: Error & { readonly code?: string }, socket: Socket, product: string): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const [status, text] = ANSWERS[error.code ?? ''] ?? ['400 Bad Request', 'this is not an HTTP request']
  const head = [
    `HTTP/1.1 ${status}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
    `Server: ${product}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`)
}
