import { createHttpClient, type HttpClient } from '../../../wire/http.ts'
import type { Call } from '../../provider.ts'
import type { CloudSettings } from '../clouds-settings.ts'
import { createIdentity } from '../identity.ts'
import type { Session } from '../session.ts'
import { withReplayedCloud, type ReplayedCloud, type Reply } from './replay.ts'

/** The recorded cloud, and us logged in at it. */
export interface ReplayedSession {
  readonly cloud: ReplayedCloud
  readonly settings: CloudSettings
  readonly http: HttpClient
  readonly session: Session
  /** The requests since the last time, without logins: `POST /v2.1/servers`. */
  readonly asked: () => readonly string[]
}

/** A call with time for anything. */
export function replayCall(): Call {
  return { signal: new AbortController().signal, deadline: Date.now() + 30_000 }
}

/** @param more settings beside those with which it was recorded */
export async function withReplayedSession(
  use: (rig: ReplayedSession) => Promise<void>,
  more: Partial<CloudSettings> = {},
): Promise<void> {
  await withReplayedCloud(async (cloud) => {
    // The recorded token's life is over by now.
    const now = () => Date.parse('2026-11-22T10:12:20Z')
    const http = createHttpClient({ now, sleep: async () => {}, maxTries: 2 })
    const [domain, endpoint] = [{ name: 'Default' }, { interface: 'public' } as const]
    const settings: CloudSettings = {
      name: 'site',
      authUrl: `${cloud.url}/v3`,
      auth: { method: 'password', user: { name: 'demo', domain }, password: 'peer', project: { name: 'demo', domain } },
      endpoints: { compute: endpoint, image: endpoint, network: endpoint, volume: endpoint },
      tls: { isVerified: true },
      ...more,
    }
    try {
      const session = await createIdentity({ name: 'site', settings, http }, now).session(replayCall())
      let seen = cloud.log.length
      const asked = () => {
        const news = cloud.log.slice(seen).filter((line) => !line.includes('/auth/tokens'))
        seen = cloud.log.length
        return news
      }
      await use({ cloud, settings, http, session, asked })
    } finally {
      await http.close()
    }
  })
}

/** An answer with JSON. */
export function jsonReply(body: object, status = 200): Reply {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}
