import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import type { Provider } from '../../../src/providers/provider.ts'
import { memoryProvider } from '../../../src/providers/memory/index.ts'
import { readCloud } from '../../../src/providers/openstack/clouds.ts'
import { connectCloud } from '../../../src/providers/openstack/connection.ts'
import { openStackProvider } from '../../../src/providers/openstack/index.ts'
import { USER_DATA_MAX_BYTES } from '../../../src/model/context.ts'
import { createService } from '../../../src/service/index.ts'
import { createRecorder } from '../../../src/service/recorder.ts'
import type { Service } from '../../../src/service/service.ts'
import { sqliteStore } from '../../../src/store/sqlite.ts'
import { openFaultyProxy, type FaultyProxy } from './faulty-proxy.ts'
import type { OwnProject } from './own-project.ts'

/** A service over a project of the peer's, with a proxy of its own in between. */
export interface FaultySite {
  readonly service: Service
  readonly provider: Provider
  readonly proxy: FaultyProxy
  /** What was logged, for people. */
  readonly said: readonly string[]
  readonly close: () => Promise<void>
}

interface FaultySiteOptions {
  /** How long one try may take (default 8). */
  readonly timeoutS?: number
  /** How long a client waits for its instance (default: until it is there). */
  readonly answerMs?: number
  readonly straysEveryMs?: number
  /** More of clouds.yaml, over what logs in with the user's password. */
  readonly cloud?: Parameters<OwnProject['cloudsYaml']>[1]
}

export async function openFaultySite(
  project: OwnProject,
  { timeoutS = 8, answerMs = 90_000, straysEveryMs, cloud = {} }: FaultySiteOptions = {},
): Promise<FaultySite> {
  const proxy = await openFaultyProxy(project.targets)
  const read = (path: string): Promise<string> => readFile(path, 'utf8')
  const path = await project.cloudsYaml(proxy.authUrl, { api_timeout: timeoutS, ...cloud })
  const around = { env: { OS_CLIENT_CONFIG_FILE: path }, readFile: read, cwd: '/', home: homedir() }
  const settings = await readCloud({ cloud: 'own' }, around)
  const provider = openStackProvider({ name: 'site', settings, http: await connectCloud(settings, read) })
  const store = await sqliteStore(':memory:')
  const said: string[] = []
  const say = (fields: Readonly<Record<string, unknown>>, message: string): void => {
    said.push(`${message} ${JSON.stringify(fields)}`)
  }
  const log = { info: say, warn: say, error: say }
  const recorder = createRecorder({ store, log })
  const running = createService({
    store,
    providers: new Map([provider, memoryProvider()].map((each) => [each.name, each])),
    recorder,
    rules: { servesMetadata: false, userDataMaxBytes: USER_DATA_MAX_BYTES },
    log,
    node: 'test',
    answerMs,
    reconcileEveryMs: 500,
    ...(straysEveryMs === undefined ? {} : { straysEveryMs }),
  })
  await running.start()
  return {
    service: running.service,
    provider,
    proxy,
    said,
    close: async () => {
      await running.close()
      await recorder.close()
      await store.close()
      await provider.close?.()
      await proxy.close()
    },
  }
}
