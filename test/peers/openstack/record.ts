import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { OpenStack } from './content.ts'
import type { Owner } from './owner.ts'
import { FOLDER } from './site.ts'

const PATH = join(FOLDER, 'peer.json')

/** A peer that is up. */
export interface PeerRecord {
  /** The process that holds it. */
  readonly process: Owner
  /** The process with which it ends; without one it runs until a signal. */
  readonly owner?: Owner
  readonly cloud: OpenStack
}

/** The peer that is up, or was when its process was killed; `undefined` where none is. */
export async function readRecord(): Promise<PeerRecord | undefined> {
  const text = await readFile(PATH, 'utf8').catch(() => undefined)
  return text === undefined ? undefined : (JSON.parse(text) as PeerRecord)
}

/** Says that the peer is up. Who reads meanwhile sees all or nothing. */
export async function writeRecord(record: PeerRecord): Promise<void> {
  await writeFile(`${PATH}.new`, JSON.stringify(record), { mode: 0o600 })
  await rename(`${PATH}.new`, PATH)
}

/** Says that it is not up any more. */
export async function removeRecord(): Promise<void> {
  await rm(PATH, { force: true })
}
