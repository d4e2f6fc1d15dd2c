import assert from 'node:assert/strict'
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { isCloudError } from '../../model/errors.ts'
import { findNetcat } from './netcat.ts'

describe('netcat', () => {
  let folder = ''
  before(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'bellhop-netcat-')))
    const program = async (path: string, help: string, mode = 0o755) => {
      await mkdir(join(folder, path, '..'), { recursive: true })
      await writeFile(join(folder, path), `#!/bin/sh\necho '${help}' >&2\nexit 1\n`, { mode })
    }
    await program('other/nc', 'Ncat 7.93 ( https://nmap.org/ncat )')
    await program('broken/nc', 'OpenBSD netcat', 0o644)
    await program('openbsd/nc', 'OpenBSD netcat (Debian patchlevel 1.219-1)')
  })
  after(() => rm(folder, { recursive: true }))

  it('is the first of that name that says it is of OpenBSD', async () => {
    const searchPath = ['gone', 'other', 'broken', 'openbsd'].map((name) => join(folder, name)).join(':')
    assert.equal(await findNetcat(searchPath), join(folder, 'openbsd', 'nc'))
  })

  it('is asked for by its package where there is only another', async () => {
    await assert.rejects(findNetcat(join(folder, 'other')), (error) => {
      return isCloudError(error, 'unavailable') && error.message.includes('apt-get install netcat-openbsd')
    })
  })
})
