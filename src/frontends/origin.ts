import { isIPv4 } from 'node:net'
import { headerValues, type HttpRequest } from './http.ts'

/** By which names clients may call us, and which web pages may. */
export interface OriginRules {
  /** How clients reach the API (`https://cloud.example.org:8787`). */
  readonly publicUrl: string
  /** Origins of web pages that may call, beside the public URL's own. */
  readonly allowedOrigins?: readonly string[]
}

/**
 * Refuses what a web page made a browser send: a `Host` that is neither loopback nor ours is a rebound DNS name, and an
 * `Origin` that nobody configured is a foreign page, whose `text/plain` POST no browser would stop.
 *
 * @returns why the request is refused, or `undefined`
 */
export function originCheck({ publicUrl, allowedOrigins = [] }: OriginRules) {
  const ours = new URL(publicUrl)
  const origins = new Set([ours.origin, ...allowedOrigins])
  return (request: Pick<HttpRequest, 'headers'>): string | undefined => {
    // A client of HTTP/1.0 may send no Host; browsers always do.
    const host = headerValues(request, 'Host').find((value) => !isOurs(value, ours.hostname))
    if (host !== undefined) return `this server is not called ${show(host)}; it is ${ours.host} (server.publicUrl)`
    const origin = headerValues(request, 'Origin').find((value) => !origins.has(value))
    if (origin !== undefined) return `pages of ${show(origin)} may not call this server (server.allowedOrigins)`
    return undefined
  }
}

function isOurs(host: string, ourName: string): boolean {
  const name = /^(\[[^\]]*\]|[^:]*)(?::\d*)?$/.exec(host.trim().toLowerCase())?.[1]?.replace(/\.$/, '')
  return name !== undefined && (name === ourName || isLoopback(name))
}

function isLoopback(name: string): boolean {
  return name === 'localhost' || name === '[::1]' || (name.startsWith('127.') && isIPv4(name))
}

function show(value: string): string {
  return JSON.stringify(value.slice(0, 100))
}
